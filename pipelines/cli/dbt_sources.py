"""Write gold's declarations as sources of dbt, so that the example in conf/dbt/ has what gold has."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lakehouse.table import Table


def sources_page(tables: Iterable[Table]) -> str:
    """The tables as a YAML file of sources; their keys, required columns and rules are tests of data."""
    lines = [
        "# Generated from the code by `make docs`; not edited by hand.",
        "version: 2",
        "sources:",
        "  - name: gold",
        "    schema: gold",
        "    tables:",
    ]
    for table in tables:
        lines += [
            f"      - name: {table.short_name}",
            f"        description: {_text(table.doc)}",
            "        data_tests:",
        ]
        lines += _test("unique_key", f"{table.short_name}_has_a_key_once", "columns", list(table.key))
        required = [column.name for column in table.columns if column.required]
        if required:
            lines += _test("no_nulls", f"{table.short_name}_has_what_is_required", "columns", required)
        for name, rule in table.rules.items():
            lines += _test("holds", f"{table.short_name}_{name}", "rule", rule)
        lines.append("        columns:")
        for column in table.columns:
            lines.append(f"          - name: {column.name}")
            lines.append(f"            data_type: {_text(column.type)}")
            lines.append(f"            description: {_text(column.doc)}")
    return "\n".join(lines) + "\n"


def _test(kind: str, name: str, argument: str, value: Any) -> list[str]:
    return [
        f"          - {kind}:",
        f"              name: {name}",
        f"              arguments: {{{argument}: {_text(value)}}}",
    ]


def _text(value: Any) -> str:
    """A value as JSON, which YAML reads; double braces would be code to dbt."""
    return json.dumps(value, ensure_ascii=False).replace("{{", "{ {").replace("{%", "{ %")
