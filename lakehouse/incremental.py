"""Tables kept up by recomputing just what a change touches, so that they always equal a full rebuild."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.errors import DeclarationError
from lakehouse.files import write_json
from lakehouse.frames import differing, union
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
    journal: Path,
) -> None:
    """Recomputes, in each of the tables, the rows whose input has changed.

    ``tables`` stand in order, each after those that it reads. ``changes`` has, by the name of an
    input table, its rows that came, went or changed (as they were and as they are), or of these just
    what the tables' scopes say, in columns named by the scopes' SQL. ``also`` has,
    by the name of a table, scopes to recompute although no input row changed. ``sources`` has
    what is read and is no table of the lake. Doing it again changes nothing.

    ``journal`` is a file that is there while tables are written. The next refresh finds it where
    this one was interrupted, and tells from it which rows the finished tables had before: what is
    made from those tables has yet to follow.
    """
    changed = dict(changes)
    begun = _read_journal(journal)
    written = bool(begun)
    for table in tables:
        if table.name in begun and begun[table.name] != lake.version(table):
            changed[table.name] = _computed(_differing(table, lake.read(table, begun[table.name]), lake.read(table)))
        touched = _touched(table, changed, also)
        if touched is None:
            continue
        touched = _computed(touched.distinct())
        if touched.isEmpty():
            continue
        within = _within(lake, touched, changed, span) if table.scope == span.table.scope else ""
        limits = _limits(table, touched)
        frames = {
            name: sources[source.name]
            if source.name in sources
            else _part(lake, source, table, touched, limits, within, span)
            for name, source in table.reads.items()
        }
        there = _there(lake, table, touched, limits, within)
        rewritten = _computed(_differing(table, there, table.make(frames)))
        if rewritten.isEmpty():
            continue
        if not written:
            write_json(journal, {one.name: lake.version(one) for one in tables})
            written = True
        _put(lake, table, rewritten)
        earlier = [changed[table.name]] if table.name in changed else []
        changed[table.name] = union([rewritten, *earlier])
    journal.unlink(missing_ok=True)


def _computed(rows: DataFrame) -> DataFrame:
    """The rows, computed now and kept without the plan that made them.

    A write to what they were made from does not change them, and what is made from them, table
    after table, does not carry their plans along.
    """
    return rows.localCheckpoint()


def _read_journal(journal: Path) -> dict[str, int]:
    """The versions of the tables before a refresh that was interrupted; none if none was."""
    try:
        return json.loads(journal.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    except FileNotFoundError:
        return {}


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
    day that it has, or had before it changed.
    """
    table = span.table
    spans = [_of_scope(lake.read(table).select(*table.scope, span.first, span.last), table, touched, table.scope)]
    if table.name in changed:
        spans.append(changed[table.name])
    parts = [one.select(F.explode(F.sequence(span.first, span.last)).alias("day")) for one in spans]
    parts += [frame.select(F.col(span.day).alias("day")) for frame in changed.values() if span.day in frame.columns]
    return days_within(union(parts)) or "false"


def _limits(table: Table, touched: DataFrame) -> dict[str, str]:
    """By those columns of a table's scope that are days: a condition on {day} that holds for all touched rows."""
    days = {column.name for column in table.columns if column.type == "DATE" and column.required}
    return {name: days_within(touched.select(F.col(name).alias("day"))) for name in table.scope if name in days}


def days_within(days: DataFrame) -> str:
    """A condition on a day (written as {day}) that holds for those in the column ``day`` and few others.

    Files of other days are not read for it. It is empty where there are no days.
    """
    days = days.where("day IS NOT NULL").distinct()
    found = [row["day"] for row in days.limit(MANY_DAYS + 1).collect()]
    if len(found) > MANY_DAYS:
        ends = days.agg(F.min("day"), F.max("day")).first()
        return f"{{day}} BETWEEN {_literal(ends[0])} AND {_literal(ends[1])}"  # type: ignore[index]
    return f"{{day}} IN ({', '.join(_literal(day) for day in sorted(found))})" if found else ""


def _literal(day: date) -> str:
    return f"DATE'{day.isoformat()}'"


def _part(
    lake: Lake,
    source: Source,
    table: Table,
    touched: DataFrame,
    limits: Mapping[str, str],
    within: str,
    span: Span,
) -> DataFrame:
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
        elif name in limits and sql in source.column_names:
            rows = rows.where(limits[name].format(day=f"`{sql}`"))
    day = span.day if span.day in source.column_names else (*source.cluster_by, "")[0]
    if within and day in (span.day, span.first):
        rows = rows.where(within.format(day=f"`{day}`"))
    return _of_scope(rows, table, touched, table.scope)


def _there(lake: Lake, table: Table, touched: DataFrame, limits: Mapping[str, str], within: str) -> DataFrame:
    """Those rows of a table itself that belong to touched scopes."""
    rows = lake.read(table)
    for name, condition in limits.items():
        rows = rows.where(condition.format(day=f"`{name}`"))
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


def _differing(table: Table, before: DataFrame, after: DataFrame) -> DataFrame:
    """The rows that only one of the two has; ``_is_new`` says of each whether it is the later one."""
    columns = table.column_names
    return differing(before, after, columns).select(*columns, (F.col("_more") > 0).alias("_is_new"))


def _put(lake: Lake, table: Table, changes: DataFrame) -> None:
    """Puts the new rows in place of the old ones; an old one whose key no new one has goes."""
    new, old = changes.where("_is_new"), changes.where("NOT _is_new")
    with lake.writing(table):
        if old.isEmpty():
            lake.append(table, new.drop("_is_new"))
            return
        gone = old.join(new.select(*table.key), list(table.key), "left_anti")
        within = ""
        if table.cluster_by and dict(old.dtypes)[table.cluster_by[0]] == "date":
            by = table.cluster_by[0]
            within = days_within(old.select(F.col(by).alias("day"))).format(day=f"t.`{by}`")
        rows = union([new, gone]).withColumn("_gone", ~F.col("_is_new"))
        lake.merge(table, rows, gone="_gone", within=within)
