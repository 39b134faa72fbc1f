"""Delete the rows of a table that are older than its retention, which is a setting; without it, rows stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow.compute as pc

from gold.prediction_log import TABLE as LOG
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import UsageError
from lakehouse.table import Table
from pipelines.runtime.settings import Settings


def oldest_kept_day(settings: Settings, table: Table) -> date | None:
    """The first day whose rows stay in a table; None where all stay."""
    days = settings.retention.prediction_log_days if table.name == LOG.name else 0
    return datetime.now(UTC).date() - timedelta(days=days) if days else None


def count_old_rows(settings: Settings, table: Table) -> int:
    """How many rows of a table that exists are older than its retention."""
    oldest = oldest_kept_day(settings, table)
    return 0 if oldest is None else _count(_lake(settings, table), table, oldest)


def delete_old_rows(settings: Settings, table: Table) -> int:
    """Deletes the rows of a table that exists which are older than its retention, in one commit; gives how many.

    It is no change of data to who follows the table: a row that is written again with its file is no new one.

    Raises UsageError where the lake is a URI, or the table one that Spark alone can write.
    """
    if (oldest := oldest_kept_day(settings, table)) is None:
        return 0
    (day,) = table.sort_by
    lake = _lake(settings, table)
    if found := _count(lake, table, oldest):
        lake.delete(table, [day], lambda rows: pc.less(rows[day], oldest))
    return found


def _count(lake: LocalLake, table: Table, oldest: date) -> int:
    (day,) = table.sort_by
    days = lake.read(table, [day], {day: (date.min, oldest)})[day]
    return int(pc.sum(pc.less(days, oldest)).as_py() or 0)


def _lake(settings: Settings, table: Table) -> ErasingLake:
    lake = ErasingLake(settings.lake_root, settings.locks)
    if not (LocalLake.is_local(settings.lake_root) and lake.is_writable(table)):
        raise UsageError(
            f"Old rows of {table.name} in {settings.lake_root} can be deleted only where the lake is a folder, and no "
            "feature of Delta was added by hand.",
            "Set retention.prediction_log_days to 0.",
        )
    return lake
