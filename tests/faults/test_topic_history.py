"""Topics whose records are deleted unread, cut back, or replaced, and more partitions; all on a real broker."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from bronze.raw_events import BRONZE
from lakehouse.embedded_kafka.broker import Broker
from lakehouse.errors import OutsideError
from lakehouse.streams import run
from pipelines import ingest
from pipelines.ingest import run_ingest
from pipelines.operations.doctor import check_topics
from pipelines.operations.recover import run_recover
from pipelines.operations.verification.topics import check_topics as verify_topics
from pipelines.runtime import topics
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from producers.events import EVENTS
from producers.kafka import Sender, ensure_topics, offsets
from tests.support.polling import until
from tests.support.records import value

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark]

TOPIC = "clicks"


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "kafka")
    broker.start()
    yield broker
    broker.stop(timeout=10)


@pytest.fixture
def job(spark, broker, tmp_path):
    """An installation that has read ten clicks of one partition."""
    servers = broker.status().bootstrap_servers
    ensure_topics(servers, EVENTS, 1)
    settings = load_settings(
        lake=str(tmp_path / "lake"), state=tmp_path / "state", kafka={"bootstrap_servers": servers}
    )
    made = Job(settings, spark)
    send(made, 10)
    run_ingest(made)
    return made


def servers_of(job):
    return job.settings.kafka.bootstrap_servers


def send(job, count, first=0):
    with Sender(servers_of(job)) as sender:
        for number in range(first, first + count):
            sender.send(TOPIC, str(number).encode(), value(TOPIC, x_coord=number))
    assert not sender.delivery.failed


def admin(job):
    return AdminClient({"bootstrap.servers": servers_of(job)})


def delete_below(job, offset):
    """What retention does, at once."""
    client = admin(job)
    for answer in client.delete_records([TopicPartition(TOPIC, 0, offset)]).values():
        answer.result(30)


def create_again(job):
    client = admin(job)
    client.delete_topics([TOPIC])[TOPIC].result(30)
    until(lambda: TOPIC not in client.list_topics(timeout=5).topics, "the end of the topic")
    ensure_topics(servers_of(job), EVENTS, 1)


def places(job):
    return sorted(
        (row["partition"], row["offset"])
        for row in job.lake.read(BRONZE[TOPIC]).select("partition", "offset").collect()
    )


def failed(job):
    return [check for check in verify_topics(job) if not check.ok]


def test_records_deleted_unread_are_named_and_accepted(job):
    send(job, 10)
    delete_below(job, 15)
    for _ in range(2):
        with pytest.raises(topics.DeletedUnreadError, match=r"clicks partition 0: offsets 10 to 14 \(5\)") as refused:
            run_ingest(job)
        assert refused.value.exit_code == 3
        assert "--accept-loss" in refused.value.hint
    finding = check_topics(job.settings)
    assert finding.state == "missing"
    assert "offsets 10 to 14 (5)" in finding.found
    (check,) = failed(job)
    assert (check.name, check.figures["deleted unread"]) == ("clicks: Kafka deleted nothing unread", 5)
    assert "offsets 10 to 14 (5)" in check.offence

    run_ingest(job, accept_loss=True)
    assert places(job) == [(0, offset) for offset in (*range(10), *range(15, 20))]
    assert failed(job) == []
    (check,) = [check for check in verify_topics(job) if check.name.startswith("clicks")]
    assert check.figures == {"deleted unread": 0, "accepted as lost": 5}
    assert check_topics(job.settings).state == "ok"
    send(job, 1)
    assert run_ingest(job)["bronze.clicks"].rows == 1


def test_records_that_bronze_holds_already_may_be_deleted(job):
    send(job, 5)
    run_ingest(job)
    commits = job.checkpoint(BRONZE[TOPIC]) / "commits"
    newest = max(int(path.name) for path in commits.glob("[0-9]*"))
    (commits / str(newest)).unlink()
    (commits / f".{newest}.crc").unlink(missing_ok=True)
    delete_below(job, 15)
    send(job, 1)
    run_ingest(job)
    assert places(job) == [(0, offset) for offset in range(16)]
    assert topics.accepted_losses(job.settings) == []


def test_after_recover_what_kafka_deleted_is_named_too(job):
    (job.checkpoint(BRONZE[TOPIC]) / "metadata").unlink()
    send(job, 10)
    delete_below(job, 12)
    run_recover(job, apply=True)
    with pytest.raises(topics.DeletedUnreadError, match=r"offsets 10 to 11 \(2\)"):
        run_ingest(job)
    run_ingest(job, accept_loss=True)
    assert places(job) == [(0, offset) for offset in (*range(10), *range(12, 20))]


def test_a_topic_created_again_while_the_job_stood_still(job):
    create_again(job)
    send(job, 20)
    assert "created again" in check_topics(job.settings).found
    with pytest.raises(OutsideError, match=r"clicks was deleted and created again.*recover --apply"):
        run_ingest(job)
    assert len(failed(job)) == 1
    run_recover(job, apply=True)
    assert run_ingest(job)["bronze.clicks"].rows == 20
    assert job.lake.read(BRONZE[TOPIC]).count() == 30
    assert failed(job) == []


def test_a_topic_created_again_under_a_running_job_stops_it(job, monkeypatch):
    write = ingest.BronzeStream.write_batch

    def first_another_topic(stream, rows, batch):
        if stream._table.short_name == TOPIC:
            create_again(job)
            send(job, 30)
        write(stream, rows, batch)

    send(job, 5)
    monkeypatch.setattr(ingest.BronzeStream, "write_batch", first_another_topic)
    with pytest.raises(OutsideError, match="clicks was deleted and created again"):
        run_ingest(job)
    monkeypatch.undo()
    assert len(places(job)) == 10
    run_recover(job, apply=True)
    run_ingest(job)
    assert len(places(job)) == 40


def test_a_log_that_was_cut_back_is_refused(job, broker, tmp_path):
    send(job, 5)
    broker.stop(timeout=10)
    shutil.copytree(broker.data_dir, tmp_path / "older")
    broker.start()
    send(job, 5)
    run_ingest(job)
    broker.stop(timeout=10)
    shutil.rmtree(broker.data_dir)
    (tmp_path / "older").rename(broker.data_dir)
    broker.start()
    with pytest.raises(OutsideError, match="partition 0 ends at 15, and bronze has read up to 20"):
        run_ingest(job)
    assert "cut back" in check_topics(job.settings).found
    assert len(failed(job)) == 1
    create_again(job)
    send(job, 3)
    run_recover(job, apply=True)
    run_ingest(job)
    assert len(places(job)) == 23


def test_another_cluster_behind_the_same_address_is_named(job, broker):
    broker.stop(timeout=10)
    shutil.rmtree(broker.data_dir)
    broker.start()
    ensure_topics(servers_of(job), EVENTS, 1)
    send(job, 4)
    with pytest.raises(OutsideError, match=r"Another Kafka cluster answers at .* than the one that bronze has read"):
        run_ingest(job)
    assert "Another Kafka cluster" in check_topics(job.settings).found
    run_recover(job, apply=True)
    run_ingest(job)
    assert len(places(job)) == 14
    assert check_topics(job.settings).state == "ok"


def test_partitions_added_under_a_running_job_are_read(job, monkeypatch):
    monkeypatch.setattr("pipelines.runtime.stream_runner.IDLE_INTERVAL_SECONDS", 0.1)
    quick = load_settings(
        lake=job.settings.lake,
        state=job.settings.state,
        kafka={"bootstrap_servers": servers_of(job)},
        stream={"trigger_seconds": 0.5},
    )
    live = Job(quick, job.spark)
    began = []

    def add_partitions(stream, rows, batch, write=ingest.BronzeStream.write_batch):
        write(stream, rows, batch)
        if not began and stream._table.short_name == TOPIC:
            began.append(True)
            client = admin(job)
            client.create_partitions([NewPartitions(TOPIC, 3)])[TOPIC].result(30)
            until(lambda: len(offsets(servers_of(job), [TOPIC])) == 3, "the new partitions")
            send(job, 60)

    monkeypatch.setattr(ingest.BronzeStream, "write_batch", add_partitions)
    send(job, 1)

    def until_all(*arguments, **named):
        def stop_when_all(progress, report=named["on_poll"]):
            report(progress)
            if len(places(job)) == 71:
                os.kill(os.getpid(), signal.SIGTERM)

        return run(*arguments, **{**named, "on_poll": stop_when_all})

    monkeypatch.setattr("pipelines.runtime.stream_runner.run", until_all)
    run_ingest(live, continuous=True)
    assert {partition for partition, _ in places(job)} == {0, 1, 2}
    assert len(places(job)) == 71
