"""Declare the time by which sessions close: the broker's, never this machine's."""

from lakehouse.table import Column, Source

CLOCK = Source(
    "clock",
    "One row: the broker's time, and how long a session may rest before it is closed.",
    (
        Column("as_of", "TIMESTAMP", "The broker's time, in UTC.", required=True),
        Column("closes_after_seconds", "DOUBLE", "How long a session may rest before it is closed, in seconds.", True),
    ),
)
"""Handed to the tables that read it by the job that asks the broker."""
