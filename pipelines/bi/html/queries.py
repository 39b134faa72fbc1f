"""Compute figures by columns as Power BI does: each is its measure's SQL, grouped by the columns.

A field is ``table[column]`` or ``[measure]``. A row has the columns of its own table and of those that it refers to,
by the same relationships as in Power BI; two tables with the same key have each other's. What a page is restricted
to narrows down the same way.
"""
# ruff: noqa: S608 - the SQL is made of declared names and of the measures' own, never of what gold holds

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from lakehouse.errors import DeclarationError
from lakehouse.table import Format, Table
from pipelines.bi.html.gold_snapshot import SCHEMA
from pipelines.bi.semantic.layout import Page
from pipelines.bi.semantic.measures import MEASURES
from pipelines.bi.semantic.measures.measure import Measure
from pipelines.bi.semantic.measures.trends import TRENDS
from pipelines.bi.semantic.relationships import CALENDAR, CALENDAR_DAY, relationships
from pipelines.bi.semantic.tables import BAND

MEASURE = {measure.name: measure for measures in MEASURES.values() for measure in measures}
"""The measures by their names."""

_OF_A_DAY = {
    CALENDAR_DAY: "{day}",
    "year": "year({day})",
    "quarter": "strftime({day}, '%Y-Q') || quarter({day})",
    "month": "strftime({day}, '%Y-%m')",
    "week_begins_on": "date_trunc('week', {day})::DATE",
    "weekday": "isodow({day})",
    "weekday_number": "isodow({day})",
}
"""SQL for the columns of the calendar; a weekday is its number, which puts it in order."""

_BAND = "least(floor({table}.probability * 10), 9) / 10"

Only = Sequence[tuple[str, bool]]
"""Which value of which column a page is restricted to."""


@dataclass(frozen=True)
class Rows:
    """A row for each group: first the columns' values, then the measures'. ``total`` counts those left out too."""

    rows: list[tuple[Any, ...]]
    total: int


def measure_of(field: str) -> Measure | None:
    """The measure that a field is, if it is one."""
    return MEASURE[field[1:-1]] if field.startswith("[") else None


def owner(field: str) -> tuple[str, str]:
    """The table and the column of a field."""
    table, _, column = field.rstrip("]").partition("[")
    return table, column


class GoldQueries:
    """Queries of gold for the visuals of the report."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = {table.short_name: table for table in tables}
        active = [edge for edge in relationships(tables) if edge.active]
        self._day = {edge.table: edge.column for edge in active if edge.to_table == CALENDAR}
        self._parents: dict[str, list[str]] = {}
        for edge in active:
            if edge.to_table != CALENDAR:
                self._parents.setdefault(edge.table, []).append(edge.to_table)

    def needed(self, pages: Iterable[Page]) -> dict[str, list[str]]:
        """The columns of the tables that the pages ask for, keys and days included."""
        fields = {
            field for page in pages for visual in page.visuals for role in visual.roles.values() for field in role
        }
        fields |= {field for page in pages for field, _ in page.only}
        measures = [measure for measure in map(measure_of, fields) if measure]
        measures += [trend.change for measure in measures if (trend := TRENDS.get(measure.name))]
        owners = {owner(field)[0] for field in fields} | {name for measure in measures for name in self._of(measure)}
        words = {"probability", *(owner(field)[1] for field in fields)}
        words.update(*(re.findall(r"\w+", measure.sql) for measure in measures))
        return {
            name: [
                column
                for column in table.column_names
                if column in words or column in table.key or column == self._day.get(name)
            ]
            for name, table in self._tables.items()
            if name in owners
        }

    def sources(self, fields: Iterable[str]) -> tuple[str, ...]:
        """The tables that the fields' values come from."""
        found: dict[str, None] = {}
        for field in fields:
            measure = measure_of(field)
            for name in self._of(measure) if measure else (owner(field)[0],):
                if name in self._tables:
                    found[name] = None
        return tuple(found)

    def rows(
        self,
        connection: DuckDBPyConnection,
        fields: Sequence[str],
        *,
        only: Only = (),
        sort: str = "",
        ascending: bool = False,
        limit: int = 1_000_000,
    ) -> Rows:
        """The measures among the fields, for each group of values of the columns among them.

        Groups come in the order of ``sort``, else of their columns. Those of which nothing is known are left out.
        """
        columns = [field for field in fields if not field.startswith("[")]
        measures = [measure for measure in map(measure_of, fields) if measure]
        names = {field: f"k{position}" for position, field in enumerate(columns)}
        names |= {f"[{measure.name}]": f"m{position}" for position, measure in enumerate(measures)}
        order = [f"{names[field]} ASC NULLS LAST" for field in columns]
        if sort:
            order.insert(0, f"{names[sort]} {'ASC' if ascending else 'DESC'} NULLS LAST")
        known = [
            f"({name} IS NOT NULL{f' AND {name} <> 0' if one.format is Format.COUNT else ''})"
            for one, name in ((one, names[f"[{one.name}]"]) for one in measures)
        ]
        sql = (
            f"SELECT {', '.join(names.values())}, count(*) OVER () FROM ({self._sql(columns, measures, names, only)})"
            + (f" WHERE {' OR '.join(known)}" if columns and known else "")
            + (f" ORDER BY {', '.join(order)}" if order else "")
            + f" LIMIT {limit}"
        )
        found = connection.execute(sql).fetchall()
        return Rows([_as_asked(row[:-1], names, fields) for row in found], found[0][-1] if found else 0)

    def _sql(self, columns: Sequence[str], measures: Sequence[Measure], names: Mapping[str, str], only: Only) -> str:
        """SQL for all the measures by all the columns; measures of the same rows are computed together."""
        keys = "".join(f"{names[field]}, " for field in columns)
        groups = f" GROUP BY {keys.rstrip(', ')}" if columns else ""
        if not measures:
            root = owner(columns[0])[0]
            return f"{self._with([root], columns, only)} SELECT {keys.rstrip(', ')} FROM {root}{groups}"
        by_rows: dict[str, list[Measure]] = {}
        for measure in measures:
            by_rows.setdefault(measure.of, []).append(measure)
        parts = []
        for of, same in by_rows.items():
            values = ", ".join(f"{measure.value} AS {names[f'[{measure.name}]']}" for measure in same)
            parts.append(f"({self._with(self._of(same[0]), columns, only)} SELECT {keys}{values} FROM {of}{groups})")
        # Each part has its own measures, so of each measure there is one value that is not null, or none.
        values = ", ".join(f"any_value({name}) AS {name}" for name in names.values() if name.startswith("m"))
        return f"SELECT {keys}{values} FROM ({' UNION ALL BY NAME '.join(parts)}){groups}"

    def _of(self, measure: Measure) -> list[str]:
        """The tables that a measure is made of, the one whose rows it counts last."""
        words = set(re.findall(r"\w+", measure.of))
        found = [name for name in self._tables if name in words]
        return sorted(found, key=lambda name: not any(name in self._parents.get(other, ()) for other in found))

    def _twins(self, table: str) -> list[str]:
        """The tables that refer to a table by the whole of their own key: at most one row for each of its rows."""
        return [
            name
            for name, parents in self._parents.items()
            if table in parents and set(self._tables[name].key) == set(self._tables[table].key)
        ]

    def _shared(self, one: str, other: str) -> tuple[str, ...]:
        """The columns by which two tables belong together."""
        return self._tables[other if other in self._parents.get(one, ()) else one].key

    def _value(self, field: str, table: str) -> str:
        """SQL for a field's value in a row of a table; nothing where the table does not have it by itself."""
        of, column = owner(field)
        if of == table:
            return _BAND.format(table=table) if column == BAND else f'{table}."{column}"'
        if of == CALENDAR and table in self._day:
            return _OF_A_DAY[column].format(day=f"{table}.{self._day[table]}")
        return ""

    def _with(self, tables: Sequence[str], columns: Sequence[str], only: Only) -> str:
        """SQL that puts what a page leaves of the tables in their places, those that others refer to first.

        The last one, whose rows are counted, gets the columns' values beside its own.
        """
        ctes: dict[str, str] = {}
        for table in tables:
            self._narrow(table, only, ctes)
        root = tables[-1]
        if columns:
            near = [*self._parents.get(root, ()), *self._twins(root)]
            where = [next((one for one in (root, *near) if self._value(field, one)), "") for field in columns]
            if not all(where):
                raise DeclarationError(
                    f"{root} has no value of {columns[where.index('')]}.", "Show another column beside its measures."
                )
            values = "".join(
                f", {self._value(field, one)} AS k{position}"
                for position, (field, one) in enumerate(zip(columns, where, strict=True))
            )
            joins = "".join(
                f" JOIN {SCHEMA}.{one} USING ({', '.join(self._shared(root, one))})" for one in near if one in where
            )
            rows = f"({ctes[root]})" if ctes[root] else f"{SCHEMA}.{root}"
            ctes.pop(root)
            ctes[root] = f"SELECT {root}.*{values} FROM {rows} AS {root}{joins}"
        parts = [f"{name} AS ({sql})" for name, sql in ctes.items() if sql]
        return f"WITH {', '.join(parts)}" if parts else ""

    def _narrow(self, table: str, only: Only, ctes: dict[str, str]) -> None:
        """Adds what a page leaves of a table, and before it what it leaves of those that the table refers to."""
        if table in ctes:
            return
        joins = ""
        for parent in self._parents.get(table, ()):
            self._narrow(parent, only, ctes)
            if ctes[parent]:
                joins += f" SEMI JOIN {parent} USING ({', '.join(self._shared(table, parent))})"
        own = ((self._value(field, table), value) for field, value in only)
        conditions = " AND ".join(f"{expr} = {value}" for expr, value in own if expr)
        where = f" WHERE {conditions}" if conditions else ""
        ctes[table] = f"SELECT * FROM {SCHEMA}.{table}{joins}{where}" if joins or where else ""


def _as_asked(row: Sequence[Any], names: Mapping[str, str], fields: Sequence[str]) -> tuple[Any, ...]:
    """The values of a row in the order of the fields."""
    by_field = dict(zip(names, row, strict=True))
    return tuple(by_field[field] for field in fields)
