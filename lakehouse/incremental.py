"""Tables kept up by recomputing just what a change touches, so that they always equal a full rebuild."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.errors import DeclarationError
from lakehouse.frames import union
from lakehouse.storage import Lake
from lakehouse.table import Source, Table

_DAY_OF = re.compile(r"to_date\((\w+)\)")

MANY_DAYS = 400
"""Up to how many days a filter names each one; beyond, it names the first and the last."""


@dataclass(frozen=True)
class Span:
    """How to tell on which days a scope has input rows, without reading all of them.

    ``table`` has one row per scope, with the days of its first and its last input row in
    ``first`` and ``last``. An input row has its day in the column ``day``.
    """

    table: Table
    first: str
    last: str
    day: str


def refresh(
    lake: Lake,
    tables: Sequence[Table],
    changes: Mapping[str, DataFrame],
    *,
    also: Mapping[str, DataFrame],
    sources: Mapping[str, DataFrame],
    span: Span,
) -> None:
    """Recomputes, in each of the tables, the rows whose input has changed.

    ``tables`` stand in order, each after those that it reads. ``changes`` has, by the name of an
    input table, its rows that came, went or changed (as they were and as they are), or of these just
    what the tables' scopes say, in columns named by the scopes' SQL. ``also`` has,
    by the name of a table, scopes to recompute although no input row changed. ``sources`` has
    what is read and is no table of the lake. Doing it again changes nothing.
    """
    changed = dict(changes)
    days = ""
    with ExitStack() as held:

        def keep(frame: DataFrame) -> DataFrame:
            frame = frame.persist()
            held.callback(frame.unpersist)
            return frame

        for table in tables:
            touched = _touched(table, changed, also)
            if touched is None:
                continue
            touched = keep(touched.distinct())
            if touched.isEmpty():
                continue
            within = ""
            if table.scope == span.table.scope:
                # Known from before the first of these tables is written: a session may lose days by it.
                days = days or _within(lake, touched, changed, span)
                within = days
            frames = {
                name: sources[source.name]
                if source.name in sources
                else _part(lake, source, table, touched, within, span)
                for name, source in table.reads.items()
            }
            rows = keep(table.make(frames))
            there = keep(_there(lake, table, touched, within))
            _put(lake, table, rows, there)
            changed[table.name] = rows.unionByName(there.select(*rows.columns))


def _touched(table: Table, changed: Mapping[str, DataFrame], also: Mapping[str, DataFrame]) -> DataFrame | None:
    """The scopes of a table that some change touches."""
    parts = [
        changed[source.name].select(
            *(
                (F.col(f"`{sql}`") if sql in changed[source.name].columns else F.expr(sql)).alias(name)
                for name, sql in table.scope.items()
            )
        )
        for source in table.reads.values()
        if source.name in changed
    ]
    if table.name in also:
        parts.append(also[table.name].select(*table.scope))
    return union(parts) if parts else None


def _within(lake: Lake, touched: DataFrame, changed: Mapping[str, DataFrame], span: Span) -> str:
    """A condition on a day (written as {day}) that holds for all input rows of the touched scopes.

    A scope's rows lie on the days of the rows that changed, and between the first and the last
    day that it had before.
    """
    table = span.table
    before = _of_scope(lake.read(table).select(*table.scope, span.first, span.last), table, touched, table.scope)
    parts = [before.select(F.explode(F.sequence(span.first, span.last)).alias("day"))]
    parts += [frame.select(F.col(span.day).alias("day")) for frame in changed.values() if span.day in frame.columns]
    days = union(parts).where("day IS NOT NULL").distinct()
    found = [row["day"] for row in days.limit(MANY_DAYS + 1).collect()]
    if len(found) > MANY_DAYS:
        ends = days.agg(F.min("day"), F.max("day")).first()
        return f"{{day}} BETWEEN {_literal(ends[0])} AND {_literal(ends[1])}"  # type: ignore[index]
    return f"{{day}} IN ({', '.join(_literal(day) for day in sorted(found))})" if found else "false"


def _literal(day: date) -> str:
    return f"DATE'{day.isoformat()}'"


def _part(lake: Lake, source: Source, table: Table, touched: DataFrame, within: str, span: Span) -> DataFrame:
    """The rows of an input that belong to the touched scopes of a table."""
    if not isinstance(source, Table):
        raise DeclarationError(f"{table.name} reads {source.name}, which nothing provides.")
    rows = lake.read(source)
    for name, sql in table.scope.items():
        if instant := _DAY_OF.fullmatch(sql):
            ends = touched.agg(F.min(name), F.max(name)).first()
            # Files are skipped by what the log knows of an instant, not by the day that is made from it.
            rows = rows.where(
                (F.col(instant[1]) >= F.lit(ends[0])) & (F.col(instant[1]) < F.date_add(F.lit(ends[1]), 1))  # type: ignore[index]
            )
    day = span.day if span.day in source.column_names else (*source.cluster_by, "")[0]
    if within and day in (span.day, span.first):
        rows = rows.where(within.format(day=f"`{day}`"))
    return _of_scope(rows, table, touched, table.scope)


def _there(lake: Lake, table: Table, touched: DataFrame, within: str) -> DataFrame:
    """The rows of a table itself that belong to touched scopes."""
    rows = lake.read(table)
    if within and table.cluster_by:
        rows = rows.where(within.format(day=f"`{table.cluster_by[0]}`"))
    return _of_scope(rows, table, touched, {name: f"`{name}`" for name in table.scope})


def _of_scope(rows: DataFrame, table: Table, touched: DataFrame, scope: Mapping[str, str]) -> DataFrame:
    """The rows whose scope is a touched one; ``scope`` has the SQL that gives it."""
    wanted = touched.select(*(F.col(name).alias(f"_touched_{name}") for name in table.scope))
    required = {column.name for column in table.columns if column.required}
    conditions = [
        F.expr(sql) == F.col(f"_touched_{name}")
        if name in required
        else F.expr(sql).eqNullSafe(F.col(f"_touched_{name}"))
        for name, sql in scope.items()
    ]
    return rows.join(wanted, conditions, "left_semi")


def _put(lake: Lake, table: Table, rows: DataFrame, there: DataFrame) -> None:
    """Puts the rows in place of those that are there; what is there and not among them goes."""
    with lake.writing(table):
        if there.isEmpty():
            lake.append(table, rows)
            return
        gone = there.join(rows.select(*table.key), list(table.key), "left_anti").withColumn("_gone", F.lit(True))
        within = ""
        if table.cluster_by and dict(there.dtypes)[table.cluster_by[0]] == "date":
            by = table.cluster_by[0]
            found = sorted(row[0] for row in there.select(by).distinct().limit(MANY_DAYS + 1).collect())
            if len(found) <= MANY_DAYS:
                within = f"t.`{by}` IN ({', '.join(_literal(day) for day in found)})"
        lake.merge(table, rows.withColumn("_gone", F.lit(False)).unionByName(gone), gone="_gone", within=within)
