"""A declaration that contradicts itself fails, and tables are sorted by what they read."""

from __future__ import annotations

import dataclasses
import re

import pytest

from lakehouse.errors import DeclarationError
from lakehouse.table import Column, Source, Table, topological_order


def build(page_views):
    return page_views


def declare(**changes):
    values = {
        "name": "gold.things",
        "doc": "One row per thing.",
        "columns": (Column("thing_id", "STRING", "The thing."),),
        "key": ("thing_id",),
        "reads": {"page_views": Source("x", "x", ())},
        "build": build,
    }
    return Table(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "things"}, "not a table name"),
        ({"name": "gold.Things"}, "not a table name"),
        ({"name": "gold.../x"}, "not a table name"),
        ({"doc": "Things."}, "grain"),
        ({"key": ()}, "no key"),
        ({"key": ("nothing",)}, "unknown columns: nothing"),
        ({"scope": {"nothing": "x"}}, "unknown columns: nothing"),
        ({"reads": {}}, "build takes (page_views) but reads is ()"),
        ({"reads": {"clicks": Source("x", "x", ())}}, "build takes (page_views) but reads is (clicks)"),
        ({"columns": (Column("a", "STRING", "A."), Column("a", "STRING", "A.")), "key": ("a",)}, "twice"),
    ],
)
def test_a_declaration_that_contradicts_itself_fails(changes, says):
    with pytest.raises(DeclarationError, match=re.escape(says)):
        declare(**changes)


def test_a_column_without_a_description_is_refused():
    with pytest.raises(DeclarationError, match="no description"):
        Column("a", "STRING", " ")


def test_a_table_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        declare().name = "gold.other"


def test_tables_come_after_what_they_read():
    first = declare(name="gold.z")
    second = declare(name="gold.a", reads={"page_views": first})
    assert [table.name for table in topological_order({"gold.a": second, "gold.z": first})] == ["gold.z", "gold.a"]


def test_tables_that_read_each_other_are_refused():
    a = declare(name="gold.a", reads={"page_views": declare(name="gold.b")})
    b = declare(name="gold.b", reads={"page_views": a})
    with pytest.raises(DeclarationError, match=r"circle: gold.[ab] -> gold.[ba] -> gold.[ab]"):
        topological_order({"gold.a": a, "gold.b": b})
