"""The streams that follow bronze and quarantine go on through a deletion, and `verify` counts what is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from delta.tables import DeltaTable

from bronze.raw_events import BRONZE
from gold.data_quality import TABLE as QUALITY
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.errors import UsageError
from pipelines.aggregate import run_aggregate
from pipelines.operations.maintain import run_maintain
from pipelines.operations.old_quarantine import expire_old_rows
from pipelines.operations.old_records import delete_old_records
from pipelines.operations.quarantine import run_replay
from pipelines.operations.verification.gold import check_gold
from pipelines.operations.verification.records import check_record_sums, check_records
from pipelines.operations.verify import run_verify
from pipelines.rebuild import Layer, run_rebuild
from pipelines.runtime.job import Job
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.records import NOON, land, only, record, refine_only, rows, value

pytestmark = pytest.mark.spark

TABLE = BRONZE["clicks"]
OLD = NOON - timedelta(days=9)


def clicks(*offsets, at=NOON):
    """Of four records the first is bad, and the last the same event as the second."""
    seen = "2026-10-01T10:00:00Z"
    made = ((one, value("clicks", x_coord={3: 1}.get(one, one), timestamp=seen)) for one in offsets)
    made = ((one, body if one % 4 else b"\x00") for one, body in made)
    return [record("clicks", offset, body, arrived_at=at + timedelta(seconds=offset)) for offset, body in made]


def delete(job, before=NOON):
    done = delete_old_records(job.settings, ErasingLake(job.settings.lake_root, job.settings.locks), "clicks", before)
    job.lake.forget(TABLE)
    return done


def offences(job):
    checks = [*check_records(job, "clicks"), check_record_sums(job, "clicks")]
    return {check.name: check.offence for check in checks if not check.ok}


def past_retention(job):
    (check,) = (one for one in check_records(job, "clicks") if "past retention" in one.name)
    return check


@pytest.fixture
def following(job, tables):
    """The stream of silver, running, which has read records that are old by now."""
    land(tables, "clicks", clicks(0, 1, 2, 3, at=OLD))
    (stream,) = only(job, "clicks")
    writer = stream.prepare().option("checkpointLocation", str(stream.checkpoint))
    query = writer.trigger(processingTime="0 seconds").start()
    query.processAllAvailable()
    yield query
    query.stop()


def test_a_running_stream_reads_on_and_nothing_twice(job, tables, following):
    batches = following.lastProgress["batchId"]
    assert delete(job).rows == 4
    land(tables, "clicks", clicks(4, 5, 6))
    following.processAllAvailable()
    assert following.exception() is None
    read = [one["numInputRows"] for one in following.recentProgress if one["batchId"] >= batches]
    assert sum(read) in (3, 7)  # of the first batch, if it is the newest before the deletion, and of the new records
    assert rows(tables.read(SILVER["clicks"]), "offset") == [(1,), (2,), (5,), (6,)]
    assert rows(tables.read(TABLE), "offset") == [(4,), (5,), (6,)]
    assert offences(job) == {}
    assert past_retention(job).figures == {"past retention": 4, "outcomes": 4}


def test_a_stream_that_is_behind_keeps_what_it_has_to_read(job, tables):
    land(tables, "clicks", clicks(0, 1, 2, 3, at=OLD))
    refine_only(job, "clicks")
    land(tables, "clicks", clicks(4, 5, at=OLD))
    done = delete(job)
    assert (done.rows, "silver.clicks has yet to read" in done.stay) == (4, True)
    assert offences(job) == {}  # by the version that the stream has read, and the one there is now
    assert refine_only(job, "clicks") == [1, 2, 5]
    assert delete(job).rows == 2
    assert offences(job) == {}
    assert tables.read(TABLE).count() == 0


def test_an_outcome_that_is_lost_later_is_noticed(job, tables):
    land(tables, "clicks", clicks(0, 1, 2, 3, at=OLD))
    refine_only(job, "clicks")
    delete(job)
    DeltaTable.forPath(tables.spark, tables.path(SILVER["clicks"])).delete("offset = 2")
    assert past_retention(job).offence == "clicks/id-clicks/0 lacks 1"


def test_silver_is_not_rebuilt_without_its_records(job, tables):
    land(tables, "clicks", clicks(0, 1, 2, 3, at=OLD))
    refine_only(job, "clicks")
    delete(job)
    before = tables.version(SILVER["clicks"])
    with pytest.raises(UsageError, match=r"4 of bronze\.clicks are past retention") as refused:
        run_rebuild(job, Layer.silver)
    assert "rebuild gold" in refused.value.hint
    assert tables.version(SILVER["clicks"]) == before


@pytest.mark.long
def test_quarantine_without_bytes_stays_through_all(job, tables, gold_of):
    gold_of(QUALITY)
    land(tables, "clicks", clicks(0, 1, 2, 3, 4, 5, at=OLD))
    refine_only(job, "clicks")
    run_aggregate(job)
    quality = rows(tables.read(QUALITY))
    assert expire_old_rows(ErasingLake(job.settings.lake_root, job.settings.locks), NOON) == 2
    tables.forget(QUARANTINE)
    assert run_replay(job).validated == 0
    for _ in range(2):
        assert offences(job) == {}
        run_aggregate(job)
        assert rows(tables.read(QUALITY)) == quality
        assert [(check.name, check.offence) for check in check_gold(job, [QUALITY]) if not check.ok] == []
        held = rows(tables.read(QUARANTINE), "value", "status", "discard_reason")
        assert held == [(None, "discarded", "past_retention")] * 2
        run_rebuild(job, Layer.silver)


def test_maintain_deletes_by_the_settings_and_says_so(job, tables):
    land(tables, "clicks", clicks(0, 1, 2, 3, at=OLD))
    refine_only(job, "clicks")
    land(tables, "clicks", clicks(4, at=OLD))
    on = job.settings.model_copy(
        update={"retention": job.settings.retention.model_copy(update={"bronze_days": 1, "quarantine_days": 1})}
    )
    bronze, quarantine = run_maintain(Job(on, job.spark), [TABLE, QUARANTINE])
    assert (bronze.rows_deleted, quarantine.rows_deleted) == (4, 1)
    assert bronze.rows_kept == "records past retention stay: the stream silver.clicks has yet to read some"
    assert refine_only(job, "clicks") == [1, 2]
    failed = [(check.name, check.offence) for check in run_verify(job, quick=True) if check.done and not check.ok]
    assert failed == []
