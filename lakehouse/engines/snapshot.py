"""Hold a table at a version, as delta-rs reads it from the log, and say in words what goes wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from lakehouse.engines.arrow_rows import plain_schema
from lakehouse.errors import LakehouseError, OutsideError

if TYPE_CHECKING:
    from deltalake import DeltaTable

CommitFile = tuple[int, int, int]
"""What tells one commit file from another with its name: its place on the disk, when it was written, and its size."""

_INDEXED_COLUMNS = 32
"""So many columns have statistics in the log where a table names none."""


class Snapshot:
    """A table at a version, as delta-rs has it, and what is asked of it again and again."""

    def __init__(self, table: DeltaTable, log: Path) -> None:
        self.table = table
        self.version = int(table.version())
        # It tells the version from that of a table that was deleted and made again.
        self.commit = commit_of(log, self.version)
        self.schema = plain_schema(pa.schema(table.schema().to_arrow()))
        declared = table.metadata().configuration.get("delta.dataSkippingStatsColumns")
        names = self.schema.names[:_INDEXED_COLUMNS] if declared is None else declared.split(",")
        known = set(self.schema.names)
        self.statistics = tuple(name for name in (one.strip(" `") for one in names) if name in known)

    def is_there(self, log: Path) -> bool:
        """Whether the table still has this version."""
        return commit_of(log, self.version) == self.commit

    @cached_property
    def files(self) -> pa.Table:
        """The data files with their statistics, by the log."""
        return pa.table(self.table.get_add_actions(flatten=True))


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Turns what delta-rs, Arrow and the disk raise into a sentence for a person."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except LakehouseError:
        raise
    except (DeltaError, OSError, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise OutsideError(
            f"{what}: {why.rstrip('.')}.", "Look whether the disk is full, and whether files are missing or damaged."
        ) from error


def commit_of(log: Path, version: int) -> CommitFile | None:
    """What tells one commit file from another with its name."""
    try:
        found = (log / f"{version:020d}.json").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
