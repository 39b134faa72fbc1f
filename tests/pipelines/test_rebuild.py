"""A rebuild gives the same rows, and is refused while a stream writes."""

from __future__ import annotations

import shutil

import pytest

from gold.data_quality import TABLE as QUALITY
from gold.sessions import TABLE as SESSIONS
from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock
from pipelines.aggregate import run_aggregate
from pipelines.operations import quarantine
from pipelines.operations.verification.gold import check_gold
from pipelines.rebuild import Layer, content_hash, remove_checkpoint, run_rebuild
from pipelines.refine import run_refine
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.gold_tables import with_upstream
from tests.support.records import land, record, rows, value

pytestmark = pytest.mark.spark


def test_silver_and_gold_are_rebuilt_to_the_same_rows(job, tables, gold_of):
    gold = with_upstream(SESSIONS, QUALITY)
    gold_of(*gold)
    for event in EVENTS:
        good = value(event, event_id="e1")
        land(
            tables,
            event,
            [record(event, 0, good), record(event, 1, value(event)), record(event, 2, b"{}"), record(event, 3, good)],
        )
    run_refine(job)
    run_aggregate(job)
    quarantine.run_discard(job, reason="a test", event="clicks")
    run_aggregate(job)
    compared = ("topic", "partition", "offset", "value", "rules", "status", "discard_reason")
    before = {table.name: content_hash(tables.read(table)) for table in (*SILVER.values(), DUPLICATES, *gold)}
    waiting = rows(tables.read(QUARANTINE), *compared)

    run_rebuild(job, Layer.silver)
    assert {
        name: content_hash(tables.read(table))
        for name, table in {t.name: t for t in (*SILVER.values(), DUPLICATES)}.items()
    } == {name: before[name] for name in before if name.startswith("silver")}
    assert rows(tables.read(QUARANTINE), *compared) == waiting
    run_refine(job)
    run_aggregate(job)
    after = run_rebuild(job, Layer.gold)
    assert after == {name: before[name] for name in before if name.startswith("gold")}
    assert all(check.ok for check in check_gold(job, gold))


def test_a_checkpoint_is_removed_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    checkpoint = tmp_path / "gold" / "abc"
    removed = []
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: removed.append(path))  # killed before a file is gone
    for _ in range(2):
        checkpoint.mkdir(parents=True)
        remove_checkpoint(checkpoint)
        assert not checkpoint.exists()
        removed[-1].rmdir()


@pytest.mark.usefixtures("tables")
def test_a_rebuild_is_refused_while_a_stream_writes(job):
    held = WriterLock(job.settings.locks, "silver.clicks")
    try:
        with pytest.raises(OutsideError, match="already"):
            run_rebuild(job, Layer.silver)
    finally:
        held.release()
