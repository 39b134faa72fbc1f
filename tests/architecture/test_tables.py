"""What every table promises by being one."""

from __future__ import annotations

import re

import pytest

from pipelines.runtime.catalog import GOLD, TABLES

PLAIN = re.compile(r"STRING|BIGINT|INT|DOUBLE|BOOLEAN|DATE|TIMESTAMP|DECIMAL\(\d+,\d+\)")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_says_what_it_means(table):
    for column in table.columns:
        assert len(column.doc) > 5, column.name


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_instants_are_called_at_and_dates_on(table):
    for column in table.columns:
        assert column.name.endswith("_at") == (column.type == "TIMESTAMP") or column.name == "as_of", column.name
        assert column.name.endswith("_on") == (column.type == "DATE"), column.name


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_reads_nothing_from_above_or_beside_its_layer(table):
    layers = ["kafka", "clock", "bronze", "silver", "gold"]
    for source in table.reads.values():
        assert layers.index(source.name.partition(".")[0]) <= layers.index(table.layer)


@pytest.mark.parametrize("table", GOLD.values(), ids=GOLD)
def test_gold_is_flat_and_plainly_typed(table):
    for column in table.columns:
        assert PLAIN.fullmatch(column.type), (column.name, column.type)
    assert not any("deletionVectors" in key or "columnMapping" in key for key in table.properties)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_key_is_never_null(table):
    required = {column.name for column in table.columns if column.required}
    assert set(table.key) <= required


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_rule_is_named_by_what_holds(table):
    for name, rule in table.rules.items():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", name), name
        assert rule.strip(), name
