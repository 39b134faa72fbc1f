"""How tables are kept: declarations, storage, streams and sessions. Knows nothing of shops."""
