"""The shop: what is said, by whom, and under which contract."""
