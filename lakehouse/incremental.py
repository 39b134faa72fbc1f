"""Incremental refresh: recompute just the rows that a change touches, so that tables equal a full rebuild."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Lock

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.dataframes import row_differences, union
from lakehouse.errors import DeclarationError
from lakehouse.journal import Journal
from lakehouse.parallel import run_in_parallel
from lakehouse.span import Span, day_of_instant
from lakehouse.storage import Lake
from lakehouse.table import Source, Table

MAX_LISTED_DAYS = 400
"""A filter lists up to so many days; of more it names the first and the last."""

MAX_DRIVER_ROWS = 20_000
"""The driver collects up to so many rows: a query on them does not carry the plan that made them."""


def refresh(
    lake: Lake,
    tables: Sequence[Table],
    changes: Mapping[str, DataFrame],
    *,
    also: Mapping[str, DataFrame],
    sources: Mapping[str, DataFrame],
    span: Span,
    journal: Journal,
) -> None:
    """Recomputes, in each of the tables, the rows whose input has changed. It is idempotent.

    ``tables`` stand in order, each after those that it reads. ``changes`` has, by the name of an
    input table, its rows that were added, deleted or changed (as they were and as they are). Columns
    named by the SQL of the tables' scopes are enough. ``also`` has, by the name of a table, scopes to
    recompute although no input row changed. ``sources`` has what is read and is no table of the lake.

    The caller finishes the ``journal``.
    """
    run = _Refresh(lake, changes, also=also, sources=sources, span=span, journal=journal)
    run_in_parallel(lake.spark, tables, run.refresh_table)


class _Refresh:
    """One refresh. Its tables are refreshed in parallel, and each one's changes are input of the next."""

    def __init__(
        self,
        lake: Lake,
        changes: Mapping[str, DataFrame],
        *,
        also: Mapping[str, DataFrame],
        sources: Mapping[str, DataFrame],
        span: Span,
        journal: Journal,
    ) -> None:
        self._lake = lake
        self._changed = dict(changes)
        self._also = also
        self._sources = sources
        self._span = span
        self._inputs = _Inputs(lake, span)
        self._journal = journal
        self._interrupted = journal.interrupted()

    def refresh_table(self, table: Table) -> None:
        """Recomputes the touched scopes of a table, and upserts the rows that differ."""
        self._add_interrupted_changes(table)
        known = changes_for(table, self._span.table, self._changed)
        scopes = _touched_scopes(table, known, self._also)
        if scopes is None:
            return
        touched = _computed(scopes.distinct())
        if touched.is_empty:
            return
        rewritten = self._recompute(table, touched, known)
        if rewritten.is_empty:
            return
        self._journal.begin(self._lake.version)
        _apply_changes(self._lake, table, rewritten)
        earlier = [self._changed[table.name]] if table.name in self._changed else []
        self._changed[table.name] = union([rewritten.frame, *earlier])

    def _add_interrupted_changes(self, table: Table) -> None:
        """Where an interrupted refresh has written the table, its changes are input of the tables that read it."""
        before = self._interrupted.get(table.name)
        if before is not None and before != self._lake.version(table):
            rows = _row_changes(table, self._lake.read(table, before), self._lake.read(table))
            self._changed[table.name] = _computed(rows).frame

    def _recompute(self, table: Table, touched: _Rows, known: Mapping[str, DataFrame]) -> _Rows:
        """The rows of the touched scopes that differ from those that the table has."""
        days = None
        if table.scope == self._span.table.scope:
            days = _touched_days(self._lake, touched.frame, known, self._span)
        limits = _limits(table, touched)
        frames = {
            name: self._sources[source.name]
            if source.name in self._sources
            else self._inputs.part(source, table, touched, limits, days)
            for name, source in table.reads.items()
        }
        current = _current_rows(self._lake, table, touched.frame, limits, days)
        return _computed(_row_changes(table, current, table.make(frames)))


@dataclass(frozen=True)
class Days:
    """Some days: ``named`` has each of them, or the first and the last where ``are_many``."""

    named: tuple[date, ...]
    are_many: bool = False

    @classmethod
    def of(cls, rows: DataFrame, column: str) -> Days:
        """The days in a column of some rows."""
        days = rows.select(F.col(column).alias("day")).where("day IS NOT NULL").distinct()
        found = {row["day"] for row in days.limit(MAX_LISTED_DAYS + 1).collect()}
        if len(found) <= MAX_LISTED_DAYS:
            return cls(tuple(sorted(found)))
        return cls(tuple(days.agg(F.min("day"), F.max("day")).first()), are_many=True)  # type: ignore[arg-type]

    def hold(self, column: str) -> str:
        """SQL that is true where a column is one of these days, and on few others: other files are skipped."""
        literals = [f"DATE'{day.isoformat()}'" for day in self.named]
        if self.are_many:
            return f"{column} BETWEEN {literals[0]} AND {literals[1]}"
        return f"{column} IN ({', '.join(literals)})" if literals else "false"

    def hold_instant(self, column: str) -> str:
        """SQL that is true where an instant is from the first of these days to the last.

        Delta skips files by the statistics of the instant, not by the day that SQL makes of it.
        """
        if not self.named:
            return "false"
        first, last = self.named[0], self.named[-1] + timedelta(days=1)
        return f"{column} >= TIMESTAMP'{first.isoformat()}' AND {column} < TIMESTAMP'{last.isoformat()}'"


@dataclass(frozen=True)
class _Rows:
    """Computed rows; ``local`` has them on the driver where they are no more than MAX_DRIVER_ROWS."""

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
        replaced = {key_values for key_values, new in zip(keys, is_new, strict=True) if new}
        last = pa.array([new or key_values not in replaced for key_values, new in zip(keys, is_new, strict=True)])
        return self.frame.sparkSession.createDataFrame(self.local.filter(last), schema=self.frame.schema)


def _collect_small(rows: DataFrame) -> _Rows:
    """The rows, collected on the driver where they are few; the frame then reads those."""
    few = rows.limit(MAX_DRIVER_ROWS + 1).toArrow()
    if few.num_rows > MAX_DRIVER_ROWS:
        return _Rows(rows, None)
    return _Rows(rows.sparkSession.createDataFrame(few, schema=rows.schema), few)


def localize_small(rows: DataFrame) -> DataFrame:
    """The rows, held by the driver where they are few: each time that Spark plans a read of Delta is slow."""
    return _collect_small(rows).frame


def _computed(rows: DataFrame) -> _Rows:
    """The rows, computed now and kept without the plan that made them.

    A later write to their input does not change them, and what is made from them, table after table,
    does not carry their plans along.
    """
    return _collect_small(rows.localCheckpoint(eager=False))


def changes_for(table: Table, also: Table, changed: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """What changed in the tables that a table reads, in itself, and in ``also``.

    Each is looked up by its name, as tables refreshed in parallel add theirs meanwhile.
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
    """The inputs of one refresh. Few rows that several tables need are read once: each read of Delta is slow."""

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
            if instant := day_of_instant(sql):
                conditions.append(days.hold_instant(f"`{instant}`"))
            elif sql in source.column_names:
                conditions.append(days.hold(f"`{sql}`"))
        day = self._span.day if self._span.day in source.column_names else (*source.sort_by, "")[0]
        if within is not None and day in (self._span.day, self._span.first):
            conditions.append(within.hold(f"`{day}`"))
        return _rows_in_scopes(self._localize_small(source, conditions), table, touched.frame, table.scope)

    def _localize_small(self, source: Table, conditions: Sequence[str]) -> DataFrame:
        """The rows that fulfil the conditions, held by the driver where they are few; all where there are none."""
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
    """The rows that a table has of the touched scopes."""
    rows = lake.read(table)
    for name, days in limits.items():
        rows = rows.where(days.hold(f"`{name}`"))
    if within is not None and table.sort_by:
        rows = rows.where(within.hold(f"`{table.sort_by[0]}`"))
    return _rows_in_scopes(rows, table, touched, {name: f"`{name}`" for name in table.scope})


def _rows_in_scopes(rows: DataFrame, table: Table, touched: DataFrame, scope: Mapping[str, str]) -> DataFrame:
    """The rows whose scope is touched; ``scope`` has the SQL of its parts."""
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
    """The rows that only one of the two has; ``_is_new`` is true for those of ``after``."""
    columns = table.column_names
    return row_differences(before, after, columns).select(*columns, (F.col("_more") > 0).alias("_is_new"))


def _apply_changes(lake: Lake, table: Table, changes: _Rows) -> None:
    """Upserts the new rows by key, and deletes each old row whose key no new one has."""
    with lake.writing(table):
        if not changes.has_old:
            lake.append(table, changes.frame.drop("_is_new"))
            return
        within = ""
        if table.sort_by and dict(changes.frame.dtypes)[table.sort_by[0]] == "date":
            within = changes.days(table.sort_by[0]).hold(f"t.`{table.sort_by[0]}`")
        rows = changes.last_of(table.key).withColumn("_is_deleted", ~F.col("_is_new"))
        lake.upsert(table, rows, deleted="_is_deleted", within=within)
