"""What several gold tables are made from: the timeline of a session, its features, the broker's clock."""
