"""Gold keeps what its declarations promise: unique keys, required columns, rules."""

from __future__ import annotations

import pytest

from gold.excess_sessions import TABLE as EXCESS_SESSIONS
from pipelines.gold_builder import incremental_tables
from pipelines.operations.verification.tables import check_tables

pytestmark = pytest.mark.spark


def test_every_gold_table_keeps_its_key_and_rules(shop):
    checks = check_tables(shop, incremental_tables())
    assert [check for check in checks if not check.ok] == []
    empty = [check.name.partition(":")[0] for check in checks if not check.figures["rows"]]
    assert empty == [EXCESS_SESSIONS.name], "nobody of these has too many"
