"""Tables filter each other by their keys, and never by two ways."""

from __future__ import annotations

from collections import defaultdict

import pytest

from pipelines.bi.semantic.build import semantic_model
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.semantic.declared import declared, model_of


def ways(relationships):
    """How many ways a filter has from one table to another."""
    below = defaultdict(list)
    for one in relationships:
        if one.active:
            below[one.to_table].append(one.table)
            if one.is_one_to_one:
                below[one.table].append(one.to_table)

    def count(start, end, passed=()):
        steps = [step for step in below[start] if step not in (*passed, start)]
        return (start == end) + sum(count(step, end, (*passed, start)) for step in steps)

    names = {one.table for one in relationships} | set(below)
    return {(start, end): count(start, end) for start in names for end in names if start != end}


ORDERS = declared(
    "gold.orders",
    (("user_id", "STRING"), ("order_id", "STRING"), ("ordered_on", "DATE")),
    key=("user_id", "order_id"),
)


LINES = declared(
    "gold.order_lines",
    (
        ("user_id", "STRING"),
        ("session_id", "STRING"),
        ("order_id", "STRING"),
        ("line", "INT"),
        ("ordered_on", "DATE"),
    ),
    key=("user_id", "order_id", "line"),
)


SEGMENTS = declared("gold.a_segments", (("user_id", "STRING"), ("segment", "STRING")), key=("user_id",))


@pytest.mark.parametrize(
    "more", [(), (ORDERS,), (LINES,), (ORDERS, LINES), (SEGMENTS,), (SEGMENTS, LINES, ORDERS)], ids=len
)
def test_no_table_is_filtered_by_two_ways(more):
    assert max(ways(model_of(*more).relationships).values()) == 1


def test_a_new_table_refers_to_the_sessions_that_it_names():
    model = model_of(
        declared("gold.tags", (("user_id", "STRING"), ("session_id", "STRING"), ("tag", "STRING")), ("tag",))
    )
    assert [(one.column, one.to_table) for one in model.relationships if one.table == "tags"] == [
        ("sessions_key", "sessions")
    ]


def test_a_table_with_the_key_of_a_dimension_refers_to_it():
    model = semantic_model((SEGMENTS, *GOLD.values()))
    to_users = {one.table for one in model.relationships if one.to_table == "users"}
    assert to_users == {"a_segments", "sessions"}


def test_ids_of_another_type_are_no_reference():
    model = model_of(declared("gold.tags", (("user_id", "BIGINT"), ("tag", "STRING")), ("tag",)))
    assert not [one for one in model.relationships if one.table == "tags"]
