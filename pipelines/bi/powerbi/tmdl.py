"""The semantic model in TMDL: indented by tabs, one file for each table, descriptions after three slashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from pipelines.bi.semantic.ids import stable_id
from pipelines.bi.semantic.parts import Expression, Model, ModelColumn, ModelTable
from pipelines.bi.semantic.relationships import Relationship

COMPATIBILITY = 1601
"""The level of the model's features: what Power BI Desktop makes by default since 2024."""


def tmdl_files(model: Model) -> dict[str, str]:
    """The files of the model's folder ``definition``, by their paths in it."""
    return {
        "database.tmdl": f"database\n\tcompatibilityLevel: {COMPATIBILITY}\n",
        "model.tmdl": _model(model.tables),
        "expressions.tmdl": "\n\n".join(_expression(one) for one in model.expressions) + "\n",
        "relationships.tmdl": "\n\n".join(_relationship(one) for one in model.relationships) + "\n",
        **{f"tables/{table.name}.tmdl": _table(table) + "\n" for table in model.tables},
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


def _expression(one: Expression) -> str:
    kind = "Text" if one.is_parameter else "Function"
    return "\n".join(
        (
            _doc(one.doc, 0),
            *_with_body(f"expression {quoted(one.name)} =", one.m, 0),
            f"\tlineageTag: {stable_id('expression', one.name)}",
            "",
            f"\tannotation PBI_ResultType = {kind}",
        )
    )


def _relationship(one: Relationship) -> str:
    name = stable_id("relationship", one.table, one.column, one.to_table, one.to_column)
    return "\n".join(
        (
            f"relationship {name}",
            *(() if one.active else ("\tisActive: false",)),
            *(("\tfromCardinality: one", "\tcrossFilteringBehavior: bothDirections") if one.is_one_to_one else ()),
            f"\tfromColumn: {quoted(one.table)}.{quoted(one.column)}",
            f"\ttoColumn: {quoted(one.to_table)}.{quoted(one.to_column)}",
        )
    )


def _table(table: ModelTable) -> str:
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
    for folder, measure in table.measures:
        blocks.append(
            "\n".join(
                (
                    _doc(measure.doc, 1),
                    f"\tmeasure {quoted(measure.name)} = {measure.dax}",
                    f"\t\tformatString: {measure.format}",
                    f"\t\tdisplayFolder: {folder}",
                    f"\t\tlineageTag: {stable_id('measure', measure.name)}",
                )
            )
        )
    blocks.extend(_column(table, column) for column in table.columns)
    blocks.append(
        "\n".join(
            (
                f"\tpartition {quoted(table.name)} = m",
                "\t\tmode: import",
                *_with_body("\t\tsource =", table.query, 2),
            )
        )
    )
    return "\n\n".join(blocks)


def _column(table: ModelTable, column: ModelColumn) -> str:
    properties = (
        f"dataType: {column.type}",
        "isHidden" if column.hidden else "",
        "isKey" if column.is_key else "",
        f"formatString: {column.format}" if column.format else "",
        f"displayFolder: {column.folder}" if column.folder else "",
        f"lineageTag: {stable_id('column', table.name, column.name)}",
        f"summarizeBy: {'sum' if column.adds_up else 'none'}",
        f"sourceColumn: {column.name}",
        f"sortByColumn: {quoted(column.sort_by)}" if column.sort_by else "",
    )
    annotations = ["SummarizationSetBy = User"]
    if column.is_day:
        annotations.append("UnderlyingDateTimeDataType = Date")
    return "\n".join(
        (
            _doc(column.doc, 1),
            f"\tcolumn {quoted(column.name)}",
            *(f"\t\t{one}" for one in properties if one),
            *(line for one in annotations for line in ("", f"\t\tannotation {one}")),
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
