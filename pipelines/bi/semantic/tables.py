"""Turn a gold table into a table of the model: which columns it shows, how, in which folder, and which add up."""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse.errors import DeclarationError
from lakehouse.table import Column, Format, Table
from pipelines.bi.semantic.model import ModelColumn, ModelTable
from pipelines.bi.semantic.relationships import dimensions, key_column, parents

NOT_IN_REPORTS = frozenset(
    {"gold.training_examples", "gold.user_history", "gold.session_starts", "gold.excess_sessions"}
)
"""Wide or long tables that models and suspicions are made of: no page shows them, so no report loads them."""

BAND = "probability_band"
"""The column that puts a probability beside those near it."""

_BAND_COLUMN = ModelColumn(
    BAND, "DOUBLE", "From which probability on: the band that is a tenth wide.", Format.TENTH, folder="Figures"
)

_FORMATS = {
    "STRING": None,
    "BIGINT": Format.COUNT,
    "INT": Format.WHOLE,
    "DOUBLE": Format.NUMBER,
    "BOOLEAN": None,
    "DATE": Format.DAY,
    "TIMESTAMP": Format.INSTANT,
}
"""What the values of each type are, where the column does not say."""


def gold_table(table: Table, tables: Sequence[Table]) -> ModelTable:
    """The table, with its columns and with those that relationships and charts need besides.

    Raises DeclarationError where a column has a type that no report shows, or the name of one of those.
    """
    among = dimensions(tables)
    keys = [*((table,) if table in among else ()), *parents(table, among)]
    added = [
        ModelColumn(
            key_column(dimension),
            "STRING",
            f"{', '.join(dimension.key)} of {dimension.short_name} as one text, for the relationship.",
            hidden=True,
            key_of=dimension.key,
        )
        for dimension in keys
    ]
    if "probability" in table.column_names:
        added.append(_BAND_COLUMN)
    if taken := [column.name for column in added if column.name in table.column_names]:
        raise DeclarationError(
            f"{table.name} declares {taken[0]}, a column that the semantic model adds.", "Choose another name."
        )
    return ModelTable(
        name=table.short_name,
        doc=table.doc,
        columns=(*(_column(column, table) for column in table.columns), *added),
        declared=table,
    )


def _column(column: Column, table: Table) -> ModelColumn:
    values = _format(column, table)
    has_row_per_day = any(other.type == "DATE" and other.name in table.key for other in table.columns)
    # A share or a mean is true of its own row; any sum or mean of them is not, and a measure says it right.
    true_of_its_row_alone = has_row_per_day and values in {Format.SHARE, Format.MEAN}
    return ModelColumn(
        column.name,
        column.type,
        column.doc,
        format=None if column.type == "STRING" else values,
        folder=_folder(column, table),
        hidden=values is Format.HASH or true_of_its_row_alone,
        additive=values in {Format.COUNT, Format.MONEY} and column.additive and column.name not in table.key,
    )


def _format(column: Column, table: Table) -> Format | None:
    """What a column's values are: as declared, else by its type; none for text and booleans."""
    if column.type.startswith("DECIMAL("):
        return column.format or Format.MONEY
    if column.type not in _FORMATS:
        raise DeclarationError(
            f"{table.name}.{column.name} is {column.type}, which no report shows.",
            f"Use one of {', '.join(_FORMATS)} or DECIMAL.",
        )
    return column.format or _FORMATS[column.type]


def _folder(column: Column, table: Table) -> str:
    if column.format is Format.ID:
        return "Ids"
    if column.type in {"DATE", "TIMESTAMP"}:
        return "Times"
    if column.type in {"STRING", "BOOLEAN"} or column.name in table.key:
        return ""
    return "Figures"
