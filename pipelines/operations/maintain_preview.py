"""Say what `maintain` would gain, in files and bytes, by the logs of the tables; starts no Spark, changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import UsageError
from lakehouse.table import Table
from pipelines.operations.retention import find_old_rows
from pipelines.runtime.settings import Settings
from pipelines.runtime.table_damage import folders, refuse_damaged


@dataclass(frozen=True)
class Gain:
    """What a table would gain: files that are written together, and files that are removed, with their bytes.

    ``rows_to_delete`` are older than its retention; ``rows_kept`` says why rows stay that are as old.
    """

    table: str
    files: int
    files_to_compact: int
    bytes_to_compact: int
    files_to_remove: int
    bytes_to_remove: int
    kept: str = ""
    rows_to_delete: int = 0
    rows_kept: str = ""


NextVersion = Callable[[Settings, Table], tuple[str, dict[str, Any] | None]]
"""Gives the stream that reads a table, and where it stands; None where none has to be waited for."""


def preview(settings: Settings, tables: Iterable[Table], retain_hours: float, reader: NextVersion) -> list[Gain]:
    """What each table that exists would gain now.

    Raises UsageError where the lake is no folder, TableDamageError where a table is damaged.
    """
    if not LocalLake.is_local(settings.lake_root):
        raise UsageError("--dry-run reads tables in a folder, and this lake is a URI.", "Leave --dry-run out.")
    lake = LocalLake(settings.lake_root, settings.locks)
    return [_gain(settings, lake, table, retain_hours, reader) for table in tables if lake.exists(table)]


def _gain(settings: Settings, lake: LocalLake, table: Table, hours: float, reader: NextVersion) -> Gain:
    refuse_damaged(settings.lake_root, table)
    (folder,) = folders(settings.lake_root, table).values()
    compactable = lake.compactable(table) if lake.is_writable(table) else []
    kept = _waits(folder, *reader(settings, table), hours)
    opened, old = lake.open(table), find_old_rows(settings, table)
    # Where it is allowed to say what less than the safe hours would remove: nothing is removed here.
    removable = [] if kept else opened.vacuum(int(hours), dry_run=True, enforce_retention_duration=False)
    sizes = [path.stat().st_size for path in map(folder.joinpath, removable) if path.exists()]
    return Gain(
        table.name,
        len(opened.file_uris()),
        len(compactable),
        sum(file.size for file in compactable),
        len(sizes),
        sum(sizes),
        kept,
        old.rows,
        old.stay,
    )


def _waits(folder: Path, stream: str, at: dict[str, Any] | None, hours: float) -> str:
    """Why a table's old files would stay: a stream has yet to read a version that needs them."""
    if at is None:
        return ""
    commit = folder / "_delta_log" / f"{at['reservoirVersion']:020d}.json"
    if not commit.exists() or commit.stat().st_mtime > time.time() - hours * 3_600:
        return ""
    return f"old files stay: the stream {stream} has yet to read version {at['reservoirVersion']}"
