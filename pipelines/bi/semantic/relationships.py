"""Derive which tables filter which from the keys that they declare, so that a new table needs no entry here.

A table whose key is made of ids alone, such as users, is a dimension: a table that has these ids
refers to it. Every day refers to the calendar. Power BI joins by one column and compares text without
regard to case, so the ids of a key are put into one column that holds their bytes in hexadecimal.

Power BI refuses a model in which a filter can reach a table by two ways. So a relationship that would
open a second way is not active, or is not made at all where an active one says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lakehouse.table import Column, Format, Table

CALENDAR = "dates"
"""The table of days."""

CALENDAR_DAY = "date"
"""Its key."""

DIMENSIONS = frozenset({"gold.sessions", "gold.users"})
"""The tables that others refer to, where a table beside them has the same key."""


@dataclass(frozen=True)
class Relationship:
    """Many rows of a table refer to one row of another, each by one column.

    Where the two have the same key, it is one row to one row, and each table filters the other.
    """

    table: str
    column: str
    to_table: str
    to_column: str
    active: bool = True
    is_one_to_one: bool = False


def key_column(dimension: Table) -> str:
    """What the column is called that stands for a dimension's key, there and where it is referred to."""
    return f"{dimension.short_name}_key"


def dimensions(tables: Iterable[Table]) -> tuple[Table, ...]:
    """The tables that others may refer to, those with the longest key first.

    Of several with the same key it is the one in DIMENSIONS, else the first.
    """
    by_key: dict[frozenset[str], Table] = {}
    for table in sorted(tables, key=lambda table: table.name not in DIMENSIONS):
        ids = {column.name for column in table.columns if column.format is Format.ID}
        if set(table.key) <= ids:
            by_key.setdefault(frozenset(table.key), table)
    return tuple(sorted(by_key.values(), key=lambda table: -len(table.key)))


def parents(table: Table, among: Iterable[Table]) -> tuple[Table, ...]:
    """The dimensions that a table refers to, without those that it reaches through another."""
    types = {column.name: column.type for column in table.columns}
    is_dimension = table in among

    def refers_to(dimension: Table) -> bool:
        if dimension.name == table.name or (is_dimension and not set(dimension.key) < set(table.key)):
            return False
        own = {column.name: column.type for column in dimension.columns}
        return all(types.get(name) == own[name] for name in dimension.key)

    referred = [dimension for dimension in among if refers_to(dimension)]
    return tuple(
        dimension for dimension in referred if not any(set(dimension.key) < set(other.key) for other in referred)
    )


def days(table: Table) -> tuple[Column, ...]:
    """The table's dates, the one that a row belongs to first: a part of the key, else the day it began."""
    dates = [column for column in table.columns if column.type == "DATE"]
    return tuple(sorted(dates, key=lambda column: (column.name not in table.key, column.name != "started_on")))


def relationships(tables: Sequence[Table]) -> tuple[Relationship, ...]:
    """All relationships of the gold tables, no two of which filter a table by different ways."""
    among = dimensions(tables)
    referred = {table.name: parents(table, among) for table in tables}
    filters = _Filters()
    edges = []
    for table in sorted(tables, key=lambda table: -_depth(table, referred)):
        for dimension in referred[table.name]:
            key = key_column(dimension)
            if filters.may_add(dimension.short_name, table.short_name):
                filters.add(dimension.short_name, table.short_name)
                same_key = set(dimension.key) == set(table.key)
                edges.append(Relationship(table.short_name, key, dimension.short_name, key, is_one_to_one=same_key))
    has_children = {dimension.name for tables_of in referred.values() for dimension in tables_of}

    def order(table: Table) -> tuple[bool, int]:
        # A session belongs to a day, its user to many: so a table that only others refer to comes last.
        return (table.name in has_children and not referred[table.name], _depth(table, referred))

    for table in sorted(tables, key=order):
        for position, day in enumerate(days(table)):
            active = position == 0 and filters.may_add(CALENDAR, table.short_name)
            if active:
                filters.add(CALENDAR, table.short_name)
            edges.append(Relationship(table.short_name, day.name, CALENDAR, CALENDAR_DAY, active))
    return tuple(sorted(edges, key=lambda edge: (edge.table, edge.to_table, edge.column)))


def _depth(table: Table, referred: Mapping[str, tuple[Table, ...]]) -> int:
    return max((1 + _depth(dimension, referred) for dimension in referred[table.name]), default=0)


class _Filters:
    """Which table filters which, through any number of relationships."""

    def __init__(self) -> None:
        self._filters: dict[str, set[str]] = {}

    def may_add(self, one: str, many: str) -> bool:
        """Whether no table would be reached by a second way."""
        return not any(target in self._reached(source) for source in self._sources(one) for target in self._below(many))

    def add(self, one: str, many: str) -> None:
        """A relationship by which ``one`` filters ``many``."""
        self._filters.setdefault(one, set()).add(many)

    def _reached(self, table: str) -> set[str]:
        return self._below(table) - {table}

    def _below(self, table: str) -> set[str]:
        return {table}.union(*(self._below(one) for one in self._filters.get(table, ())))

    def _sources(self, table: str) -> set[str]:
        return {table}.union(*(self._sources(one) for one, many in self._filters.items() if table in many))
