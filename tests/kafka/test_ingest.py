"""Ingest from a real broker: aborted transactions, and topics that were deleted and created again."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Producer

from bronze.raw_events import BRONZE
from gold.pipeline_metrics import TABLE as METRICS
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import OutsideError
from lakehouse.streams import IN_PROCESS, SPARK
from pipelines.bronze_writer import BYTES_OF_A_RECORD, append_small_batch
from pipelines.ingest import run_ingest
from pipelines.operations.recover import run_recover
from pipelines.operations.status import needs_person, run_status
from pipelines.operations.verification.kafka import check_kafka
from producers.kafka import Sender
from tests.support.installation import installation

pytestmark = [pytest.mark.kafka, pytest.mark.spark]


def test_aborted_records_stay_out_and_leave_explained_gaps(spark, empty_topics, tmp_path):
    job = installation(spark, tmp_path, empty_topics())
    producer = Producer({"bootstrap.servers": job.settings.kafka.bootstrap_servers, "transactional.id": "t"})
    producer.init_transactions(60)
    for count, end in (
        (3, producer.commit_transaction),
        (2, producer.abort_transaction),
        (4, producer.commit_transaction),
    ):
        producer.begin_transaction()
        for number in range(count):
            producer.produce("clicks", json.dumps({"number": number}), partition=0)
        producer.flush(30)
        end(60)
    run_ingest(job)
    assert job.lake.read(BRONZE["clicks"]).count() == 7
    check = check_kafka(job, "clicks")
    assert check.ok, check
    assert check.figures["gaps that Kafka explains"] > 0


def test_a_recreated_topic_needs_recover_and_gets_its_own_id(spark, empty_topics, tmp_path):
    job = installation(spark, tmp_path, empty_topics())
    for count in (5, 2):
        with Sender(job.settings.kafka.bootstrap_servers) as sender:
            for number in range(count):
                sender.send("clicks", b"k", json.dumps({"number": number, "of": count}).encode())
        if count == 5:
            run_ingest(job)
            empty_topics()
    with pytest.raises(OutsideError, match=r"deleted and created again.*clickstream recover"):
        run_ingest(job)
    found = run_status(job.settings)
    assert needs_person(found)
    of_clicks = {one.stream: one for one in found}["bronze.clicks"]
    assert "clicks was deleted and created again" in of_clicks.topic
    assert of_clicks.behind is None
    run_recover(job, apply=True)
    assert not any(one.topic for one in run_status(job.settings))
    run_ingest(job)
    ids = job.lake.read(BRONZE["clicks"]).groupBy("topic_id").count().collect()
    assert sorted(row["count"] for row in ids) == [2, 5]
    assert check_kafka(job, "clicks").ok


def _produce(job, records):
    producer = Producer({"bootstrap.servers": job.settings.kafka.bootstrap_servers})
    for key, value, headers in records:
        producer.produce("clicks", value, key, partition=0, headers=headers)
    assert producer.flush(30) == 0


def test_either_writer_keeps_each_record_as_it_is(spark, empty_topics, tmp_path):
    job = installation(spark, tmp_path, empty_topics())
    headers = [("shop", b"\xff"), ("shop", None), ("", b"")]
    odd = [(b"k", b"{}", None), (None, b"\x00\xff", headers), (b"", None, headers[:1]), ("é".encode(), b"", None)]
    large = [(b"k", b"x" * BYTES_OF_A_RECORD, None), (b"k", b"1", [("much", b"x" * BYTES_OF_A_RECORD)])]
    batches = [odd, odd, [*odd, large[0]], odd, [*odd, large[1]], odd[:1]]
    for batch in batches:
        _produce(job, batch)
        run_ingest(job)
    rows = job.lake.read(BRONZE["clicks"]).orderBy("offset").collect()
    assert [row["offset"] for row in rows] == list(range(sum(map(len, batches))))
    found = [(row["key"], row["value"], row["headers"] and [tuple(one) for one in row["headers"]]) for row in rows]
    assert found == [record for batch in batches for record in batch]
    local = LocalLake(job.lake.root, job.settings.locks)
    assert sorted(local.read(BRONZE["clicks"], ["offset"])["offset"].to_pylist()) == [row["offset"] for row in rows]
    metrics = job.lake.read(METRICS).where("stream = 'bronze.clicks'").orderBy("batch_id")
    assert [(row["engine"], row["rows_in"], row["rows_out"]) for row in metrics.collect()] == [
        (engine, len(batch), len(batch))
        for engine, batch in zip([SPARK, IN_PROCESS, SPARK, IN_PROCESS, SPARK, IN_PROCESS], batches, strict=True)
    ]
    assert check_kafka(job, "clicks").ok


def test_the_same_batch_in_process_again_adds_nothing(spark, empty_topics, tmp_path):
    job, table = installation(spark, tmp_path, empty_topics()), BRONZE["clicks"]
    _produce(job, [(b"k", b"{}", None)] * 3)
    run_ingest(job)
    rows = job.lake.read(table)
    for batch, there in ((0, 6), (0, 6), (1, 12), (0, 12)):
        assert append_small_batch(LocalLake(job.lake.root, job.settings.locks), table, rows, ("another", batch))
        assert job.lake.read(table).count() == there
    job.lake.append(table, rows, batch=("another", 1))
    assert job.lake.read(table).count() == 12
