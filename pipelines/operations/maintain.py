"""Maintain tables: compact small files, vacuum those that no version within the retention needs, shorten the logs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from pyspark.sql import functions as F
from rich.table import Table as Grid

from lakehouse.checkpoints import completed_batches, oldest_needed
from lakehouse.delta_log import clean_log, oldest_since
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import OutsideError, UsageError
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.operations.maintain_preview import Gain, preview
from pipelines.operations.offsets import silver_offset
from pipelines.operations.retention import delete_old_rows, old_rows_in_words
from pipelines.operations.retention_elsewhere import keep_retention_elsewhere
from pipelines.operations.stream_tables import checkpoint_of, stream_tables
from pipelines.runtime.catalog import TABLES, table_named
from pipelines.runtime.completion import complete_table
from pipelines.runtime.console import call, err, out, print_json, spinner
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.table_damage import folders
from silver.events import SILVER

SAFE_HOURS = 168
"""How long a replaced file is kept, because someone may still read it: Delta's own default."""


@dataclass(frozen=True)
class Maintained:
    """One table's data files before and after, why old ones were kept, if they were, and how many rows were too old.

    ``rows_kept`` says why rows stay that are as old.
    """

    table: str
    files_before: int
    files_after: int
    kept: str = ""
    rows_deleted: int = 0
    rows_kept: str = ""


def maintain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", autocompletion=complete_table, help="One table, as in silver.clicks; all of them without."
        ),
    ] = "",
    retain_hours: Annotated[
        float, typer.Option(help="Remove files that were replaced longer ago than this.", min=0)
    ] = SAFE_HOURS,
    force: Annotated[
        bool, typer.Option("--force", help="Allow fewer than 168 hours: readers and time travel may fail.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; say what would be gained, in files and bytes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compact small files, remove those that nothing needs any more, and rows past retention; streams may run."""
    check_hours(retain_hours, force=force)
    tables = [table_named(name)] if name else list(TABLES.values())
    if dry_run:
        settings = load_settings()
        _show_gain(preview(settings, tables, retain_hours, _reader), as_json=as_json)
        _say(keep_retention_elsewhere(settings, dry_run=True) if not name else ())
        return
    job = open_job("maintain")
    done = run_maintain(job, tables, retain_hours=retain_hours, force=force)
    _show(done, as_json=as_json)
    _say(keep_retention_elsewhere(job.settings) if not name else ())


def _say(sentences: Iterable[str]) -> None:
    for one in sentences:
        err.print(one, soft_wrap=True)


def _show(done: list[Maintained], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in done])
        return
    grid = Grid("table", "files before", "after", "", box=None, padding=(0, 2))
    for one in done:
        grid.add_row(one.table, f"{one.files_before:,}", f"{one.files_after:,}", one.kept)
    out.print(grid)
    for one in done:
        _say_old_rows(one.table, one.rows_deleted, one.rows_kept, done=True)


def _say_old_rows(table: str, rows: int, stay: str, *, done: bool) -> None:
    if rows:
        out.print(old_rows_in_words(table, rows, done=done))
    if stay:
        out.print(f"{table}: {stay}.")


def _show_gain(found: list[Gain], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    grid = Grid("table", "files", "to compact", "MB", "to remove", "MB", "", box=None, padding=(0, 2))
    for one in found:
        sizes = (f"{size / 1e6:,.1f}" for size in (one.bytes_to_compact, one.bytes_to_remove))
        counts = (f"{count:,}" for count in (one.files_to_compact, one.files_to_remove))
        grid.add_row(one.table, f"{one.files:,}", next(counts), next(sizes), next(counts), next(sizes), one.kept)
    out.print(grid)
    for one in found:
        _say_old_rows(one.table, one.rows_to_delete, one.rows_kept, done=False)
    out.print(
        f"{sum(one.files_to_compact for one in found):,} files would be written together, "
        f"{sum(one.files_to_remove for one in found):,} removed, which frees "
        f"{sum(one.bytes_to_remove for one in found) / 1e6:,.1f} MB."
    )


def check_hours(retain_hours: float, *, force: bool) -> None:
    """Raises UsageError where files would be removed that someone may still read."""
    if retain_hours < SAFE_HOURS and not force:
        raise UsageError(
            f"With {retain_hours:g}, reading a version from up to {SAFE_HOURS} hours ago would fail.",
            "Leave --retain-hours out, or add --force if nothing reads or streams now.",
        )


def run_maintain(
    job: Job, tables: Iterable[Table], *, retain_hours: float = SAFE_HOURS, force: bool = False
) -> list[Maintained]:
    """Compacts the tables that exist, and vacuums them where no stream has old versions left to read.

    Each table's lock is held while it is compacted, so that no commit is lost.
    """
    check_hours(retain_hours, force=force)
    unsafe = "spark.databricks.delta.retentionDurationCheck.enabled"
    done = []
    with spinner() as shown:
        task = shown.add_task("maintain")
        if force:
            job.spark.conf.set(unsafe, "false")
        try:
            for table in tables:
                if job.lake.exists(table):
                    shown.update(task, description=f"maintain: {table.name}")
                    done.append(_maintain(job, table, retain_hours))
        finally:
            job.spark.conf.unset(unsafe)
    return done


def _maintain(job: Job, table: Table, retain_hours: float) -> Maintained:
    lake = job.lake
    before = lake.files(table)
    old = delete_old_rows(job.settings, table)
    with lake.writing(table):
        _compact(job, table)
        after = lake.files(table)
        shorten_log(job.settings, table)
    kept = _reader_behind(job, table, retain_hours)
    if not kept:
        # No file that a writer has in hand is as old as the safe hours; a forced run must keep writers away.
        with lake.writing(table) if retain_hours < SAFE_HOURS else nullcontext():
            lake.vacuum(table, retain_hours)
    return Maintained(table.name, before, after, kept, old.rows, old.stay)


def _compact(job: Job, table: Table) -> None:
    """Compacts a table here where it lies in a folder, which rewrites only what needs it; else by Spark."""
    if LocalLake.is_local(job.lake.root) and job.local_lake.is_writable(table):
        job.local_lake.compact(table)
    else:
        job.lake.compact(table)


def shorten_log(settings: Settings, table: Table) -> int:
    """Deletes commits that are older than ``retention.log_days`` and that no stream needs; gives how many.

    The caller holds the table's lock.
    """
    deleted = 0
    if gold_builder.refresh_journal(settings).interrupted():  # an interrupted refresh reads the versions from before it
        return 0
    for folder in folders(settings.lake_root, table).values():
        try:
            needed = list(_needed(settings, table))
        except OutsideError:  # a checkpoint that cannot be read may stand anywhere
            return 0
        since = time.time() - settings.retention.log_days * 86_400
        deleted += clean_log(folder, min([oldest_since(folder, since), *needed]))
    return deleted


def _needed(settings: Settings, table: Table) -> Iterator[int]:
    """The oldest versions of a table that streams may still ask for."""
    for name, tables in stream_tables().items():
        names = [one.name for one in tables.reads]
        if table.name in names:
            # A stream without a batch begins with the newest version.
            yield from oldest_needed(checkpoint_of(settings, name))[names.index(table.name) :][:1]
    if table.layer == "silver" and (built := gold_builder.base_versions(settings).get(table.name)) is not None:
        completed = completed_batches(gold_builder.gold_checkpoint(settings))
        if len(completed) <= 1:
            yield built


def _reader(settings: Settings, table: Table) -> tuple[str, dict[str, Any] | None]:
    """The stream that reads a table, and where it stands."""
    if table.layer == "bronze":
        return SILVER[table.short_name].name, silver_offset(settings, table.short_name)
    return gold_builder.STREAM, gold_builder.read_offsets(settings).get(table.name)


def _reader_behind(job: Job, table: Table, hours: float) -> str:
    """Why a table's old files must stay: a stream has yet to read a version that needs them."""
    try:
        name, at = _reader(job.settings, table)
    except OutsideError as error:
        return f"old files stay: {error.message}"
    if at is None:
        return ""
    next_version = at["reservoirVersion"]
    old = F.current_timestamp() - F.expr(f"INTERVAL {round(hours * 3600)} SECONDS")
    late = job.lake.history(table).where((F.col("version") == next_version) & (F.col("timestamp") < old))
    return "" if late.isEmpty() else f"old files stay: the stream {name} has yet to read version {next_version}"


if __name__ == "__main__":
    call(maintain)
