"""What is learnt from."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.spark


def test_a_session_has_a_row_at_each_cutoff_before_its_purchase(sql):
    assert sql("SELECT user_id, session_id, cut, bought_later FROM training_examples ORDER BY ALL") == [
        ("anna", "s1", 1, True), ("anna", "s1", 2, True), ("anna", "s1", 3, True), ("anna", "s1", 5, True),
        ("anna", "s1", 8, True),
        ("anna", "s2", 1, False), ("anna", "s2", 2, False),
        ("ben", "s1", 1, False),
    ]  # fmt: skip


def test_a_label_is_known_once_its_session_is_closed(sql):
    assert (
        sql(
            """SELECT user_id, session_id, cut FROM training_examples JOIN sessions USING (user_id, session_id)
           WHERE bought_later_known_at IS DISTINCT FROM CASE WHEN is_closed THEN closes_at END"""
        )
        == []
    )
    known = (
        "SELECT DISTINCT session_id, bought_next_known_at FROM training_examples WHERE bought_next_known_at IS NOT NULL"
    )
    assert sql(known) == sql("SELECT 's1', closes_at FROM sessions WHERE user_id = 'anna' AND session_id = 's2'")
