"""Topics that change under a stream, records of every size, and clocks that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from bronze.raw_events import BRONZE
from lakehouse.embedded_kafka.broker import Broker
from lakehouse.errors import UsageError
from pipelines.ingest import run_ingest
from pipelines.operations.doctor import check_topics
from pipelines.operations.verify import run_verify
from pipelines.refine import run_refine
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from producers.events import EVENTS
from producers.kafka import Sender, ensure_topics
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.records import rows, value

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("topics"))
    try:
        found = broker.start().bootstrap_servers
        ensure_topics(found, EVENTS, 1)
        yield found
    finally:
        broker.stop(timeout=10)


def test_more_partitions_sizes_up_to_the_limit_and_wrong_clocks(spark, servers, tmp_path):
    settings = load_settings(
        lake=str(tmp_path / "lake"), state=tmp_path / "state", kafka={"bootstrap_servers": servers}
    )
    job = Job(settings, spark)
    with Sender(servers) as sender:
        sender.send("interactions", b"a", value("interactions"))
    run_ingest(job)

    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_partitions([NewPartitions("interactions", 3)])["interactions"].result(30)
    with Sender(servers) as sender:
        for number in range(60):
            sender.send("interactions", str(number).encode(), value("interactions", session_id=f"s{number}"))
        large = value("interactions", details="x" * 900_000)
        sender.send("interactions", b"large", large)
        sender.send("interactions", b"too large", value("interactions", details="x" * 1_100_000))
    sent = sender.delivery.total
    assert [failure.key for failure in sender.delivery.failed] == ["too large"]
    assert sent == 61

    now = datetime.now(UTC)
    producer = Producer({"bootstrap.servers": servers})
    for days in (-365, 365):
        at = now + timedelta(days=days)
        body = value("interactions", user_id=f"skewed{days}", timestamp=at.isoformat())
        # The sender's clock is as wrong as the user's: the broker's counts.
        producer.produce("interactions", body, b"clock", timestamp=int(at.timestamp() * 1_000))
    producer.flush(30)

    run_ingest(job)
    heard = job.lake.read(BRONZE["interactions"])
    assert heard.count() == 1 + sent + 2
    assert heard.select("partition").distinct().count() == 3
    assert heard.where(f"length(value) = {len(large)}").count() == 1
    hour = timedelta(hours=1)
    assert heard.where(f"arrived_at NOT BETWEEN '{now - hour}' AND '{now + hour}'").count() == 0

    run_refine(job)
    assert rows(job.lake.read(QUARANTINE), "rules") == [(["details_too_long"],), (["timestamp_in_future"],)]
    assert job.lake.read(SILVER["interactions"]).where("user_id = 'skewed-365'").count() == 1
    assert [check for check in run_verify(job, quick=True) if not check.ok] == []


FLAWS = {
    "sender_time": ({"message.timestamp.type": "CreateTime"}, "keeps the sender's time", "message.timestamp.type="),
    "compaction": ({"message.timestamp.type": "LogAppendTime", "cleanup.policy": "compact"}, "compacted", "cleanup."),
}


@pytest.mark.parametrize("kind", FLAWS)
def test_a_topic_that_misdates_or_loses_records_is_refused(spark, tmp_path, kind):
    config, problem, cure = FLAWS[kind]
    broker = Broker(tmp_path / "kafka")
    try:
        found = broker.start().bootstrap_servers
        sound = {"message.timestamp.type": "LogAppendTime"}
        topics = [NewTopic(name, 1, 1, config=config if name == "clicks" else sound) for name in EVENTS]
        admin = AdminClient({"bootstrap.servers": found})
        for answer in admin.create_topics(topics).values():
            answer.result(30)
        producer = Producer({"bootstrap.servers": found})
        producer.produce("clicks", value("clicks"), b"key", timestamp=1)
        producer.flush(30)
        kafka = {"bootstrap_servers": found}
        settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state", kafka=kafka)
        job = Job(settings, spark)
        with pytest.raises(UsageError, match=problem) as refused:
            run_ingest(job)
        assert cure in refused.value.hint
        assert kind in refused.value.hint
        assert job.lake.read(BRONZE["clicks"]).count() == 0
        assert check_topics(settings).state == "missing"
        tolerant = load_settings(
            lake=str(tmp_path / "lake"), state=tmp_path / "state", kafka={**kafka, "tolerate": [kind]}
        )
        run_ingest(Job(tolerant, spark))
        assert job.lake.read(BRONZE["clicks"]).count() == 1
        assert check_topics(tolerant).state == "ok"
    finally:
        broker.stop(timeout=10)
