"""Ingest from a real broker: aborted transactions, and topics that were deleted and created again."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Producer

from bronze.raw_events import BRONZE
from lakehouse.errors import OutsideError
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
