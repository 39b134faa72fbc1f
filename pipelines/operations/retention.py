"""Take out of a table what is older than its retention, which is a setting; without it, everything stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pyarrow.compute as pc

from gold.prediction_log import TABLE as LOG
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import UsageError
from lakehouse.table import Table
from pipelines.operations import old_quarantine
from pipelines.operations.old_records import delete_old_records, find_old_records
from pipelines.runtime.settings import Settings
from silver.quarantine import QUARANTINE


@dataclass(frozen=True)
class OldRows:
    """How many rows of a table are older than its retention and go, and why others stay that are as old."""

    rows: int = 0
    stay: str = ""


def setting_of(table: Table) -> str:
    """The name of the setting that says for how many days a table's rows stay; empty where none does."""
    names = {LOG.name: "prediction_log_days", QUARANTINE.name: "quarantine_days"}
    return "bronze_days" if table.layer == "bronze" else names.get(table.name, "")


def oldest_kept_day(settings: Settings, table: Table) -> date | None:
    """The first day whose rows stay in a table; None where all stay."""
    name = setting_of(table)
    days = getattr(settings.retention, name) if name else 0
    return datetime.now(UTC).date() - timedelta(days=days) if days else None


def find_old_rows(settings: Settings, table: Table) -> OldRows:
    """What ``delete_old_rows`` would do to a table that exists."""
    if (oldest := oldest_kept_day(settings, table)) is None:
        return OldRows()
    lake, before = _lake(settings, table), _start_of(oldest)
    if table.layer == "bronze":
        old = find_old_records(settings, lake, table.short_name, before)
        return OldRows(old.rows, old.stay)
    if table.name == QUARANTINE.name:
        return OldRows(old_quarantine.count_old_rows(lake, before))
    return OldRows(_count(lake, table, oldest))


def delete_old_rows(settings: Settings, table: Table) -> OldRows:
    """Deletes the rows of a table that exists which are older than its retention, in one commit.

    Of quarantine's rows it deletes the bytes alone. It is no change of data to who follows the table: a row that is
    written again with its file is no new one.

    Raises UsageError where the lake is a URI, or the table one that Spark alone can write.
    """
    if (oldest := oldest_kept_day(settings, table)) is None:
        return OldRows()
    lake, before = _lake(settings, table), _start_of(oldest)
    if table.layer == "bronze":
        old = delete_old_records(settings, lake, table.short_name, before)
        return OldRows(old.rows, old.stay)
    if table.name == QUARANTINE.name:
        return OldRows(old_quarantine.expire_old_rows(lake, before))
    (day,) = table.sort_by
    if found := _count(lake, table, oldest):
        lake.delete(table, [day], lambda rows: pc.less(rows[day], oldest))
    return OldRows(found)


def old_rows_in_words(table: str, rows: int, *, done: bool) -> str:
    """What became, or would become, of a table's old rows."""
    what = "lose their bytes" if table == QUARANTINE.name else "be deleted"
    past = "have lost their bytes" if table == QUARANTINE.name else "are deleted"
    return (
        f"{table}: {rows:,} rows were older than its retention, and {past}."
        if done
        else f"{table}: {rows:,} rows are older than its retention, and would {what}."
    )


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


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
            f"Set retention.{setting_of(table)} to 0.",
        )
    return lake
