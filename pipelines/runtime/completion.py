"""Complete the names of tables, events and formats for a shell; by their declarations, which load at once."""

from __future__ import annotations


def complete_table(incomplete: str) -> list[str]:
    """The tables whose full name, or short name where no other table has it, begins so."""
    from pipelines.runtime.catalog import SHORT_NAMES, TABLES

    short = [name for name, tables in SHORT_NAMES.items() if incomplete and len(tables) == 1]
    return [name for name in (*TABLES, *short) if name.startswith(incomplete)]


def complete_event(incomplete: str) -> list[str]:
    """The events whose name begins so."""
    from producers.events import EVENTS

    return [name for name in EVENTS if name.startswith(incomplete)]


def complete_format(incomplete: str) -> list[str]:
    """The formats of exports whose name begins so."""
    from producers.replay.formats import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]
