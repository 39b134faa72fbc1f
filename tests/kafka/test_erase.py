"""A person who came through the real jobs is erased while Kafka still has the records, and does not come back."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from confluent_kafka import Producer
from deltalake import DeltaTable

from gold.users import TABLE as USERS
from pipelines.aggregate import run_aggregate
from pipelines.cli.produce import replay_into
from pipelines.operations.erasure.erase import run_erase
from pipelines.rebuild import Layer, run_rebuild
from pipelines.refine import run_refine
from tests.support.erasure import files_that_have
from tests.support.installation import failing, installation, run_jobs

pytestmark = [pytest.mark.kafka, pytest.mark.spark]

OTTO = Path(__file__).parents[2] / "producers" / "samples" / "otto.jsonl"
SESSION = json.loads(OTTO.read_text().splitlines()[0])["session"]
WHO = f"otto-{SESSION}"


def users(job):
    rows = DeltaTable(job.lake.path(USERS)).to_pyarrow_dataset()
    return {user for (user,) in duckdb.sql("SELECT user_id FROM rows").fetchall()} if rows else set()


def test_an_erased_person_stays_away_while_streams_go_on(spark, empty_topics, tmp_path):
    servers = empty_topics()
    job = installation(spark, tmp_path, servers)
    replay_into(job.settings, OTTO, "otto")
    producer = Producer({"bootstrap.servers": servers})
    for value in (b'{"user_id":"' + WHO.encode() + b'"}', b"\x00 no JSON " + WHO.encode()):
        producer.produce("clicks", value=value, key=WHO.encode(), headers={"who": WHO})
    producer.flush(30)
    run_jobs(job)
    assert files_that_have(tmp_path, WHO)
    assert WHO in users(job)

    receipt = run_erase(job.settings, [WHO])
    assert files_that_have(tmp_path, WHO) == []
    assert [one.files_kept for one in receipt.tables if one.files_kept] == []
    assert failing(job) == []

    replay_into(job.settings, OTTO, "otto")  # all of it again, the person's too
    run_jobs(job)
    assert (WHO in users(job), len(users(job))) == (False, 19)

    run_rebuild(job, Layer.silver)
    run_refine(job)
    run_aggregate(job)
    assert failing(job) == []
    assert WHO not in users(job)
    assert run_erase(job.settings, [WHO]).found_after == ()  # what came again is gone from old files, too
    assert files_that_have(tmp_path, WHO) == []
