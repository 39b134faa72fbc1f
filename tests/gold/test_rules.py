"""Gold keeps what its declarations promise: unique keys, required columns, rules."""

from __future__ import annotations

import pytest

from pipelines.gold_builder import incremental_tables
from pipelines.operations.verification.tables import check_tables

pytestmark = pytest.mark.spark


def test_every_gold_table_keeps_its_key_and_rules(shop):
    checks = check_tables(shop, incremental_tables())
    assert [check for check in checks if not check.ok] == []
    assert all(check.figures["rows"] for check in checks)
