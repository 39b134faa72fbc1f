"""Compute gold again without the erased people, so that it equals a rebuild before any stream runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from lakehouse.engines.in_process import build_tables, refresh_tables
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import DataError, OutsideError
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.runtime.settings import Settings
from producers.contract.pseudonyms import Pseudonyms


def built_tables(lake: LocalLake) -> list[Table]:
    """The gold tables that are computed from others, where all of them are there; else none, as gold is yet to come."""
    tables = gold_builder.incremental_tables()
    return tables if all(lake.exists(table) for table in tables) else []


def require_computable(tables: list[Table]) -> None:
    """Raises OutsideError where a table cannot be computed without Spark."""
    if lacking := [table.name for table in tables if table.name not in gold_builder.table_sql()]:
        raise OutsideError(
            f"{', '.join(lacking)} cannot be computed without Spark, as the SQL of its declaration is not written.",
            "Run `clickstream check --write` first.",
        )


def require_present_names(settings: Settings, lake: LocalLake, pseudonyms: Pseudonyms) -> None:
    """Raises DataError where gold was not built since silver was: it may name users by a key of before."""
    if pseudonyms.key and built_tables(lake) and not gold_builder.gold_checkpoint(settings).exists():
        raise DataError(
            "Gold was not built since silver was rebuilt, and may name users in another way: not all could be found.",
            "Run `clickstream aggregate`, then erase.",
        )


def clock_of_gold(lake: LocalLake) -> datetime:
    """The latest time that gold's own rows know: that of the last session that was closed."""
    closed = lake.read(SESSIONS, ["closes_at"], {"is_closed": [True]})["closes_at"]
    return pc.max(closed).as_py() or datetime(1970, 1, 1, tzinfo=UTC)


def recompute(
    settings: Settings, lake: LocalLake, tables: list[Table], changes: Mapping[str, pa.Table], *, as_whole: bool
) -> None:
    """Computes what rows of silver touch that are gone or new; all of gold where ``as_whole``.

    Sessions are closed by the clock that gold has already, so that those of others stay as they are.
    """
    sources = {CLOCK.name: gold_builder.clock_rows(settings, clock_of_gold(lake))}
    memory, sql = settings.engines.in_process_memory, gold_builder.table_sql()
    journal = gold_builder.refresh_journal(settings)
    if as_whole:
        versions = {table.name: lake.version(table) for table in gold_builder.upstream_tables()}
        build_tables(lake, tables, sql, sources=sources, versions=versions, memory=memory)
    else:
        refresh_tables(
            lake,
            tables,
            sql,
            {name: rows for name, rows in changes.items() if rows.num_rows},
            also={},
            sources=sources,
            span=gold_builder.SPAN,
            journal=journal,
            memory=memory,
        )
    journal.finish()
