"""The shop: what its pages, buttons, referrers and robots are, as conf/shop.toml says, and what its addresses mean."""
