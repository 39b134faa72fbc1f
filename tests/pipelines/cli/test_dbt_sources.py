"""The example for dbt has what gold declares."""

from __future__ import annotations

import yaml

from lakehouse.table import Column, Table
from pipelines.cli.dbt_sources import sources_page
from pipelines.cli.reference import DBT_SOURCES
from pipelines.runtime.catalog import GOLD


def test_the_sources_are_up_to_date():
    assert DBT_SOURCES.read_text(encoding="utf-8") == sources_page(GOLD.values()), "Renew them: make docs"


def test_every_table_is_a_source_with_all_it_promises():
    [source] = yaml.safe_load(DBT_SOURCES.read_text(encoding="utf-8"))["sources"]
    assert [table["name"] for table in source["tables"]] == [table.short_name for table in GOLD.values()]
    for told, table in zip(source["tables"], GOLD.values(), strict=True):
        assert told["description"] == table.doc
        assert [column["name"] for column in told["columns"]] == list(table.column_names)
        tests = [next(iter(test.items())) for test in told["data_tests"]]
        assert [test["arguments"]["columns"] for kind, test in tests if kind == "unique_key"] == [list(table.key)]
        assert [test["arguments"]["rule"] for kind, test in tests if kind == "holds"] == list(table.rules.values())


def test_a_text_is_neither_yaml_nor_code_of_dbt():
    doc = "One row per kind: {{ env_var('HOME') }} # \"a\" {% b %}\n- ü"
    page = sources_page([Table("gold.kinds", doc, (Column("kind", "STRING", doc),), key=("kind",))])
    [told] = yaml.safe_load(page)["sources"][0]["tables"]
    assert "{{" not in page
    assert "{%" not in page
    assert told["description"].replace("{ ", "{") == doc.replace("{ ", "{")
    assert told["columns"][0]["description"] == told["description"]
