"""Declare a table: a frozen dataclass that holds a pure function from tables to a table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import TYPE_CHECKING

from lakehouse.errors import DeclarationError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Format(StrEnum):
    """What the values of a column are: it decides how they are shown, and which of them may be added up."""

    COUNT = "count"
    MONEY = "money"
    NUMBER = "number"
    WHOLE = "whole number"
    SHARE = "share"
    MEAN = "mean"
    SCORE = "score"
    TENTH = "tenth"
    ID = "id"
    HASH = "hash"
    DAY = "day"
    INSTANT = "instant"


@dataclass(frozen=True)
class Column:
    """One column: its name, its Spark SQL type, and what it means (units included).

    ``doc`` is for people alone: nothing depends on its text. ``required`` columns are never null.
    ``format`` says what the values are where the type alone does not. ``additive`` is false for
    counts and money whose sum over rows means nothing: of distinct things, of all so far, of a state.
    """

    name: str
    type: str
    doc: str
    required: bool = False
    format: Format | None = None
    additive: bool = True

    def __post_init__(self) -> None:
        if not self.doc.strip():
            raise DeclarationError(f"Column {self.name} has no description.", "Say what it means and its unit.")

    @property
    def ddl(self) -> str:
        """The column as Spark DDL, comment included."""
        comment = self.doc.replace("\\", "\\\\").replace("'", "\\'")
        return f"`{self.name}` {self.type}{' NOT NULL' if self.required else ''} COMMENT '{comment}'"


@dataclass(frozen=True)
class Source:
    """A named input with columns: what a table reads, whether it is a table or not."""

    name: str
    doc: str
    columns: tuple[Column, ...]

    @property
    def ddl(self) -> str:
        """The schema as Spark DDL."""
        return ", ".join(column.ddl for column in self.columns)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def type_of(self, column: str) -> str:
        """The declared type of a column; empty where there is none of that name."""
        return next((one.type for one in self.columns if one.name == column), "")


@dataclass(frozen=True)
class Table(Source):
    """A Delta table: name, grain, columns, key, what it reads, and the function that makes it.

    ``build`` takes one DataFrame per entry of ``reads``, under the same name, and returns the
    table's rows; it sees no session, path, topic or clock. A table without ``build`` is written
    by a job that says so in ``doc``.

    ``scope`` says what a change touches: names, each with an SQL expression on an input's rows.
    When an input row changes, the rows that share its scope are computed again, from all of their
    input, and nothing else is. The names are columns of this table.
    ``sort_by`` is the order of the rows when they are written and compacted, so that a file has few
    days, and ``rows_per_file`` are the most of a file that is written in process: few where rows change, as
    a merge rewrites each file that it touches. ``properties`` are Delta table properties, and ``rules``
    are SQL conditions that every row fulfils (a rule that is NULL is broken): an audit checks
    them, and no write does.

    Raises DeclarationError at import where the parts contradict each other.
    """

    key: tuple[str, ...]
    reads: Mapping[str, Source] = field(default_factory=dict)
    build: Callable[..., DataFrame] | None = None
    rules: Mapping[str, str] = field(default_factory=dict)
    scope: Mapping[str, str] = field(default_factory=dict)
    sort_by: tuple[str, ...] = ()
    rows_per_file: int = 10_000
    properties: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layer, _, short = self.name.partition(".")
        if not (_NAME.fullmatch(layer) and _NAME.fullmatch(short)):
            raise DeclarationError(
                f"{self.name!r} is not a table name.", "Use layer.table in lower case, digits and underscores."
            )
        if not self.doc.startswith("One row per "):
            raise DeclarationError(f"{self.name} does not state its grain.", "Begin its doc with 'One row per …'.")
        names = self.column_names
        if len(set(names)) != len(names):
            raise DeclarationError(f"{self.name} declares a column twice.")
        for part, columns in (("key", self.key), ("scope", tuple(self.scope)), ("sort_by", self.sort_by)):
            if unknown := [column for column in columns if column not in names]:
                raise DeclarationError(f"{self.name}: {part} names unknown columns: {', '.join(unknown)}.")
        if not self.key:
            raise DeclarationError(f"{self.name} has no key.", "Name the columns that tell its rows apart.")
        if self.build is not None:
            parameters = inspect.signature(self.build).parameters.values()
            takes = tuple(one.name for one in parameters if one.kind is not inspect.Parameter.VAR_KEYWORD)
            takes_any = len(takes) < len(parameters)
            if set(takes) - set(self.reads) or (set(self.reads) - set(takes) and not takes_any):
                raise DeclarationError(
                    f"{self.name}: build takes ({', '.join(takes)}) but reads is ({', '.join(self.reads)}).",
                    "Give both the same names.",
                )
        for name in ("reads", "rules", "scope", "properties"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def make(self, frames: Mapping[str, DataFrame]) -> DataFrame:
        """The table's rows, from what it reads, by the names in ``reads``.

        Raises DeclarationError where no function builds it.
        """
        if self.build is None:
            raise DeclarationError(f"{self.name} has no function that builds it.", "A job writes it by itself.")
        return self.build(**frames)

    @property
    def layer(self) -> str:
        """The layer, the part of the name before the dot."""
        return self.name.partition(".")[0]

    @property
    def short_name(self) -> str:
        """The part of the name after the dot."""
        return self.name.partition(".")[2]


def dependency_sorter(tables: Iterable[Table]) -> TopologicalSorter[str]:
    """Sorts the names of tables: each is ready once those of ``tables`` that it reads are done.

    Raises DeclarationError where tables read each other in a circle.
    """
    reads = {table.name: {source.name for source in table.reads.values()} for table in tables}
    sorter = TopologicalSorter({name: sources & reads.keys() for name, sources in reads.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise DeclarationError(f"These tables read each other in a circle: {circle}.") from error
    return sorter


def topological_order(tables: Mapping[str, Table]) -> tuple[Table, ...]:
    """The tables so that each one comes after those that it reads; otherwise by name.

    Raises DeclarationError where tables read each other in a circle.
    """
    sorter, order = dependency_sorter(tables.values()), list[Table]()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += [tables[name] for name in ready]
        sorter.done(*ready)
    return tuple(order)
