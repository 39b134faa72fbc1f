"""Each record ends in exactly one of silver, quarantine, duplicates, however records are batched or repeated."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from bronze.raw_events import BRONZE
from pipelines.silver_writer import BatchCounts, write_silver_batch
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER, validate_records
from silver.quarantine import QUARANTINE
from tests.support.records import NOON, bronze_rows, record, rows, value

pytestmark = pytest.mark.spark

COORDINATES = ("topic", "topic_id", "partition", "offset")


@pytest.fixture
def silver(tables):
    return tables


def write(lake, records, event="page_views"):
    return write_silver_batch(lake, EVENTS[event], validate_records(EVENTS[event])(bronze_rows(lake, event, records)))


def stored(lake, event="page_views"):
    """What silver, quarantine and duplicates hold."""
    return (
        rows(lake.read(SILVER[event])),
        rows(lake.read(QUARANTINE), *COORDINATES, "value", "rules", "sentences", "status"),
        rows(lake.read(DUPLICATES)),
    )


def as_declared(lake, records, event="page_views"):
    """The same three as the declarations build them from all records at once."""
    frames = {name: bronze_rows(lake, name, records if name == event else []) for name in BRONZE}
    return (
        rows(SILVER[event].build(frames[event]), *SILVER[event].column_names),
        rows(QUARANTINE.build(**frames), *COORDINATES, "value", "rules", "sentences", "status"),
        rows(DUPLICATES.build(**frames), *DUPLICATES.column_names),
    )


def test_good_bad_and_repeated_records_each_go_to_one_table(silver):
    good, bad = value("page_views"), value("page_views", price=-1)
    assert write(silver, [record("page_views", n, body) for n, body in enumerate([good, bad, good])]) == BatchCounts(
        received=3, kept=1, quarantined=1, duplicates=1
    )
    kept, waiting, dropped = stored(silver)
    assert [row[-2] for row in kept] == [0]
    assert [row[3] for row in waiting] == [1]
    assert waiting[0][4] == bad
    assert "price_negative" in waiting[0][5]
    assert [(row[3], row[-1]) for row in dropped] == [(2, 0)]


def test_a_batch_written_again_changes_nothing(silver):
    batch = [record("page_views", n, value("page_views", price=n % 3 - 1)) for n in range(9)]
    write(silver, batch)
    before = stored(silver)
    write(silver, batch)
    write(silver, batch[4:])
    assert stored(silver) == before


def test_the_first_arrival_stays_even_if_written_last(silver):
    late = record("page_views", 0, value("page_views", event_id="e", price=2), partition=1, arrived_at=NOON)
    twins = [
        record("page_views", n, value("page_views", event_id="e", price=1), arrived_at=NOON + timedelta(hours=n + 1))
        for n in range(3)
    ]
    write(silver, twins)
    write(silver, [late])
    assert stored(silver) == as_declared(silver, [late, *twins])
    assert rows(silver.read(SILVER["page_views"]), "price") == [(2.0,)]
    write(silver, [late])
    write(silver, twins)
    assert stored(silver) == as_declared(silver, [late, *twins])


def test_the_same_event_id_is_the_same_event_on_any_day(silver):
    write(silver, [record("page_views", 0, value("page_views", event_id=7, timestamp="2026-01-01T00:00:00Z"))])
    write(silver, [record("page_views", 1, value("page_views", event_id="7"))])
    assert silver.read(SILVER["page_views"]).count() == 1
    assert silver.read(DUPLICATES).count() == 1


def test_different_events_at_one_instant_both_stay(silver):
    write(silver, [record("page_views", 0, value("page_views"))])
    write(silver, [record("page_views", 1, value("page_views", session_id="s2"))])
    assert silver.read(SILVER["page_views"]).count() == 2


@pytest.mark.parametrize("before", ["silver.quarantine", "silver.duplicates", "silver.page_views"])
def test_a_batch_again_finishes_what_a_crash_before_a_write_left(silver, before, monkeypatch):
    records = [record("page_views", n, value("page_views", price=n % 3 - 1)) for n in range(8)]
    records.append(record("page_views", 9, value("page_views", price=1), partition=1, arrived_at=NOON))
    write(silver, records[2:4])
    append = type(silver).append

    def crash(lake, table, frame):
        if table.name == before:
            raise RuntimeError("crash")
        append(lake, table, frame)

    monkeypatch.setattr(type(silver), "append", crash)
    with pytest.raises(RuntimeError, match="crash"):
        write(silver, records)
    monkeypatch.undo()
    write(silver, records)
    assert stored(silver) == as_declared(silver, records)


@pytest.mark.parametrize("seed", range(5))
def test_any_batching_gives_what_the_declarations_build(silver, seed):
    chance = random.Random(seed)
    records = []
    for offset in range(40):
        body = value(
            "page_views",
            event_id=chance.choice([..., ..., "e1", "e2", 3]),
            price=chance.choice([1, 1.0, -1, "1.00", None, 2]),
            timestamp=chance.choice(["2026-10-15T10:00:00Z", "2026-10-15T12:00:00+02:00", "2026-10-14 10:00:00"]),
            user_id=chance.choice(["u1", "u1", "u2", None]),
        )
        records.append(record("page_views", offset, body, partition=chance.randrange(5)))
    waiting = list(records)
    chance.shuffle(waiting)
    while waiting:
        size = chance.randint(1, 25)
        batch, waiting = waiting[:size], waiting[size:]
        write(silver, batch)
        if chance.random() < 0.3:
            write(silver, batch)
    assert stored(silver) == as_declared(silver, records)
