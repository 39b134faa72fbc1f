"""A column is shown, filed and added up by what it declares."""

from __future__ import annotations

import pytest

from lakehouse.table import Column, Format, Table
from pipelines.bi.semantic.tables import gold_table


def shown(column, key="made_on"):
    """How the model has a column, in a table with a row for each day or for each thing."""
    keys = {"made_on": Column("made_on", "DATE", "The day."), "thing": Column("thing", "STRING", "The thing.")}
    table = Table(name="gold.things", doc="One row per key.", columns=(column, keys[key]), key=(key,))
    return gold_table(table, (table,)).columns[0]


@pytest.mark.parametrize(
    ("type_name", "values", "additive"),
    [
        ("BIGINT", Format.COUNT, True),
        ("DECIMAL(18,2)", Format.MONEY, True),
        ("INT", Format.WHOLE, False),
        ("DOUBLE", Format.NUMBER, False),
        ("TIMESTAMP", Format.INSTANT, False),
        ("STRING", None, False),
        ("BOOLEAN", None, False),
    ],
)
def test_a_type_says_what_values_are_where_the_column_does_not(type_name, values, additive):
    column = shown(Column("x", type_name, "What it is."))
    assert (column.format, column.additive) == (values, additive)


def test_a_count_that_is_not_additive_is_never_summed():
    assert not shown(Column("x", "BIGINT", "What it is.", additive=False)).additive


@pytest.mark.parametrize("values", [Format.SHARE, Format.MEAN])
def test_shares_and_means_of_a_day_are_hidden(values):
    column = Column("x", "DOUBLE", "What it is.", format=values)
    assert shown(column).hidden
    assert not shown(column, key="thing").hidden


def test_ids_have_a_folder_and_hashes_are_hidden():
    assert shown(Column("x", "STRING", "What it is.", format=Format.ID)).folder == "Ids"
    assert shown(Column("x", "BIGINT", "What it is.", format=Format.HASH)).hidden
