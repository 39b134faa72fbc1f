"""Build and refresh tables in this process, by DuckDB and delta-rs, to the same rows as Spark does.

A refresh computes two tables at a time, and writes those that changed side by side meanwhile: what a table reads
of one that changed is its files without the rows that changed, and those as they will be, written or not.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from threading import Condition
from typing import TYPE_CHECKING, Any

from lakehouse.engines.duckdb_rows import FEW_ROWS, Inputs, collected, differences, open_database
from lakehouse.engines.duckdb_types import quoted
from lakehouse.journal import Journal
from lakehouse.span import Span, day_of_instant
from lakehouse.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from lakehouse.engines.local_lake import LocalLake

WRITERS = 2
"""How many tables are written at a time: delta-rs works in threads of its own."""

LANES = 2
"""How many tables are computed at a time: few rows keep one thread busy, and so does the planning of their SQL."""


def build_tables(
    lake: LocalLake,
    tables: Sequence[Table],
    sql: Mapping[str, str],
    *,
    sources: Mapping[str, pa.Table],
    versions: Mapping[str, int],
    memory: str,
) -> None:
    """Builds tables as a whole, each replaced in one commit.

    ``tables`` stand in order, each after those that it reads. ``sql`` has what makes them, ``sources`` what
    is read and is no table of the lake, ``versions`` the version to read of each table that is not built here.
    """
    with open_database(memory) as database, ThreadPoolExecutor(1) as writer:
        inputs = Inputs(database, sources)
        writing = []
        for table in tables:
            inputs.views(table, lambda source: inputs.rows(source, lake.files_at(source, versions[source.name])))
            made = inputs.make(table, sql[table.name])
            inputs.computed[table.name] = made
            rows = collected(database, f"FROM {made}")
            writing.append(writer.submit(_overwrite, lake, table, rows))
        for one in writing:
            one.result()


def _overwrite(lake: LocalLake, table: Table, rows: pa.Table) -> None:
    with lake.writing(table):
        lake.overwrite(table, rows)


def refresh_tables(
    lake: LocalLake,
    tables: Sequence[Table],
    sql: Mapping[str, str],
    changes: Mapping[str, pa.Table],
    *,
    also: Mapping[str, str],
    sources: Mapping[str, pa.Table],
    span: Span,
    journal: Journal,
    memory: str,
) -> dict[str, pa.Table]:
    """Recomputes, in each of the tables, the rows whose input has changed. It is idempotent.

    As lakehouse.incremental.refresh; but ``changes`` are collected rows, and ``also`` has, by the name of a
    table, SQL that is true for those of its rows whose scopes are to be recomputed although no input changed.
    Gives, by the name of a table, its rows that changed, as they were and as they are (``_is_new``).
    """
    with open_database(memory, few_rows=sum(rows.num_rows for rows in changes.values()) <= FEW_ROWS) as database:
        run = _Refresh(lake, database, tables, sql, also=also, sources=sources, span=span, journal=journal)
        return run.run(changes)


class _Refresh:
    """One refresh: computes the tables in two lanes, and writes those whose rows differ meanwhile.

    Each lane takes the next table whose inputs are computed. What one finds is a table of the database, which the
    other sees; views and what is needed for one table alone are temporary, and a connection's own.
    """

    def __init__(
        self,
        lake: LocalLake,
        database: DuckDBPyConnection,
        tables: Sequence[Table],
        sql: Mapping[str, str],
        *,
        also: Mapping[str, str],
        sources: Mapping[str, pa.Table],
        span: Span,
        journal: Journal,
    ) -> None:
        self.lake = lake
        self.sql = sql
        self.also = also
        self.span = span
        self.journal = journal
        self.changed: defaultdict[str, list[str]] = defaultdict(list)
        """By the name of a table: the relations that hold changed rows of it."""
        self.pending: dict[str, str] = {}
        """Those of them that this refresh writes."""
        self.interrupted: Mapping[str, int] = journal.interrupted()
        [(threads,)] = database.sql("SELECT current_setting('threads')").fetchall()
        self.threads = int(threads)
        # Each lane's own thread works, too: few rows on many threads cost more than they save.
        database.execute(f"SET threads = {max(self.threads - LANES + 1, 1)}")
        self._database = database
        self._sources = sources
        self._waiting = list(tables)
        self._computed = {table.name: False for table in tables}
        self._failed = False
        self._turn = Condition()
        self._writers = ThreadPoolExecutor(WRITERS)
        self._writing: list[Future[None]] = []
        self._to_write: list[tuple[int, int, Callable[[], None]]] = []

    def run(self, changes: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """Computes and writes; gives the changed rows by table."""
        for number, (name, rows) in enumerate(changes.items()):
            if rows.num_rows:
                self._database.register("changed_rows", rows)
                self._database.execute(f"CREATE TABLE changes_{number} AS FROM changed_rows")
                self.changed[name].append(f"changes_{number}")
        with self._writers, ThreadPoolExecutor(LANES) as pool:
            lanes = [pool.submit(self._run_lane, self._database.cursor()) for _ in range(LANES)]
            try:
                for lane in lanes:
                    lane.result()
            except BaseException:
                self._end()
                raise
        for done in self._writing:
            done.result()
        return {
            name: collected(self._database, " UNION ALL BY NAME ".join(f"FROM {one}" for one in relations))
            for name, relations in self.changed.items()
        }

    def write(self, write: Callable[[], None], rows: int) -> None:
        """Has a writer do this: of what waits, what has most rows comes first, so that it is not what is left last."""
        # The journal has the versions of all tables before the first of them is written.
        self.journal.begin(self.lake.version)
        with self._turn:
            heapq.heappush(self._to_write, (-rows, len(self._writing), write))
            self._writing.append(self._writers.submit(self._write_next))

    def _write_next(self) -> None:
        with self._turn:
            *_, write = heapq.heappop(self._to_write)
        write()

    def _run_lane(self, database: DuckDBPyConnection) -> None:
        lane = _Lane(self, database, self._sources)
        try:
            while table := self._next():
                lane.compute(table)
                with self._turn:
                    self._computed[table.name] = True
                    self._turn.notify_all()
            # What is left is the other lane's, which may have this one's thread.
            database.execute(f"SET threads = {self.threads}")
        except BaseException:
            self._end()
            raise
        finally:
            database.close()

    def _next(self) -> Table | None:
        """The next table to compute; None where none is left, or something failed."""
        with self._turn:
            while not self._failed and self._waiting:
                found = next((one for one in self._waiting if all(map(self._is_computed, self._needs(one)))), None)
                if found:
                    self._waiting.remove(found)
                    return found
                self._turn.wait()
            return None

    def _needs(self, table: Table) -> set[str]:
        """The names of the tables that are computed before: those it reads, and that which tells its rows' days."""
        place = {name: number for number, name in enumerate(self._computed)}
        needed = {source.name for source in table.reads.values()}
        if table.scope == self.span.table.scope:
            needed.add(self.span.table.name)
        return {name for name in needed if place.get(name, len(place)) < place[table.name]}

    def _is_computed(self, name: str) -> bool:
        return self._computed[name]

    def _end(self) -> None:
        with self._turn:
            self._failed = True
            self._turn.notify_all()


class _Lane:
    """Computes one table after the other, on a connection of its own."""

    def __init__(self, refresh: _Refresh, database: DuckDBPyConnection, sources: Mapping[str, pa.Table]) -> None:
        database.execute("SET TimeZone = 'UTC'")  # a connection's own; functions are the database's
        self._refresh = refresh
        self._lake = refresh.lake
        self._span = refresh.span
        self._changed = refresh.changed
        self._database = database
        self._inputs = Inputs(database, sources)

    def compute(self, table: Table) -> None:
        """Recomputes the touched scopes of a table, and has the rows that differ written."""
        self._add_interrupted_changes(table, self._refresh.interrupted.get(table.name))
        self._compute(table)

    def _add_interrupted_changes(self, table: Table, before: int | None) -> None:
        """Where an interrupted refresh has written the table, its changes are input of the tables that read it."""
        if before is None or before == self._lake.version(table):
            return
        was = self._inputs.rows(table, self._lake.files_at(table, before))
        now = self._inputs.rows(table, self._lake.files(table))
        found = differences(self._database, table, was, now, f"interrupted_{table.short_name}")
        self._changed[table.name].append(found)

    def _compute(self, table: Table) -> None:
        touched = self._touched_scopes(table)
        if touched is None:
            return
        days = self._touched_days(table, touched) if table.scope == self._span.table.scope else None
        limits = self._limits(table, touched)

        def rows_of(source: Table) -> str:
            rows = self._effective(source, self._where(source, table, limits, days))
            return f"FROM ({rows}) AS input {self._within_scopes(table, touched, table.scope)}"

        self._inputs.views(table, rows_of)
        made = self._inputs.make(table, self._refresh.sql[table.name])
        own = {name: f'"{name}"' for name in table.scope}
        where = dict(limits)
        if days is not None and table.sort_by:
            where[table.sort_by[0]] = days
        current = self._inputs.rows(table, self._lake.files(table, where=where))
        current = f"FROM ({current}) AS input {self._within_scopes(table, touched, own)}"
        found = differences(self._database, table, current, f"FROM {made}", f"changed_{table.short_name}")
        self._database.execute(f"DROP TABLE {made}")
        if rows := self._count(found):
            self._changed[table.name].append(found)
            self._refresh.pending[table.name] = found
            self._refresh.write(self._write_of(table), rows)

    def _touched_scopes(self, table: Table) -> str | None:
        """The relation of the scopes of a table that some change touches; None where none does."""
        parts = []
        for source in table.reads.values():
            for changed in self._changed.get(source.name, ()):
                values = (f'"{sql}"' if self._has(changed, sql) else sql for sql in table.scope.values())
                parts.append(f"SELECT {_touched(values, table.scope)} FROM {changed}")
        if condition := self._refresh.also.get(table.name):
            rows = self._inputs.rows(table, self._lake.files(table))
            parts.append(f"SELECT {_touched(table.scope, table.scope)} FROM ({rows}) WHERE {condition}")
        if not parts:
            return None
        name = f"touched_{table.short_name}"
        self._database.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {' UNION '.join(parts)}")
        return name if self._count(name) else None

    def _touched_days(self, table: Table, touched: str) -> list[date]:
        """The days on which all input rows of the touched scopes lie.

        A scope's rows lie on the days of the rows that changed, and between the first and the last
        day that it has, or had before it changed.
        """
        span = self._span
        rows = self._inputs.rows(span.table, self._lake.files(span.table))
        own = {name: f'"{name}"' for name in span.table.scope}
        spans = [f"SELECT {span.first}, {span.last} FROM ({rows}) AS input {self._within_scopes(table, touched, own)}"]
        changed = self._changed.get(span.table.name, ())
        spans += [f"SELECT {span.first}, {span.last} FROM {one}" for one in changed]
        parts = [
            f"SELECT unnest(generate_series({span.first}, {span.last}, INTERVAL 1 DAY))::DATE AS day FROM ({one})"
            for one in spans
        ]
        for name in {source.name for source in table.reads.values()} | {table.name}:
            parts += [
                f"SELECT {span.day} FROM {one}" for one in self._changed.get(name, ()) if self._has(one, span.day)
            ]
        return self._days(" UNION ".join(parts))

    def _limits(self, table: Table, touched: str) -> dict[str, list[date]]:
        """The days that are touched, by those columns of a table's scope that are days."""
        days = [one.name for one in table.columns if one.type == "DATE" and one.required and one.name in table.scope]
        return {name: self._days(f'SELECT "_touched_{name}" FROM {touched}') for name in days}

    def _where(
        self, source: Table, table: Table, limits: Mapping[str, list[date]], days: list[date] | None
    ) -> dict[str, Collection[date] | tuple[datetime, datetime]]:
        """By column, where an input's rows of the touched scopes lie: files without such days are not read."""
        where: dict[str, Collection[date] | tuple[datetime, datetime]] = {}
        for name, touched in limits.items():
            sql = table.scope[name]
            if (instant := day_of_instant(sql)) and touched:
                where[instant] = (_midnight(touched[0]), _midnight(touched[-1] + timedelta(days=1)))
            elif sql in source.column_names:
                where[sql] = touched
        day = self._span.day if self._span.day in source.column_names else (*source.sort_by, "")[0]
        if days is not None and day in (self._span.day, self._span.first):
            where[day] = days
        return where

    def _effective(self, source: Table, where: Mapping[str, Any]) -> str:
        """The rows of a table as they will be once what is pending is written."""
        rows = self._inputs.rows(source, self._lake.files(source, where=where))
        pending = self._refresh.pending.get(source.name)
        if pending is None:
            return rows
        same = " AND ".join(f'old."{name}" IS NOT DISTINCT FROM new."{name}"' for name in source.key)
        columns = ", ".join(quoted(name) for name in source.column_names)
        return (
            f"SELECT {columns} FROM ({rows}) AS old ANTI JOIN {pending} AS new ON {same} "
            f"UNION ALL SELECT {columns} FROM {pending} WHERE _is_new"
        )

    def _within_scopes(self, table: Table, touched: str, scope: Mapping[str, str]) -> str:
        required = {column.name for column in table.columns if column.required}
        same = (
            f'({sql}) {"=" if name in required else "IS NOT DISTINCT FROM"} "_touched_{name}"'
            for name, sql in scope.items()
        )
        return f"SEMI JOIN {touched} ON {' AND '.join(same)}"

    def _write_of(self, table: Table) -> Callable[[], None]:
        """What writes a table: new rows are upserted by key, each old row whose key no new one has is deleted."""
        pending = self._refresh.pending[table.name]
        columns = ", ".join(f'"{name}"' for name in table.column_names)
        new = f"SELECT {columns} FROM {pending} WHERE _is_new"
        if not self._database.sql(f"FROM {pending} WHERE NOT _is_new LIMIT 1").fetchall():
            added = collected(self._database, new)

            def append() -> None:
                with self._lake.writing(table):
                    self._lake.append(table, added)

            return append
        same = " AND ".join(f'old."{name}" IS NOT DISTINCT FROM new."{name}"' for name in table.key)
        rows = collected(
            self._database,
            f"SELECT {columns}, false AS _is_deleted FROM {pending} WHERE _is_new UNION ALL "
            f"SELECT {columns}, true FROM {pending} AS old ANTI JOIN (FROM {pending} WHERE _is_new) AS new ON {same} "
            "WHERE NOT _is_new",
        )
        day = (*table.sort_by, "")[0]
        days = self._days(f"SELECT {day} FROM {pending}") if table.type_of(day) == "DATE" else []

        def merge() -> None:
            with self._lake.writing(table):
                self._lake.merge(table, rows, deleted="_is_deleted", within={day: days} if days else {})

        return merge

    def _days(self, sql: str) -> list[date]:
        found = self._database.execute(
            f"SELECT DISTINCT day FROM ({sql}) AS days(day) WHERE day IS NOT NULL ORDER BY 1"
        )
        return [day for (day,) in found.fetchall()]

    def _has(self, relation: str, column: str) -> bool:
        return column in self._database.sql(f"FROM {relation}").columns

    def _count(self, relation: str) -> int:
        [(count,)] = self._database.execute(f"SELECT count(*) FROM {relation}").fetchall()
        return int(count)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _touched(values: Iterable[str], names: Iterable[str]) -> str:
    return ", ".join(f'{value} AS "_touched_{name}"' for value, name in zip(values, names, strict=True))
