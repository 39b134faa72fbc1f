"""Figures by columns, as Power BI makes them: each is its measure's SQL over the tables that the columns narrow down.

A field is ``table[column]`` or ``[measure]``. A value of a column narrows down its own table and those that
refer to it, by the same relationships as in Power BI. Two tables with the same key narrow each other down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from lakehouse.table import Table
from pipelines.powerbi.gold_tables import BAND
from pipelines.powerbi.layout import Page
from pipelines.powerbi.measures import MEASURES
from pipelines.powerbi.measures.measure import COUNT, Measure
from pipelines.powerbi.relationships import CALENDAR, CALENDAR_DAY, relationships
from pipelines.report.gold import SCHEMA

MEASURE = {measure.name: measure for measures in MEASURES.values() for measure in measures}
"""The measures by their names."""

_OF_A_DAY = {
    CALENDAR_DAY: "{day}",
    "month": "strftime({day}, '%Y-%m')",
    "weekday": "isodow({day})",
}
"""SQL for the columns of the calendar that pages show; a weekday is its number, which puts it in order."""

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


class Figures:
    """Answers what the visuals of the report ask of gold."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = {table.short_name: table for table in tables}
        active = [one for one in relationships(tables) if one.active]
        self._day = {one.table: one.column for one in active if one.to_table == CALENDAR}
        self._parents: dict[str, list[str]] = {}
        for one in active:
            if one.to_table != CALENDAR:
                self._parents.setdefault(one.table, []).append(one.to_table)

    def needed(self, pages: Iterable[Page]) -> dict[str, list[str]]:
        """The columns of the tables that the pages ask for, keys and days included."""
        fields = {
            field for page in pages for visual in page.visuals for role in visual.roles.values() for field in role
        }
        fields |= {field for page in pages for field, _ in page.only}
        measures = [measure for measure in map(measure_of, fields) if measure]
        owners = {owner(field)[0] for field in fields} | {name for one in measures for name in self._of(one)}
        words = {"probability", *(owner(field)[1] for field in fields)}
        words.update(*(re.findall(r"\w+", one.sql) for one in measures))
        return {
            name: [one for one in table.column_names if one in words or one in table.key or one == self._day.get(name)]
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
        given = [(field, "TRUE" if value else "FALSE") for field, value in only]
        narrowed = [*given, *((field, f"k.{names[field]}") for field in columns)]
        values = [f"({self._with(narrowed, self._of(one))} {one.sql}) AS {names[f'[{one.name}]']}" for one in measures]
        order = [f"{names[field]} ASC NULLS LAST" for field in columns]
        if sort:
            order.insert(0, f"{names[sort]} {'ASC' if ascending else 'DESC'} NULLS LAST")
        known = [
            f"({name} IS NOT NULL{f' AND {name} <> 0' if one.format == COUNT else ''})"
            for one, name in ((one, names[f"[{one.name}]"]) for one in measures)
        ]
        sql = (
            f"WITH keys AS ({self._keys(columns, measures, given)}), "  # noqa: S608 - all of it is ours
            f"made AS (SELECT {', '.join(['k.*', *values])} FROM keys k) "
            f"SELECT {', '.join(names.values())}, count(*) OVER () FROM made"
            + (f" WHERE {' OR '.join(known)}" if columns and known else "")
            + (f" ORDER BY {', '.join(order)}" if order else "")
            + f" LIMIT {limit}"
        )
        found = connection.execute(sql).fetchall()
        return Rows([_as_asked(row[:-1], names, fields) for row in found], found[0][-1] if found else 0)

    def _of(self, measure: Measure) -> list[str]:
        """The tables that a measure is made of, the one whose rows it counts last."""
        words = set(re.findall(r"\w+", measure.of))
        found = [name for name in self._tables if name in words]
        return sorted(found, key=lambda name: not any(name in self._parents.get(other, ()) for other in found))

    def _keys(self, columns: Sequence[str], measures: Sequence[Measure], given: list[tuple[str, str]]) -> str:
        """SQL for the groups: the values that the columns have together in any table that a measure counts."""
        if not columns:
            return "SELECT 0 AS nothing"
        roots = dict.fromkeys(self._of(one)[-1] for one in measures) or dict.fromkeys([owner(columns[0])[0]])
        found = []
        for root in roots:
            joined = [root, *self._parents.get(root, ()), *self._twins(root)]
            exprs = {field: next(filter(None, (self._value(field, name) for name in joined)), "") for field in columns}
            if not all(exprs.values()):
                continue
            chosen = ", ".join(f"{expr} AS k{position}" for position, expr in enumerate(exprs.values()))
            used = [name for name in joined[1:] if any(self._value(field, name) == exprs[field] for field in columns)]
            joins = "".join(f" JOIN {name} USING ({', '.join(self._shared(root, name))})" for name in used)
            found.append(f"({self._with(given, [root, *used])} SELECT DISTINCT {chosen} FROM {root}{joins})")  # noqa: S608
        return " UNION ".join(found)

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

    def _with(self, narrowed: Sequence[tuple[str, str]], tables: Iterable[str]) -> str:
        """SQL that puts what the values leave of the tables in their places, those that others refer to first."""
        made: dict[str, str] = {}
        for table in tables:
            self._narrow(table, narrowed, made)
        parts = [f"{name} AS ({sql})" for name, sql in made.items() if sql]
        return f"WITH {', '.join(parts)}" if parts else ""

    def _narrow(self, table: str, narrowed: Sequence[tuple[str, str]], made: dict[str, str]) -> None:
        if table in made:
            return
        joins = ""
        for parent in self._parents.get(table, ()):
            self._narrow(parent, narrowed, made)
            if made[parent]:
                joins += f" SEMI JOIN {parent} USING ({', '.join(self._shared(table, parent))})"
        for twin in self._twins(table):
            if where := self._where(twin, narrowed):
                joins += (
                    f" SEMI JOIN (SELECT * FROM {SCHEMA}.{twin}{where}) USING ({', '.join(self._shared(table, twin))})"  # noqa: S608
                )
        where = self._where(table, narrowed)
        made[table] = f"SELECT * FROM {SCHEMA}.{table}{joins}{where}" if joins or where else ""  # noqa: S608

    def _where(self, table: str, narrowed: Sequence[tuple[str, str]]) -> str:
        own = ((self._value(field, table), value) for field, value in narrowed)
        conditions = [f"{expr} IS NOT DISTINCT FROM {value}" for expr, value in own if expr]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _as_asked(row: Sequence[Any], names: Mapping[str, str], fields: Sequence[str]) -> tuple[Any, ...]:
    """The values of a row in the order of the fields."""
    by_field = dict(zip(names, row, strict=True))
    return tuple(by_field[field] for field in fields)
