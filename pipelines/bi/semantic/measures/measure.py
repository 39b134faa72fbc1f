"""Say what a measure is: a figure as DAX for Power BI, and the same as SQL for DuckDB."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.table import Format


@dataclass(frozen=True)
class Measure:
    """A figure: its name, what it means, its DAX, the same in SQL, and how it is shown.

    ``of`` is the gold table, or the SQL in its place, that ``value`` is an aggregate of, in DuckDB's
    SQL. It says what the DAX means where nothing is selected. It is what the tests evaluate, because
    DAX runs in Power BI alone, and what `clickstream report` shows, grouped by the columns of a visual:
    SQL in place of a table keeps the table's columns. A change of one is a change of both.

    A filter of the DAX stands in KEEPFILTERS, so that the figure by the column that it filters leaves
    the other values blank instead of repeating itself.
    """

    name: str
    doc: str
    dax: str
    of: str
    value: str
    format: Format

    @property
    def sql(self) -> str:
        """The query for the figure."""
        return f"SELECT {self.value} FROM {self.of}"  # noqa: S608 - both are written beside the DAX


def ratio(part: str, whole: str) -> str:
    """The DAX of one measure divided by another: blank where there is nothing to divide by."""
    return f"DIVIDE([{part}], [{whole}])"


def only(*conditions: str) -> str:
    """The DAX of filters that narrow down what is selected."""
    return ", ".join(f"KEEPFILTERS({condition})" for condition in conditions)
