"""A table whose creation was interrupted is created by the next start; a whole one is left as it is."""

from __future__ import annotations

import pytest

from bronze.raw_events import BRONZE
from gold.sessions import TABLE as SESSIONS
from lakehouse.delta_log import examine
from silver.events import SILVER
from silver.quarantine import QUARANTINE

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("table", [BRONZE["clicks"], SILVER["clicks"], QUARANTINE, SESSIONS], ids=lambda one: one.name)
@pytest.mark.parametrize("left", ["nothing", ".00000000000000000000.json.1f.tmp", f"{0:020d}.json"])
def test_an_interrupted_creation_is_finished(lake, table, left):
    log = lake.folder(table) / "_delta_log"
    log.mkdir(parents=True)
    if left != "nothing":
        (log / left).write_text('{"commitInfo":{"timest')
    lake.ensure(table)
    assert lake.version(table) == 0
    lake.append(table, lake.empty(table))
    assert examine(lake.folder(table)) == []


def test_a_table_that_is_there_is_left_alone(lake):
    table = BRONZE["clicks"]
    lake.ensure(table)
    before = lake.table_id(table)
    lake.ensure(table)
    assert lake.table_id(table) == before
