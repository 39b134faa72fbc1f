"""Build gold from silver as a whole (the backfill of the first start, and the rebuild), or one table for an audit.

Two engines do it, to the same rows: DuckDB in this process where that is enough, else Spark.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gold
from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.checkpoints import committed_offsets, resumes_at
from lakehouse.deferred_changes import DeferredChanges
from lakehouse.delta_log import next_unread
from lakehouse.engines.opened_table import newest
from lakehouse.engines.stored_sql import definition_digest, stored_sql
from lakehouse.errors import DeclarationError, OutsideError
from lakehouse.journal import Journal
from lakehouse.span import Span
from lakehouse.table import Source, Table
from pipelines.runtime.catalog import GOLD, TABLES
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.pseudonym_version import require_current_pseudonyms
from pipelines.runtime.settings import Settings
from pipelines.runtime.shop_version import require_current_shop
from producers import kafka
from producers.shop.settings import current_shop

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from pipelines.runtime.job import Job

STREAM = "gold"
"""The name of the one stream that feeds all of gold."""

SPAN = Span(SESSIONS, first="started_on", last="ended_on", day="event_on")
"""A session's events lie between its first and its last day."""

SQL_FOLDER = Path(gold.__path__[0]) / "sql"
"""Where the SQL of the gold tables is kept."""


def incremental_tables() -> list[Table]:
    """The gold tables with incremental refresh: those that a function builds from other tables.

    Each stands after those that it reads; what scoring waits for stands before the others.
    """
    first = upstream_names(EXAMPLES)
    return sorted(
        (table for table in GOLD.values() if table.build is not None), key=lambda table: table.name not in first
    )


def upstream_names(table: Source) -> set[str]:
    """The names of the table and of all that it is made from."""
    reads = table.reads.values() if isinstance(table, Table) else ()
    return {table.name}.union(*map(upstream_names, reads))


def upstream_tables() -> list[Table]:
    """The silver tables that the gold tables read."""
    names = {source.name for table in incremental_tables() for source in table.reads.values()}
    return [table for name, table in TABLES.items() if name in names and table.layer == "silver"]


@cache
def table_sql() -> Mapping[str, str]:
    """The SQL of the gold tables, by name, as far as it is written from the declarations as they are."""
    return stored_sql(SQL_FOLDER, GOLD.values())


def by_engine(settings: Settings) -> tuple[list[Table], list[Table]]:
    """The gold tables that this process can compute, and those that Spark has to.

    Spark has to compute a table whose SQL is not written, all that read one, and every table of a lake that is
    no folder of this machine.
    """
    from lakehouse.engines.local_lake import LocalLake

    here = LocalLake.is_local(settings.lake_root) and settings.engines.in_process_rows > 0
    in_process, by_spark = list[Table](), list[Table]()
    for table in incremental_tables():
        follows = {source.name for source in table.reads.values()} & {one.name for one in by_spark}
        (in_process if here and not follows and table.name in table_sql() else by_spark).append(table)
    return in_process, by_spark


def clock_frame(job: Job, as_of: datetime) -> DataFrame:
    """The clock as one row: by it sessions close."""
    from lakehouse.storage import spark_schema

    return job.spark.createDataFrame(clock_rows(job.settings, as_of), spark_schema(CLOCK))


def clock_rows(settings: Settings, as_of: datetime) -> pa.Table:
    """The same row for this process."""
    import pyarrow as pa

    limits = current_shop().bots
    return pa.table(
        {
            "as_of": pa.array([as_of], pa.timestamp("us", "UTC")),
            "closes_after_seconds": [settings.sessions.closes_after_minutes * 60.0],
            "bot_events": pa.array([limits.events], pa.int64()),
            "bot_rest_seconds": [limits.rest_hours * 3_600.0],
            "bot_page_views": pa.array([limits.page_views], pa.int64()),
            "bot_page_views_per_second": [limits.page_views_per_second],
            "bot_pause_seconds": [limits.reused_after_hours * 3_600.0],
            "bot_sessions_in_24_hours": pa.array([limits.sessions_in_24_hours], pa.int64()),
        }
    )


def broker_clock(job: Job) -> Callable[[], datetime]:
    """A function that gives the broker's time; where no broker answers, the arrival of the newest event in silver.

    The clock of this machine is not used. A job that has a clock of its own goes by that.
    """
    if job.clock is not None:
        return job.clock
    try:
        servers = bootstrap_servers(job.settings)
    except OutsideError:
        servers = ""

    def now() -> datetime:
        if servers:
            try:
                return _instant(kafka.broker_time(servers, job.settings.kafka.client))
            except OutsideError:
                pass
        return _newest_arrival(job)

    return now


def _newest_arrival(job: Job) -> datetime:
    from lakehouse.engines.local_lake import LocalLake

    if LocalLake.is_local(job.settings.lake_root):
        found = [newest(job.local_lake.open(table), "arrived_at") for table in upstream_tables()]
        return max(filter(None, found), default=_instant(0))
    from pyspark.sql import functions as F

    from lakehouse.dataframes import union

    each = union(job.lake.read(table).agg(F.max("arrived_at").alias("at")) for table in upstream_tables())
    row = each.agg(F.unix_micros(F.max("at"))).first()
    return _instant(row[0] if row and row[0] is not None else 0)


def _instant(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def touched_scopes(table: Table) -> set[str]:
    """The SQL on a changed row of a silver table that gives the scopes it touches."""
    used = {sql for one in incremental_tables() if table in one.reads.values() for sql in one.scope.values()}
    return used | ({SPAN.day} if SPAN.day in table.column_names else set())


def gold_checkpoint(settings: Settings) -> Path:
    """The folder of the stream's checkpoint.

    Other declarations are another stream: it begins with all that silver holds, so that a table or a column
    that is new, or computed in another way, has its whole history. So are other limits of suspected bots in
    conf/shop.toml. A description that changes is no other declaration.
    """
    names = tuple(table.name for table in incremental_tables())
    return settings.checkpoints / STREAM / _declared_version(names, current_shop().gold_version)


@cache
def _declared_version(names: tuple[str, ...], shop: str) -> str:
    declared = [
        shop,
        [table.name for table in upstream_tables()],
        *(
            [
                one.name,
                [[column.name, column.type] for column in one.columns],
                dict(one.scope),
                table_sql().get(one.name) or definition_digest(one),
            ]
            for one in map(GOLD.__getitem__, names)
        ),
    ]
    return hashlib.sha256(json.dumps(declared).encode()).hexdigest()[:12]


def read_offsets(settings: Settings) -> dict[str, dict[str, Any]]:
    """The stream's offset in each silver table, in the terms of Delta's source; none before its first batch.

    What it has read whole is behind it, whichever of two ways the source has to say so.
    """
    found = {}
    for table, position in zip(upstream_tables(), committed_offsets(gold_checkpoint(settings)) or (), strict=False):
        folder = Path(settings.lake_root) / table.layer / table.short_name
        version, index = int(position["reservoirVersion"]), int(position.get("index", -1))
        following = next_unread(folder, version, index)
        found[table.name] = {**position, "reservoirVersion": following, "index": -1 if following > version else index}
    return found


def refresh_journal(settings: Settings) -> Journal:
    """What says after an interrupted refresh which tables it has written."""
    return Journal(gold_checkpoint(settings) / "refresh.json", incremental_tables())


def deferred_changes(settings: Settings) -> DeferredChanges:
    """What the stream has read and some tables do not show yet: those that are refreshed beside it."""
    return DeferredChanges(gold_checkpoint(settings) / "deferred", "Run `clickstream rebuild gold`.")


def build_all(job: Job) -> dict[str, int]:
    """Builds gold from all of silver (backfill, rebuild); gives the versions of silver's tables that it read.

    Each table is replaced in one commit, so it is idempotent. What changes in silver meanwhile is left to
    the stream.
    """
    require_current_shop(job.lake, upstream_tables())
    require_current_pseudonyms(job.lake, upstream_tables())
    versions = {table.name: job.lake.version(table) for table in upstream_tables()}
    as_of = broker_clock(job)()
    in_process, by_spark = by_engine(job.settings)
    if in_process and _rows_of(job) > job.settings.engines.in_process_rows:
        in_process, by_spark = [], incremental_tables()
    if in_process:
        _build_in_process(job, in_process, versions, as_of)
    if by_spark:
        _build_by_spark(job, by_spark, versions, as_of)
    refresh_journal(job.settings).finish()
    kept = deferred_changes(job.settings)
    kept.forget(kept.files())
    return versions


def _rows_of(job: Job) -> int:
    return sum(job.local_lake.rows(table) for table in upstream_tables())


def _build_in_process(job: Job, tables: Sequence[Table], versions: Mapping[str, int], as_of: datetime) -> None:
    from lakehouse.engines.in_process import build_tables

    build_tables(
        job.local_lake,
        tables,
        table_sql(),
        sources={CLOCK.name: clock_rows(job.settings, as_of)},
        versions=versions,
        memory=job.settings.engines.in_process_memory,
    )


def _build_by_spark(job: Job, tables: Sequence[Table], versions: Mapping[str, int], as_of: datetime) -> None:
    from lakehouse.incremental import localize_small
    from lakehouse.parallel import run_in_parallel

    lake = job.lake
    given = {CLOCK.name: clock_frame(job, as_of)}
    given |= {table.name: localize_small(lake.read(table, versions[table.name])) for table in upstream_tables()}

    def build_one(table: Table) -> None:
        with lake.writing(table):
            lake.overwrite(table, build_table(job, table, given))

    run_in_parallel(job.spark, tables, build_one)


def build_table(job: Job, table: Table, given: Mapping[str, DataFrame]) -> DataFrame:
    """A gold table's rows by its declaration, from what is given by name and from the present gold tables."""

    def frame(source: Source) -> DataFrame:
        if source.name in given:
            return given[source.name]
        if isinstance(source, Table):
            return job.lake.read(source)
        raise DeclarationError(f"Nothing provides {source.name}.", "A gold table reads tables and the clock.")

    return table.make({name: frame(source) for name, source in table.reads.items()})


def base_versions(settings: Settings) -> dict[str, int]:
    """The versions of silver's tables that the last build of all of gold has read; none before that."""
    return json.loads(resumes_at(gold_checkpoint(settings)) or "{}")  # type: ignore[no-any-return]
