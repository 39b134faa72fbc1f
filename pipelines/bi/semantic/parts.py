"""What a semantic model is made of."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.bi.semantic.measures.measure import Measure
from pipelines.bi.semantic.relationships import Relationship


@dataclass(frozen=True)
class ModelColumn:
    """A column of the model; ``type`` is TMDL's, ``m_type`` Power Query's."""

    name: str
    type: str
    m_type: str
    doc: str
    format: str = ""
    folder: str = ""
    hidden: bool = False
    adds_up: bool = False
    sort_by: str = ""
    is_key: bool = False

    @property
    def is_day(self) -> bool:
        """Whether it is a date without a time, which TMDL has no type of its own for."""
        return self.m_type == "type date"


@dataclass(frozen=True)
class ModelTable:
    """A table of the model: its columns, and the M query that loads them."""

    name: str
    doc: str
    columns: tuple[ModelColumn, ...]
    query: str
    measures: tuple[tuple[str, Measure], ...] = ()
    hidden: bool = False
    is_calendar: bool = False


@dataclass(frozen=True)
class Expression:
    """A query of the model that is no table: a parameter or a function."""

    name: str
    doc: str
    m: str
    is_parameter: bool = False


@dataclass(frozen=True)
class Model:
    """The whole semantic model."""

    expressions: tuple[Expression, ...]
    tables: tuple[ModelTable, ...]
    relationships: tuple[Relationship, ...]
