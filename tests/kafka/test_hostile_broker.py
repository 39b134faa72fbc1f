"""A broker that answers what no honest one does ends a command with one sentence, in bounded time and memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from bronze.raw_events import BRONZE
from lakehouse.embedded_kafka.broker import Broker
from lakehouse.errors import OutsideError, UsageError
from pipelines.ingest import run_ingest
from pipelines.operations.doctor import check_topics
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from producers import kafka
from tests.support.hostile_broker import WAYS, hostile_broker, hostile_to_java
from tests.support.pages import ROOT

ODD = "does not speak as Kafka does"
SAID = {"a drip": "No Kafka broker answers"}
"""What is said of the way that is no fault of the protocol."""

MEGABYTES = 1_024


@pytest.mark.parametrize("how", WAYS)
def test_an_absurd_answer_is_one_sentence_soon(how):
    with hostile_broker(how) as servers:
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(OutsideError, match=SAID.get(how, ODD)) as raised:
            kafka.topic_ids(servers, ["clicks"], wait_seconds=4)
        assert time.monotonic() - began < 30
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * MEGABYTES
        assert raised.value.hint


@pytest.mark.parametrize("how", ["two gigabytes", "ten million brokers"])
def test_the_doctor_names_an_absurd_broker(how, tmp_path):
    with hostile_broker(how) as servers:
        environment = {
            **os.environ,
            "CLICKSTREAM_LAKE": str(tmp_path / "lake"),
            "CLICKSTREAM_STATE": str(tmp_path / "state"),
            "CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS": servers,
        }
        command = [sys.executable, "-m", "pipelines.operations.doctor", "--json"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    topics = next(one for one in json.loads(done.stdout) if one["check"] == "topics")
    assert ODD in topics["found"]
    assert "receive.message.max.bytes" in topics["cure"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("many") / "kafka")
    try:
        made = broker.start().bootstrap_servers
        kafka.ensure_topics(made, ["page_views", "interactions"], 1)
        yield made
    finally:
        broker.stop(timeout=10)


def _settings(folder, servers, **more):
    kafka_settings = {"bootstrap_servers": servers, "patience_seconds": 12, **more}
    return load_settings(lake=str(folder / "lake"), state=folder / "state", kafka=kafka_settings)


@pytest.mark.kafka
@pytest.mark.spark
def test_a_length_that_only_java_gets_ends_the_job(spark, servers, tmp_path):
    kafka.ensure_topics(servers, BRONZE, 1)
    with hostile_to_java(servers) as way:
        began = time.monotonic()
        with pytest.raises(OutsideError) as raised:
            run_ingest(Job(_settings(tmp_path, way), spark))
        assert time.monotonic() - began < 120
    assert raised.value.hint
    assert spark.range(3).count() == 3, "Spark has survived it"


@pytest.mark.kafka
@pytest.mark.spark
def test_partitions_beyond_the_bound_are_refused(spark, servers, tmp_path):
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    for done in admin.delete_topics(["clicks"]).values():
        done.exception(30)
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
    admin.create_topics([NewTopic("clicks", 1_001, config=config)])["clicks"].result(120)
    settings = _settings(tmp_path, servers)
    with pytest.raises(UsageError, match=r"clicks has 1,001 partitions, more than the 1,000") as raised:
        run_ingest(Job(settings, spark))
    assert "CLICKSTREAM_KAFKA__MOST_PARTITIONS" in raised.value.hint
    assert check_topics(settings).state == "missing"
    assert check_topics(_settings(tmp_path, servers, most_partitions=1_001)).state == "ok"
