"""Any CSV, by a mapping of its columns to fields of events."""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse.errors import UsageError
from producers.record import Record
from producers.replay.format import Format, Line, Unreadable


def read(_: Iterator[Line]) -> Iterator[Record | Unreadable]:
    """Raises UsageError: without a mapping nobody knows what the columns are."""
    raise UsageError(
        "The format csv needs a mapping of its columns.",
        "Give one as --mapping FILE; docs/how-to/replay-an-export.md shows one.",
    )


FORMAT = Format("csv", "Any CSV with a header, by a mapping (--mapping) of its columns.", read)
"""A row is what the mapping says."""
