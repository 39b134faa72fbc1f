"""Write the semantic model in TMDL: indented by tabs, one file for each table, descriptions after three slashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from lakehouse.errors import DeclarationError
from lakehouse.table import Format
from pipelines.bi.powerbi.ids import stable_id
from pipelines.bi.powerbi.power_query import Expression, expressions, range_column, table_query
from pipelines.bi.powerbi.sources import GoldSource
from pipelines.bi.semantic.model import Model, ModelColumn, ModelTable
from pipelines.bi.semantic.relationships import Relationship

COMPATIBILITY = 1601
"""The level of the model's features: what Power BI Desktop makes by default since 2024."""

MEASURE_TABLE = "figures"
"""The table that holds every measure, so that none has the name of a column beside it, which Power BI refuses."""

_MEASURE_TABLE = ModelTable(
    MEASURE_TABLE,
    "Every figure, by what it is about. Each is right for any selection; it is a measure, never a sum of rows.",
    (ModelColumn("figure", "STRING", "Nothing: a table needs a column.", hidden=True),),
)

_TYPES = {
    "STRING": "string",
    "BIGINT": "int64",
    "INT": "int64",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "dateTime",
    "TIMESTAMP": "dateTime",
}

_FORMATS = {
    Format.COUNT: "#,0",
    Format.MONEY: "#,0.00",
    Format.NUMBER: "#,0.00",
    Format.WHOLE: "0",
    Format.SHARE: "0.0%",
    Format.MEAN: "#,0.00",
    Format.SCORE: "0.000",
    Format.TENTH: "0.0",
    Format.ID: "0",
    Format.HASH: "0",
    Format.DAY: "yyyy-mm-dd",
    Format.INSTANT: "yyyy-mm-dd hh:nn:ss",
}


POLICY = (
    "policyType: basic",
    "rollingWindowGranularity: year",
    "rollingWindowPeriods: 10",
    "incrementalGranularity: day",
    "incrementalPeriods: 30",
)
"""What the service keeps of a long table, and how much it loads again: late events change the sessions of some days."""


def tmdl_files(model: Model, source: GoldSource, *, incremental: bool = False) -> dict[str, str]:
    """The files of the folder ``definition``, by their paths; long tables have a policy if ``incremental``.

    Raises DeclarationError where a gold table has the name of the table that holds the measures.
    """
    if any(table.name == MEASURE_TABLE for table in model.tables):
        raise DeclarationError(
            f"gold.{MEASURE_TABLE} has the name of a table that the Power BI project adds.", "Choose another name."
        )
    tables = (*model.tables, _MEASURE_TABLE)
    return {
        "database.tmdl": f"database\n\tcompatibilityLevel: {COMPATIBILITY}\n",
        "model.tmdl": _model(tables),
        "expressions.tmdl": "\n\n".join(
            _expression(expression) for expression in expressions(source, incremental=incremental)
        )
        + "\n",
        "relationships.tmdl": "\n\n".join(_relationship(relationship) for relationship in model.relationships) + "\n",
        **{f"tables/{table.name}.tmdl": _table(table, model, incremental=incremental) + "\n" for table in tables},
    }


def quoted(name: str) -> str:
    """The name as TMDL spells it: in quotes where it is more than one word."""
    if re.fullmatch(r"\w+", name):
        return name
    return "'" + name.replace("'", "''") + "'"


def _model(tables: Iterable[ModelTable]) -> str:
    order = json.dumps([table.name for table in tables])
    return "\n".join(
        (
            "model Model",
            "\tculture: en-US",
            "\tdefaultPowerBIDataSourceVersion: powerBI_V3",
            "\tsourceQueryCulture: en-US",
            "",
            # Power BI would otherwise make a hidden calendar of its own for every date.
            "\tannotation __PBI_TimeIntelligenceEnabled = 0",
            "",
            f"\tannotation PBI_QueryOrder = {order}",
            "",
            *(f"ref table {quoted(table.name)}" for table in tables),
            "",
        )
    )


def _expression(expression: Expression) -> str:
    return "\n".join(
        (
            _doc(expression.doc, 0),
            *_with_body(f"expression {quoted(expression.name)} =", expression.m, 0),
            f"\tlineageTag: {stable_id('expression', expression.name)}",
            "",
            f"\tannotation PBI_ResultType = {expression.result}",
        )
    )


def _relationship(relationship: Relationship) -> str:
    name = stable_id(
        "relationship", relationship.table, relationship.column, relationship.to_table, relationship.to_column
    )
    return "\n".join(
        (
            f"relationship {name}",
            *(() if relationship.active else ("\tisActive: false",)),
            *(
                ("\tfromCardinality: one", "\tcrossFilteringBehavior: bothDirections")
                if relationship.is_one_to_one
                else ()
            ),
            f"\tfromColumn: {quoted(relationship.table)}.{quoted(relationship.column)}",
            f"\ttoColumn: {quoted(relationship.to_table)}.{quoted(relationship.to_column)}",
        )
    )


def _table(table: ModelTable, model: Model, *, incremental: bool) -> str:
    query = table_query(table, model, incremental=incremental)
    blocks = [
        "\n".join(
            (
                _doc(table.doc, 0),
                f"table {quoted(table.name)}",
                *(("\tisHidden",) if table.hidden else ()),
                f"\tlineageTag: {stable_id('table', table.name)}",
                *(("\tdataCategory: Time",) if table.is_calendar else ()),
            )
        )
    ]
    if incremental and range_column(table):
        policy = (f"\t\t{line}" for line in POLICY)
        blocks.append("\n".join(("\trefreshPolicy", *policy, *_with_body("\t\tsourceExpression =", query, 2))))
    measures = model.measures if table.name == MEASURE_TABLE else {}
    for folder, measure in ((folder, measure) for folder, measures in measures.items() for measure in measures):
        blocks.append(
            "\n".join(
                (
                    _doc(measure.doc, 1),
                    f"\tmeasure {quoted(measure.name)} = {measure.dax}",
                    f"\t\tformatString: {_format(measure.format, model.currency)}",
                    f"\t\tdisplayFolder: {folder}",
                    f"\t\tlineageTag: {stable_id('measure', measure.name)}",
                )
            )
        )
    blocks.extend(_column(table, column, model.currency) for column in table.columns)
    blocks.append(
        "\n".join(
            (
                f"\tpartition {quoted(table.name)} = m",
                "\t\tmode: import",
                *_with_body("\t\tsource =", query, 2),
            )
        )
    )
    return "\n\n".join(blocks)


def _format(kind: Format, currency: str) -> str:
    """The format as Power BI writes it; each character of the currency is a literal."""
    behind = "".join(f"\\{mark}" for mark in currency) if kind is Format.MONEY else ""
    return f"{_FORMATS[kind]} {behind}".rstrip()


def _column(table: ModelTable, column: ModelColumn, currency: str) -> str:
    properties = (
        f"dataType: {_TYPES.get(column.type, 'decimal')}",
        "isHidden" if column.hidden else "",
        "isKey" if column.is_key else "",
        f"formatString: {_format(column.format, currency)}" if column.format else "",
        f"displayFolder: {column.folder}" if column.folder else "",
        f"lineageTag: {stable_id('column', table.name, column.name)}",
        f"summarizeBy: {'sum' if column.additive else 'none'}",
        f"sourceColumn: {column.name}",
        f"sortByColumn: {quoted(column.sort_by)}" if column.sort_by else "",
    )
    annotations = ["SummarizationSetBy = User"]
    if column.type == "DATE":
        annotations.append("UnderlyingDateTimeDataType = Date")
    return "\n".join(
        (
            _doc(column.doc, 1),
            f"\tcolumn {quoted(column.name)}",
            *(f"\t\t{line}" for line in properties if line),
            *(line for annotation in annotations for line in ("", f"\t\tannotation {annotation}")),
        )
    )


def _doc(text: str, level: int) -> str:
    return "\t" * level + "/// " + " ".join(text.split())


def _with_body(head: str, body: str, level: int) -> Sequence[str]:
    """A property with its expression: beside it if it is one line, else two levels deeper."""
    lines = body.split("\n")
    if len(lines) == 1:
        return (f"{head} {body}",)
    return (head, *("\t" * (level + 2) + line for line in lines))
