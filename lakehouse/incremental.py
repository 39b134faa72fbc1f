"""Tables kept up by recomputing just what a change touches, so that they always equal a full rebuild."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from threading import Lock

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.atomic_files import write_json
from lakehouse.dataframes import row_differences, union
from lakehouse.errors import DeclarationError
from lakehouse.parallel import run_in_parallel
from lakehouse.storage import Lake
from lakehouse.table import Source, Table

_DAY_OF = re.compile(r"to_date\((\w+)\)")

MAX_LISTED_DAYS = 400
"""Up to how many days a filter names each one; beyond, it names the first and the last."""

MAX_DRIVER_ROWS = 20_000
"""Up to how many rows the driver holds itself: a query that begins with them needs no plan that makes them."""


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
    writing = Lock()
    inputs = _Inputs(lake, span)

    def refresh_table(table: Table) -> None:
        if table.name in begun and begun[table.name] != lake.version(table):
            before, now = lake.read(table, begun[table.name]), lake.read(table)
            changed[table.name] = _computed(_row_changes(table, before, now)).frame
        known = changes_for(table, span.table, changed)
        scopes = _touched_scopes(table, known, also)
        if scopes is None:
            return
        touched = _computed(scopes.distinct())
        if touched.is_empty:
            return
        within = _touched_days(lake, touched.frame, known, span) if table.scope == span.table.scope else None
        limits = _limits(table, touched)
        frames = {
            name: sources[source.name]
            if source.name in sources
            else inputs.part(source, table, touched, limits, within)
            for name, source in table.reads.items()
        }
        there = _current_rows(lake, table, touched.frame, limits, within)
        rewritten = _computed(_row_changes(table, there, table.make(frames)))
        if rewritten.is_empty:
            return
        with writing:
            if not journal.exists():
                write_json(journal, {one.name: lake.version(one) for one in tables})
        _apply_changes(lake, table, rewritten)
        earlier = [changed[table.name]] if table.name in changed else []
        changed[table.name] = union([rewritten.frame, *earlier])

    run_in_parallel(lake.spark, tables, refresh_table)
    journal.unlink(missing_ok=True)


@dataclass(frozen=True)
class Days:
    """Some days: ``named`` has each one, or, where they are many, the first and the last."""

    named: tuple[date, ...]
    are_many: bool = False

    @classmethod
    def of(cls, rows: DataFrame, column: str) -> Days:
        """Those in a column of some rows."""
        days = rows.select(F.col(column).alias("day")).where("day IS NOT NULL").distinct()
        found = {row["day"] for row in days.limit(MAX_LISTED_DAYS + 1).collect()}
        if len(found) <= MAX_LISTED_DAYS:
            return cls(tuple(sorted(found)))
        return cls(tuple(days.agg(F.min("day"), F.max("day")).first()), are_many=True)  # type: ignore[arg-type]

    def hold(self, column: str) -> str:
        """SQL that holds where a column is one of these days, and on few others: files of other days are not read."""
        literals = [f"DATE'{day.isoformat()}'" for day in self.named]
        if self.are_many:
            return f"{column} BETWEEN {literals[0]} AND {literals[1]}"
        return f"{column} IN ({', '.join(literals)})" if literals else "false"

    def hold_instant(self, column: str) -> str:
        """SQL that holds where an instant is not before the first of these days and not after the last.

        Files are skipped by what the log knows of an instant, not by the day that is made from it.
        """
        if not self.named:
            return "false"
        first, last = self.named[0], self.named[-1] + timedelta(days=1)
        return f"{column} >= TIMESTAMP'{first.isoformat()}' AND {column} < TIMESTAMP'{last.isoformat()}'"


@dataclass(frozen=True)
class _Rows:
    """Rows that are computed; ``few`` has them on the driver too, where they are no more than MAX_DRIVER_ROWS."""

    frame: DataFrame
    local: pa.Table | None

    @property
    def is_empty(self) -> bool:
        return self.local is not None and self.local.num_rows == 0

    def days(self, column: str) -> Days:
        found = () if self.local is None else tuple(sorted(set(self.local[column].to_pylist()) - {None}))
        if self.local is None or len(found) > MAX_LISTED_DAYS:
            return Days.of(self.frame, column)
        return Days(found)

    @property
    def has_old(self) -> bool:
        """Whether some of these changes of a table are rows that it had before."""
        if self.local is None:
            return not self.frame.where("NOT _is_new").isEmpty()
        return not all(self.local["_is_new"].to_pylist())

    def last_of(self, key: Sequence[str]) -> DataFrame:
        """Of these changes of a table, the new rows, and those old ones whose key no new one has."""
        if self.local is None:
            new, old = self.frame.where("_is_new"), self.frame.where("NOT _is_new")
            return union([new, old.join(new.select(*key), list(key), "left_anti")])
        is_new = self.local["_is_new"].to_pylist()
        keys = list(zip(*(self.local[name].to_pylist() for name in key), strict=True))
        replaced = {one for one, new in zip(keys, is_new, strict=True) if new}
        last = pa.array([new or one not in replaced for one, new in zip(keys, is_new, strict=True)])
        return self.frame.sparkSession.createDataFrame(self.local.filter(last), schema=self.frame.schema)


def _collect_small(rows: DataFrame) -> _Rows:
    """The rows, on the driver too where they are few; the frame then begins with those."""
    few = rows.limit(MAX_DRIVER_ROWS + 1).toArrow()
    if few.num_rows > MAX_DRIVER_ROWS:
        return _Rows(rows, None)
    return _Rows(rows.sparkSession.createDataFrame(few, schema=rows.schema), few)


def localize_small(rows: DataFrame) -> DataFrame:
    """The rows, on the driver where they are few: each time that Spark looks up what a table holds is dear."""
    return _collect_small(rows).frame


def _computed(rows: DataFrame) -> _Rows:
    """The rows, computed now and kept without the plan that made them.

    A write to what they were made from does not change them, and what is made from them, table
    after table, does not carry their plans along.
    """
    return _collect_small(rows.localCheckpoint(eager=False))


def _read_journal(journal: Path) -> dict[str, int]:
    """The versions of the tables before a refresh that was interrupted; none if none was."""
    try:
        return json.loads(journal.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    except FileNotFoundError:
        return {}


def changes_for(table: Table, also: Table, changed: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """What changed in the tables that a table reads, in itself and in one more.

    Each is looked up by its name: other tables, made side by side with this one, add theirs meanwhile.
    """
    names = dict.fromkeys(source.name for source in (*table.reads.values(), table, also))
    return {name: changed[name] for name in names if name in changed}


def _touched_scopes(table: Table, changed: Mapping[str, DataFrame], also: Mapping[str, DataFrame]) -> DataFrame | None:
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


def _touched_days(lake: Lake, touched: DataFrame, changed: Mapping[str, DataFrame], span: Span) -> Days:
    """The days on which all input rows of the touched scopes lie.

    A scope's rows lie on the days of the rows that changed, and between the first and the last
    day that it has, or had before it changed.
    """
    table = span.table
    spans = [_rows_in_scopes(lake.read(table).select(*table.scope, span.first, span.last), table, touched, table.scope)]
    if table.name in changed:
        spans.append(changed[table.name])
    parts = [one.select(F.explode(F.sequence(span.first, span.last)).alias("day")) for one in spans]
    parts += [frame.select(F.col(span.day).alias("day")) for frame in changed.values() if span.day in frame.columns]
    return Days.of(union(parts), "day")


def _limits(table: Table, touched: _Rows) -> dict[str, Days]:
    """The days that are touched, by those columns of a table's scope that are days."""
    days = {column.name for column in table.columns if column.type == "DATE" and column.required}
    return {name: touched.days(name) for name in table.scope if name in days}


class _Inputs:
    """What one refresh reads. Few rows that several tables ask for are read once: each read of Delta is dear."""

    def __init__(self, lake: Lake, span: Span) -> None:
        self._lake = lake
        self._span = span
        self._read: dict[tuple[str, ...], DataFrame] = {}
        self._reading: defaultdict[tuple[str, ...], Lock] = defaultdict(Lock)

    def part(
        self, source: Source, table: Table, touched: _Rows, limits: Mapping[str, Days], within: Days | None
    ) -> DataFrame:
        """The rows of an input that belong to the touched scopes of a table."""
        if not isinstance(source, Table):
            raise DeclarationError(f"{table.name} reads {source.name}, which nothing provides.")
        conditions = []
        for name, days in limits.items():
            sql = table.scope[name]
            if instant := _DAY_OF.fullmatch(sql):
                conditions.append(days.hold_instant(f"`{instant[1]}`"))
            elif sql in source.column_names:
                conditions.append(days.hold(f"`{sql}`"))
        day = self._span.day if self._span.day in source.column_names else (*source.cluster_by, "")[0]
        if within is not None and day in (self._span.day, self._span.first):
            conditions.append(within.hold(f"`{day}`"))
        return _rows_in_scopes(self._localize_small(source, conditions), table, touched.frame, table.scope)

    def _localize_small(self, source: Table, conditions: Sequence[str]) -> DataFrame:
        """The rows on which the conditions hold; where there are no conditions, they would be too many to ask."""
        if not conditions:
            return self._lake.read(source)
        asked = (source.name, *conditions)
        with self._reading[asked]:
            if asked not in self._read:
                self._read[asked] = localize_small(self._lake.read(source).where(" AND ".join(conditions)))
            return self._read[asked]


def _current_rows(
    lake: Lake, table: Table, touched: DataFrame, limits: Mapping[str, Days], within: Days | None
) -> DataFrame:
    """Those rows of a table itself that belong to touched scopes."""
    rows = lake.read(table)
    for name, days in limits.items():
        rows = rows.where(days.hold(f"`{name}`"))
    if within is not None and table.cluster_by:
        rows = rows.where(within.hold(f"`{table.cluster_by[0]}`"))
    return _rows_in_scopes(rows, table, touched, {name: f"`{name}`" for name in table.scope})


def _rows_in_scopes(rows: DataFrame, table: Table, touched: DataFrame, scope: Mapping[str, str]) -> DataFrame:
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


def _row_changes(table: Table, before: DataFrame, after: DataFrame) -> DataFrame:
    """The rows that only one of the two has; ``_is_new`` says of each whether it is the later one."""
    columns = table.column_names
    return row_differences(before, after, columns).select(*columns, (F.col("_more") > 0).alias("_is_new"))


def _apply_changes(lake: Lake, table: Table, changes: _Rows) -> None:
    """Puts the new rows in place of the old ones; an old one whose key no new one has goes."""
    with lake.writing(table):
        if not changes.has_old:
            lake.append(table, changes.frame.drop("_is_new"))
            return
        within = ""
        if table.cluster_by and dict(changes.frame.dtypes)[table.cluster_by[0]] == "date":
            within = changes.days(table.cluster_by[0]).hold(f"t.`{table.cluster_by[0]}`")
        rows = changes.last_of(table.key).withColumn("_gone", ~F.col("_is_new"))
        lake.merge(table, rows, gone="_gone", within=within)
