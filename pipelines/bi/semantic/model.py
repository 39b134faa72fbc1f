"""The semantic model: what Power BI is told of the gold tables, all of it from their declarations."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakehouse.errors import DeclarationError
from lakehouse.table import Table
from pipelines.bi.semantic.calendar import calendar
from pipelines.bi.semantic.m import m_text
from pipelines.bi.semantic.measures import FIGURES, MEASURES
from pipelines.bi.semantic.parts import Expression, Model, ModelColumn, ModelTable
from pipelines.bi.semantic.relationships import CALENDAR, relationships
from pipelines.bi.semantic.sources import GoldSource
from pipelines.bi.semantic.tables import gold_table


def semantic_model(tables: Sequence[Table], source: GoldSource) -> Model:
    """The model over the gold tables, read from a source.

    Raises DeclarationError where a table takes a name of the model's own, or a measure speaks of a column that no
    table declares.
    """
    for table in tables:
        if table.short_name in {CALENDAR, FIGURES}:
            raise DeclarationError(
                f"{table.name} has the name of a table that the Power BI project makes itself.", "Call it otherwise."
            )
    made = (*(gold_table(table, tables) for table in tables), calendar(tables))
    columns = {f"{table.name}[{column.name}]" for table in made for column in table.columns}
    for measures in MEASURES.values():
        for measure in measures:
            if unknown := sorted(set(re.findall(r"\w+\[\w+\]", measure.dax)) - columns):
                raise DeclarationError(
                    f"The measure {measure.name!r} speaks of {', '.join(unknown)}, which gold does not declare.",
                    "Mend its DAX and its SQL in pipelines/bi/semantic/measures/.",
                )
    return Model(_expressions(source), (*made, _figures()), relationships(tables))


def _expressions(source: GoldSource) -> tuple[Expression, ...]:
    return (
        Expression(
            "GoldRoot",
            "Where the gold tables are. Change it here, and nowhere else.",
            f'{m_text(source.root)} meta [IsParameterQuery = true, Type = "Text", IsParameterQueryRequired = true]',
            is_parameter=True,
        ),
        Expression("GoldTable", "The rows of a gold table, by its name.", source.table_function),
        Expression(
            "Key",
            "Ids as one text that tells them apart in any case and with any character: their bytes in hexadecimal.",
            """(ids as list) as nullable text =>
    let
        Hex = (id as text) as text => Binary.ToText(Text.ToBinary(id, TextEncoding.Utf8), BinaryEncoding.Hex)
    in
        if List.Contains(ids, null) then null else Text.Combine(List.Transform(ids, Hex), ".")""",
        ),
        Expression(
            "Utc",
            "An instant in UTC without its zone, so that no machine's time zone shifts it.",
            """(instant as any) as any =>
    if instant is datetimezone then DateTimeZone.RemoveZone(DateTimeZone.ToUtc(instant)) else instant""",
        ),
    )


def _figures() -> ModelTable:
    """The table of the measures: one hidden column, no rows."""
    return ModelTable(
        FIGURES,
        "Every figure, by what it is about. Each is right for any selection; it is a measure, never a sum of rows.",
        (ModelColumn("figure", "string", "type text", "Nothing: a table needs a column.", hidden=True),),
        "#table(type table [figure = text], {})",
        measures=tuple((folder, measure) for folder, measures in MEASURES.items() for measure in measures),
    )
