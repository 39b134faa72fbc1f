"""A table's new rows are read from outside, whatever writes it; each once, and marked ones alone."""

from __future__ import annotations

import duckdb

from bronze.raw_events import BRONZE
from pipelines.operations.latency.probe import Marks
from pipelines.operations.latency.readers import TableTail
from silver.events import SILVER
from tests.support.erasure import installation, land
from tests.support.records import value

MARKS = Marks("0a1b2c3d")


def test_new_rows_of_marked_sessions_are_read_once(tmp_path):
    settings, lake = installation(tmp_path / "my lake")
    theirs = {"user_id": MARKS.user(1), "session_id": MARKS.session(1)}
    land(lake, "clicks", 0, value("clicks", **theirs), key=MARKS.session(1).encode())
    bronze = TableTail(BRONZE["clicks"], settings.lake_root, "key", MARKS.ids.encode(), ["key"])
    silver = TableTail(SILVER["clicks"], settings.lake_root, "session_id", MARKS.ids, ["session_id"])
    with duckdb.connect() as connection:
        assert bronze.new_rows(connection) == silver.new_rows(connection) == []
        land(lake, "clicks", 1, value("clicks", **theirs, x_coord=1.5), key=MARKS.session(1).encode())
        land(lake, "clicks", 2, value("clicks"), key=b"\xff")
        assert bronze.new_rows(connection) == [(MARKS.session(1).encode(),)]
        assert silver.new_rows(connection) == [(MARKS.session(1),)]
        assert bronze.new_rows(connection) == silver.new_rows(connection) == []


def test_a_table_that_is_made_later_is_read_from_its_start(tmp_path):
    tail = TableTail(SILVER["clicks"], str(tmp_path / "lake"), "session_id", MARKS.ids, ["session_id"])
    with duckdb.connect() as connection:
        assert tail.new_rows(connection) == []
        _, lake = installation(tmp_path)
        land(lake, "clicks", 0, value("clicks", user_id=MARKS.user(1), session_id=MARKS.session(1)))
        assert tail.new_rows(connection) == [(MARKS.session(1),)]
