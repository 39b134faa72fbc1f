"""Declare the time by which sessions close, the broker's and never this machine's, and the shop's limits for bots."""

from lakehouse.table import Column, Source

CLOCK = Source(
    "clock",
    "One row: the broker's time, how long a session may rest before it is closed, and what makes one a suspected bot.",
    (
        Column("as_of", "TIMESTAMP", "The broker's time, in UTC.", required=True),
        Column("closes_after_seconds", "DOUBLE", "How long a session may rest before it is closed, in seconds.", True),
        Column("bot_events", "BIGINT", "So many events in a session are a bot's.", True),
        Column("bot_rest_seconds", "DOUBLE", "Nobody goes on so long without an hour of rest, in seconds.", True),
        Column("bot_page_views", "BIGINT", "From so many page views on their pace counts.", True),
        Column("bot_page_views_per_second", "DOUBLE", "Nobody is shown more pages a second, on average.", True),
        Column("bot_pause_seconds", "DOUBLE", "No session goes on after a longer pause, in seconds.", True),
        Column("bot_sessions_in_24_hours", "BIGINT", "Nobody begins more sessions within 24 hours.", True),
    ),
)
"""Handed to the tables that read it by the job that asks the broker."""
