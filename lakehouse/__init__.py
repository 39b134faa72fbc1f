"""Tables on Delta Lake: declarations, storage, streams, incremental refresh. Knows no business and no command."""
