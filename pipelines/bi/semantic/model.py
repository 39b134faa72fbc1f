"""Say what a semantic model is made of, so that each output writes the same model in its own format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse.table import Format, Table
from pipelines.bi.semantic.measures.measure import Measure
from pipelines.bi.semantic.relationships import Relationship


@dataclass(frozen=True)
class ModelColumn:
    """A column of the model; ``type`` is Spark SQL's.

    ``format`` says how the values are shown; text and booleans have none. ``additive`` columns may be summed
    over any rows. ``key_of`` names the ids of the same row that the column joins into one text.
    """

    name: str
    type: str
    doc: str
    format: Format | None = None
    folder: str = ""
    hidden: bool = False
    additive: bool = False
    sort_by: str = ""
    is_key: bool = False
    key_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelTable:
    """A table of the model: the columns that gold declares, then those that the model adds.

    ``declared`` is the gold table; the calendar has none.
    """

    name: str
    doc: str
    columns: tuple[ModelColumn, ...]
    declared: Table | None = None
    hidden: bool = False
    is_calendar: bool = False


@dataclass(frozen=True)
class Model:
    """The whole semantic model; ``measures`` are listed by the folder that shows them.

    ``currency`` stands behind every sum of money, where the shop names it.
    """

    tables: tuple[ModelTable, ...]
    relationships: tuple[Relationship, ...]
    measures: Mapping[str, tuple[Measure, ...]]
    currency: str = ""
