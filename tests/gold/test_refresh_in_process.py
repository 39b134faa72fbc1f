"""A refresh in this process, two tables at a time, gives what a build gives, whatever comes and wherever it dies."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta

import pyarrow as pa
import pytest

from gold.shared.clock import CLOCK
from lakehouse.engines.comparison import compare_tables
from lakehouse.engines.duckdb_rows import collected, open_database
from lakehouse.engines.in_process import build_tables, refresh_tables
from lakehouse.engines.local_lake import LocalLake
from lakehouse.journal import Journal
from pipelines.gold_builder import SPAN, clock_rows, incremental_tables, table_sql, touched_scopes, upstream_tables
from pipelines.runtime.settings import load_settings
from silver.events import SILVER
from tests.gold.shared.test_features import some_event
from tests.support.gold_events import DAY
from tests.support.local_tables import arrow_schema, make_tables

GOLD = incremental_tables()


def sources():
    return {CLOCK.name: clock_rows(load_settings(), DAY + timedelta(days=3))}


class DyingLake(LocalLake):
    """A lake whose machine dies when so many tables have been written."""

    writes_left = 1_000

    def _dies(self):
        self.writes_left -= 1
        if self.writes_left < 0:
            raise OSError("the power is cut")

    def append(self, table, rows, **options):
        self._dies()
        return super().append(table, rows, **options)

    def merge(self, table, rows, **options):
        self._dies()
        return super().merge(table, rows, **options)


@pytest.fixture
def lake(tmp_path):
    made = make_tables(tmp_path, *upstream_tables(), *GOLD)
    versions = {table.name: made.version(table) for table in upstream_tables()}
    build_tables(made, GOLD, table_sql(), sources=sources(), versions=versions, memory="1GB")
    return DyingLake(made.root, tmp_path / "locks")


def keep(lake, events):
    """Appends events to silver; gives the scopes that they touch, as the stream does."""
    rows, changes = defaultdict(list), {}
    for name, row in events:
        rows[name].append(row)
    for name, found in rows.items():
        table, made = SILVER[name], pa.Table.from_pylist(found, schema=arrow_schema(SILVER[name]))
        lake.append(table, made)
        with open_database("1GB") as database:
            database.register("made", made)
            scopes = ", ".join(f'{sql} AS "{sql}"' for sql in sorted(touched_scopes(table)))
            changes[table.name] = collected(database, f"SELECT DISTINCT {scopes} FROM made")  # noqa: S608
    return changes


def refresh(lake, changes, journal):
    refresh_tables(
        lake, GOLD, table_sql(), changes, also={}, sources=sources(), span=SPAN, journal=journal, memory="1GB"
    )
    journal.finish()


def differing(lake):
    compared = compare_tables(lake, GOLD, table_sql(), sources=sources(), versions={}, memory="1GB")
    return {table.name: found for table, found in compared if found.wrong or found.lacking}


@pytest.mark.parametrize("seed", range(2))
def test_refreshes_give_what_a_build_gives_wherever_one_dies(lake, tmp_path, seed):
    chance = random.Random(seed)
    journal = Journal(tmp_path / "refresh.json", GOLD)
    for number in range(3):
        batch = [
            some_event(chance, f"u{chance.randrange(4)}/s{chance.randrange(3)}",
                       DAY + timedelta(minutes=chance.randrange(3 * 24 * 60)))
            for _ in range(25)
        ]  # fmt: skip
        changes = keep(lake, batch)
        if number:
            lake.writes_left = chance.randrange(1, len(GOLD) - 2)
            with pytest.raises(OSError, match="the power is cut"):
                refresh(lake, changes, journal)
            assert journal.path.exists()
        lake.writes_left = 1_000
        refresh(lake, changes, journal)
        assert not journal.path.exists()
    assert differing(lake) == {}
    assert lake.rows(GOLD[-1])


def test_a_table_that_cannot_be_computed_ends_both_lanes(lake, tmp_path):
    """The other lane waits for what the failed one was to compute: it must not wait for ever."""
    changes = keep(lake, [some_event(random.Random(1), "u/s", DAY)])
    for table in (GOLD[0], GOLD[-1]):
        wrong = {**table_sql(), table.name: "SELECT no_such_column FROM page_views"}
        with pytest.raises(Exception, match="no_such_column"):
            refresh_tables(
                lake, GOLD, wrong, changes, also={}, sources=sources(), span=SPAN,
                journal=Journal(tmp_path / "refresh.json", GOLD), memory="1GB",
            )  # fmt: skip
