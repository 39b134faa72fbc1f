"""Records that left bronze by their age stay accounted for while Kafka has them: streams, recovery and an erasure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from bronze.raw_events import BRONZE
from lakehouse.engines.erasing_lake import ErasingLake
from pipelines.cli.produce import replay_into
from pipelines.operations.erasure.erase import run_erase
from pipelines.operations.maintain import run_maintain
from pipelines.operations.old_quarantine import expire_old_rows
from pipelines.operations.old_records import delete_old_records
from pipelines.operations.recover import run_recover
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.erasure import files_that_have
from tests.support.installation import failing, installation, run_jobs

pytestmark = [pytest.mark.kafka, pytest.mark.spark]

OTTO = Path(__file__).parents[2] / "producers" / "samples" / "otto.jsonl"
SESSION = json.loads(OTTO.read_text().splitlines()[0])["session"]
WHO = f"otto-{SESSION}"


def count(job, *tables):
    for table in tables:
        job.lake.forget(table)
    return sum(job.lake.read(table).count() for table in tables)


@pytest.mark.long  # with tables alone: tests/pipelines/operations/test_old_records_streams.py
def test_what_left_bronze_stays_accounted_for(spark, empty_topics, tmp_path):
    servers = empty_topics()
    job = installation(spark, tmp_path, servers)
    for _ in range(2):  # each event twice: the second is a duplicate
        replay_into(job.settings, OTTO, "otto")
    producer = Producer({"bootstrap.servers": servers})
    for body in (b'{"user_id":"' + WHO.encode() + b'"}', b"\x00 no JSON " + WHO.encode()):
        producer.produce("clicks", value=body, key=WHO.encode())
    producer.flush(30)
    run_jobs(job)

    lake, later = ErasingLake(job.settings.lake_root, job.settings.locks), datetime.now(UTC) + timedelta(hours=1)
    records, outcomes = count(job, *BRONZE.values()), (*SILVER.values(), QUARANTINE, DUPLICATES)
    assert count(job, DUPLICATES) > 0
    gone = sum(delete_old_records(job.settings, lake, name, later).rows for name in BRONZE)
    assert (gone, count(job, *BRONZE.values()), count(job, *outcomes)) == (records, 0, records)
    assert failing(job) == []

    # Kafka has them still: neither the streams nor a recovery of them brings one back.
    run_jobs(job)
    run_recover(job, apply=True, only="bronze.clicks")
    run_jobs(job)
    assert (count(job, *BRONZE.values()), count(job, *outcomes)) == (0, records)
    run_recover(job, apply=True, only="silver.clicks")
    replay_into(job.settings, OTTO, "otto")
    run_jobs(job)
    assert 0 < count(job, *BRONZE.values()) < records
    assert failing(job) == []

    receipt = run_erase(job.settings, [WHO])
    assert receipt.found_after == ()
    assert files_that_have(tmp_path, WHO) == []
    assert failing(job) == []

    assert expire_old_rows(lake, later) == 0  # those of the person have lost their bytes already
    run_maintain(job, [*BRONZE.values(), QUARANTINE])
    assert failing(job) == []
