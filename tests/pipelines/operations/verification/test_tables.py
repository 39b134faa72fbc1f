"""A table is checked against its own declaration: its key, its required columns and its rules."""

from __future__ import annotations

import pytest

from lakehouse.table import Column, Table
from pipelines.operations.verification.tables import check_table, check_tables

pytestmark = pytest.mark.spark

ORDERS = Table(
    name="gold.orders",
    doc="One row per (order_id, line).",
    columns=(
        Column("order_id", "STRING", "The order.", required=True),
        Column("line", "BINARY", "The line's own id."),
        Column("amount", "INT", "How many pieces.", required=True),
        Column("sent", "INT", "How many of them were sent; null before any was."),
    ),
    key=("order_id", "line"),
    rules={"something_was_ordered": "amount > 0", "no_more_is_sent": "sent <= amount OR amount IS NULL"},
)
GOOD = ("a", b"\x01", 2, 1)


@pytest.fixture
def check(spark):
    def check(*rows, quick: bool = False):
        schema = "order_id STRING, line BINARY, amount INT, sent INT"
        return check_table(ORDERS, spark.createDataFrame(list(rows), schema), quick=quick)

    return check


def test_a_table_that_keeps_its_declaration_is_ok(check):
    found = check(GOOD, ("a", b"\x02", 1, 0), ("b", None, 1, 1))
    assert found.ok
    assert found.name == "gold.orders: key, required columns and rules hold"
    assert found.figures == {"rows": 3, "repeated keys": 0, "missing values": 0, "broken rules": 0}
    assert check().ok


@pytest.mark.parametrize(
    ("row", "figure", "offence"),
    [
        (GOOD, "repeated keys", "the key is repeated in 1 row, first order_id a, line 01"),
        ((None, b"\xff", 1, 1), "missing values", "order_id is NULL in 1 row, first order_id None"),
        (("c", None, 0, 0), "broken rules", "something_was_ordered is broken in 1 row, first order_id c, line None"),
        (("c", None, 1, 2), "broken rules", "no_more_is_sent is broken in 1 row, first order_id c, line None"),
    ],
)
def test_a_planted_fault_is_found_and_named(check, row, figure, offence):
    found = check(GOOD, row)
    assert not found.ok
    assert {name for name, count in found.figures.items() if count and name != "rows"} == {figure}
    assert found.offence.startswith(offence)


def test_a_rule_that_is_null_is_broken(check):
    assert check(GOOD, ("c", None, 1, None)).offence.startswith("no_more_is_sent is broken in 1 row")


def test_keys_that_are_null_are_equal(check):
    assert check(("b", None, 1, 1), ("b", None, 2, 1)).figures["repeated keys"] == 1


def test_each_of_several_offences_is_named_with_its_first_key(check):
    found = check(("z", b"", 0, 0), ("y", b"", 0, 3), ("y", b"", 1, 0))
    assert found.offence == (
        "the key is repeated in 1 row, first order_id y, line ; "
        "something_was_ordered is broken in 2 rows, first order_id y, line ; "
        "no_more_is_sent is broken in 1 row, first order_id y, line "
    )


def test_quick_leaves_out_the_key_alone(check):
    found = check(GOOD, GOOD, ("c", None, 0, 0), quick=True)
    assert "repeated keys" not in found.figures
    assert found.name == "gold.orders: required columns and rules hold"
    assert found.offence.startswith("something_was_ordered is broken in 1 row, first order_id c")


def test_only_tables_that_exist_are_checked(job, lake):
    lake.ensure(ORDERS)
    missing = Table(**{**vars(ORDERS), "name": "gold.missing"})
    assert [check.name for check in check_tables(job, [missing, ORDERS])] == [
        "gold.orders: key, required columns and rules hold"
    ]
