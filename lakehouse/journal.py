"""Keep the versions of all tables while a refresh writes them, so that an interrupted one is completed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

from lakehouse.atomic_files import write_json
from lakehouse.table import Table


class Journal:
    """A file that exists while the tables of a refresh are written.

    Where a refresh was interrupted, the next one reads from it which rows the finished tables had before: the
    tables that read those have yet to follow.
    """

    def __init__(self, path: Path, tables: Sequence[Table]) -> None:
        self.path = path
        self._tables = tables
        self._lock = Lock()

    def interrupted(self) -> dict[str, int]:
        """By their names, the versions of the tables before an interrupted refresh; none where none was."""
        try:
            return json.loads(self.path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
        except FileNotFoundError:
            return {}

    def begin(self, version: Callable[[Table], int]) -> None:
        """Keeps the versions of all tables, unless that is done already."""
        with self._lock:
            if not self.path.exists():
                write_json(self.path, {table.name: version(table) for table in self._tables})

    def finish(self) -> None:
        """The refresh is complete."""
        self.path.unlink(missing_ok=True)
