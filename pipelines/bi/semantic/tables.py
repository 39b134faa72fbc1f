"""A gold table as a table of the model: types, formats, folders, and the query that loads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakehouse.errors import DeclarationError
from lakehouse.table import Column, Format, Table
from pipelines.bi.semantic.m import m_list, m_steps, m_text
from pipelines.bi.semantic.parts import ModelColumn, ModelTable
from pipelines.bi.semantic.relationships import dimensions, key_column, parents

FOR_MODELS = frozenset({"gold.training_examples"})
"""Tables for those who train models: in the project, and not shown to those who read reports."""

BAND = "probability_band"
"""The column that puts a probability beside those near it."""


def gold_table(table: Table, tables: Sequence[Table]) -> ModelTable:
    """The table, with its columns and with those that relationships and charts need besides.

    Raises DeclarationError where a column has a type that Power BI has none for, or the name of one of those.
    """
    among = dimensions(tables)
    keys = [*((table,) if table in among else ()), *parents(table, among)]
    added = [
        (
            ModelColumn(
                key_column(one),
                "string",
                "type text",
                f"{', '.join(one.key)} of {one.short_name} as one text, for the relationship.",
                hidden=True,
            ),
            f"Key({m_list(f'[{name}]' for name in one.key)})",
        )
        for one in keys
    ]
    if any(column.name == "probability" for column in table.columns):
        added.append((_BAND, _TO_BAND))
    if taken := [column.name for column, _ in added if column.name in table.column_names]:
        raise DeclarationError(
            f"{table.name} declares {taken[0]}, a column that the Power BI project makes itself.", "Call it otherwise."
        )
    columns = tuple(_column(column, table) for column in table.columns)
    return ModelTable(
        name=table.short_name,
        doc=table.doc,
        columns=(*columns, *(column for column, _ in added)),
        query=_query(table, columns, added),
        hidden=table.name in FOR_MODELS,
    )


_BAND = ModelColumn(
    BAND,
    "double",
    "type number",
    "From which probability on: the band that is a tenth wide.",
    format="0.0",
    folder="Figures",
)

_TO_BAND = "if [probability] = null then null else List.Min({Number.RoundDown([probability] * 10), 9}) / 10"


def format_of(column: Column) -> Format | None:
    """What a column's values are: as declared, else by its type; none for text and for yes or no."""
    if column.type.startswith("DECIMAL("):
        return column.format or Format.MONEY
    return column.format or _FORMATS.get(column.type)


_FORMATS = {
    "BIGINT": Format.COUNT,
    "INT": Format.WHOLE,
    "DOUBLE": Format.NUMBER,
    "DATE": Format.DAY,
    "TIMESTAMP": Format.INSTANT,
}


def _column(column: Column, table: Table) -> ModelColumn:
    tmdl, m, form, folder = _kind(column, table)
    in_key = column.name in table.key
    by_day = any(other.type == "DATE" and other.name in table.key for other in table.columns)
    values = format_of(column)
    # A share or a mean is true of its own row; any sum or mean of them is not, and a measure says it right.
    only_of_its_row = by_day and values in {Format.SHARE, Format.MEAN}
    return ModelColumn(
        column.name,
        tmdl,
        m,
        column.doc,
        format=form,
        folder=folder,
        hidden=values is Format.HASH or only_of_its_row,
        adds_up=values in {Format.COUNT, Format.MONEY} and column.additive and not in_key,
    )


def _kind(column: Column, table: Table) -> tuple[str, str, str, str]:
    """TMDL's type, M's type, the format and the folder."""
    values = format_of(column)
    if values is Format.ID:
        folder = "Ids"
    elif column.type in {"DATE", "TIMESTAMP"}:
        folder = "Times"
    elif column.type in {"STRING", "BOOLEAN"} or column.name in table.key:
        folder = ""
    else:
        folder = "Figures"
    if column.type in _KINDS:
        tmdl, m, form = _KINDS[column.type]
    elif column.type.startswith("DECIMAL("):
        tmdl, m, form = "decimal", "Currency.Type", "#,0.00"
    else:
        raise DeclarationError(
            f"{table.name}.{column.name} is {column.type}, which Power BI has no plain type for.",
            f"Use one of {', '.join(_KINDS)} or DECIMAL.",
        )
    if values is Format.SHARE:
        form = "0.0%"
    if values is Format.HASH:
        form = "0"
    return tmdl, m, form, folder


_KINDS = {
    "STRING": ("string", "type text", ""),
    "BIGINT": ("int64", "Int64.Type", "#,0"),
    "INT": ("int64", "Int64.Type", "0"),
    "DOUBLE": ("double", "type number", "#,0.00"),
    "BOOLEAN": ("boolean", "type logical", ""),
    "DATE": ("dateTime", "type date", "yyyy-mm-dd"),
    "TIMESTAMP": ("dateTime", "type datetime", "yyyy-mm-dd hh:nn:ss"),
}


def _query(table: Table, columns: Iterable[ModelColumn], added: Iterable[tuple[ModelColumn, str]]) -> str:
    """The M query that loads a gold table; each step's name is what its rows are."""
    names = m_list(m_text(column.name) for column in columns)
    instants = [column.name for column in columns if column.m_type == "type datetime"]
    steps = [("Gold", f"GoldTable({m_text(table.short_name)})"), ("Declared", f"Table.SelectColumns(Gold, {names})")]
    if instants:
        in_utc = m_list(m_list([m_text(name), "Utc", "type nullable datetime"]) for name in instants)
        steps.append(("InUtc", f"Table.TransformColumns({steps[-1][0]}, {in_utc})"))
    types = m_list(m_list([m_text(column.name), column.m_type]) for column in columns)
    steps.append(("Typed", f'Table.TransformColumnTypes({steps[-1][0]}, {types}, "en-US")'))
    for column, value in added:
        adding = f"Table.AddColumn({steps[-1][0]}, {m_text(column.name)}, each {value}, {column.m_type})"
        steps.append((f"With_{column.name}", adding))
    return m_steps(steps)
