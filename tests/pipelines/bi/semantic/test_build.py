"""The model has whatever gold declares, and refuses what it cannot show."""

from __future__ import annotations

import re

import pytest

from lakehouse.errors import DeclarationError
from pipelines.bi.semantic.build import semantic_model
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.semantic.declared import declared, model_of


def test_a_new_table_and_its_columns_appear_by_themselves():
    model = model_of(declared())
    made = next(table for table in model.tables if table.name == "things")
    assert [column.name for column in made.columns] == ["thing_id", "seen_on", "things_key"]
    assert ("things", "seen_on", "dates", True) in {
        (one.table, one.column, one.to_table, one.active) for one in model.relationships
    }


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (declared("gold.dates"), "gold.dates has the name of a table that the semantic model adds"),
        (declared(columns=(("thing_id", "STRING"), ("parts", "ARRAY<STRING>"))), "parts is ARRAY<STRING>"),
        (declared(columns=(("thing_id", "STRING"), ("things_key", "STRING"))), "declares things_key"),
    ],
)
def test_what_cannot_be_in_the_model_is_refused_and_says_why(table, says):
    with pytest.raises(DeclarationError, match=re.escape(says)):
        model_of(table)


def test_a_measure_of_a_column_that_is_gone_is_refused():
    rest = [table for name, table in GOLD.items() if name != "gold.click_map"]
    with pytest.raises(DeclarationError, match=r"'Clicks on the map' names click_map\[clicks\]"):
        semantic_model(rest)
