"""Silver: validated and typed events; beside them the quarantine and the duplicates."""
