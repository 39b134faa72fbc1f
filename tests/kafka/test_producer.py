"""Sending, for real: what the producer says was acknowledged is what the topic holds."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from lakehouse.embedded_kafka.broker import Broker
from lakehouse.errors import OutsideError, UsageError
from pipelines.cli.produce import app, replay_into, simulate_into
from pipelines.runtime.settings import load_settings
from producers import kafka
from producers.events import EVENTS
from producers.kafka import Delivery, Sender, broker_time, ensure_topics, offsets, topic_ids
from tests.support.polling import until

pytestmark = pytest.mark.kafka

OTTO = Path(__file__).parents[2] / "producers" / "samples" / "otto.jsonl"
NOBODY = "127.0.0.1:1"


@pytest.fixture
def topic(broker: str) -> str:
    name = f"topic-{uuid4().hex[:12]}"
    ensure_topics(broker, [name], 2)
    return name


def held(servers: str, *names: str) -> dict[str, int]:
    """How many records each topic holds; none here is transactional, so offsets count records."""
    counts = dict.fromkeys(names, 0)
    for (name, _), (first, end) in offsets(servers, names).items():
        counts[name] += end - first
    return counts


def test_the_tail_is_flushed_at_the_end(broker: str, topic: str) -> None:
    with Sender(broker, {"linger.ms": "1000"}) as sender:
        for number in range(500):
            sender.send(topic, b"s1", str(number).encode())
    assert sender.delivery == Delivery({topic: 500}, [])
    assert held(broker, topic) == {topic: 500}


def test_partitions_that_have_no_leader_yet_are_waited_for(broker: str) -> None:
    for _ in range(5):
        name = f"topic-{uuid4().hex[:12]}"
        ensure_topics(broker, [name], 50)
        assert set(offsets(broker, [name]).values()) == {(0, 0)}


def test_a_full_queue_is_waited_for(broker: str, topic: str) -> None:
    with Sender(broker, {"queue.buffering.max.messages": "1000"}) as sender:
        for number in range(50_000):
            sender.send(topic, None, b"%d" % number)
    assert sender.delivery == Delivery({topic: 50_000}, [])
    assert held(broker, topic) == {topic: 50_000}


def test_a_message_too_large_is_listed_and_others_are_sent(broker: str, topic: str) -> None:
    with Sender(broker) as sender:
        sender.send(topic, b"s1", b"good")
        sender.send(topic, b"s2", b"x" * 1_500_000)
        sender.send(topic, b"s3", None)
    assert sender.delivery.acknowledged == {topic: 2}
    assert [(failure.topic, failure.key) for failure in sender.delivery.failed] == [(topic, "s2")]
    assert "too large" in sender.delivery.failed[0].reason
    assert sender.delivery.failures() == {topic: 1}
    assert held(broker, topic) == {topic: 2}


def test_a_message_too_large_for_the_broker_is_listed(broker: str, topic: str) -> None:
    with Sender(broker, {"message.max.bytes": "3000000", "compression.type": "none"}) as sender:
        sender.send(topic, b"s1", os.urandom(2_000_000))
    assert sender.delivery.acknowledged == {topic: 0}
    assert sender.delivery.failed[0].key == "s1"
    assert held(broker, topic) == {topic: 0}


def test_no_broker_ends_in_a_bounded_time_and_names_the_address() -> None:
    began = time.monotonic()
    with pytest.raises(OutsideError, match=NOBODY), Sender(NOBODY, wait_seconds=1):
        pass
    assert time.monotonic() - began < 10
    with pytest.raises(OutsideError, match=NOBODY):
        broker_time(NOBODY, wait_seconds=1)


def test_a_missing_topic_is_named(broker: str, topic: str) -> None:
    with Sender(broker) as sender:
        sender.send(topic, None, b"kept")
        with pytest.raises(OutsideError, match="page_veiws"):
            sender.send("page_veiws", None, b"lost")
    assert sender.delivery == Delivery({topic: 1}, [])
    for ask in (topic_ids, offsets):
        with pytest.raises(OutsideError, match="page_veiws"):
            ask(broker, [topic, "page_veiws"])


def test_after_a_fatal_error_only_acknowledged_records_count(broker: str, topic: str) -> None:
    with Sender(broker, {"linger.ms": "60000"}) as sender:
        sender.send(topic, b"s1", b"never flushed")
        sender._on_error(KafkaError(KafkaError._FATAL, "made up", fatal=True))
        with pytest.raises(OutsideError, match="made up"):
            sender.pump()
    assert sender.delivery.acknowledged == {topic: 0}
    assert [(failure.key, "made up" in failure.reason) for failure in sender.delivery.failed] == [("s1", True)]
    assert held(broker, topic) == {topic: 0}


@pytest.fixture
def own_broker(tmp_path: Path) -> Broker:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop(timeout=10)


def test_a_hanging_broker_makes_failures_not_wrong_successes(own_broker: Broker) -> None:
    status = own_broker.status()
    assert status.pid
    assert status.bootstrap_servers
    servers = status.bootstrap_servers
    ensure_topics(servers, ["clicks"], 2)
    with Sender(servers, flush_seconds=1) as sender:
        for number in range(100):
            sender.send("clicks", b"%d" % number, b"early")
        until(lambda: (sender.pump(), sender.progress[0] == 100)[1], "the first 100 acknowledgements", limit=60)
        os.kill(status.pid, signal.SIGSTOP)
        try:
            for number in range(300):
                sender.send("clicks", b"%d" % number, b"late")
            sender._flush_seconds = 0.5
            sender.__exit__(None, None, None)
        finally:
            os.kill(status.pid, signal.SIGCONT)
        assert sender.delivery.acknowledged == {"clicks": 100}
        assert len(sender.delivery.failed) == 300
    until(lambda: held(servers, "clicks")["clicks"] >= 100, "the first 100 records", limit=60)


def test_two_processes_may_create_the_same_topics(broker: str) -> None:
    names, errors = [f"both-{uuid4().hex[:8]}-{n}" for n in range(5)], []

    def create() -> None:
        try:
            ensure_topics(broker, names, 3)
        except Exception as error:  # noqa: BLE001  shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {info.partitions for info in topic_ids(broker, names).values()} == {3}


def test_a_topic_with_the_senders_time_is_refused_with_a_hint(broker: str) -> None:
    name = f"create-time-{uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(name, 1, 1, config={"message.timestamp.type": "CreateTime"})])[name].result(30)
    until(lambda: name in admin.list_topics(timeout=10).topics, "the topic", limit=60)
    with pytest.raises(UsageError, match=name) as raised:
        ensure_topics(broker, [name], 1)
    assert "message.timestamp.type=LogAppendTime" in raised.value.hint


def test_a_recreated_topic_has_another_id(broker: str, topic: str) -> None:
    before = topic_ids(broker, [topic])[topic]
    assert len(before.topic_id) == 22
    assert before.partitions == 2
    admin = AdminClient({"bootstrap.servers": broker})
    admin.delete_topics([topic])[topic].result(30)
    until(lambda: topic not in admin.list_topics(timeout=10).topics, "the end of the topic", limit=60)
    ensure_topics(broker, [topic], 2)
    assert topic_ids(broker, [topic])[topic].topic_id != before.topic_id


def test_the_brokers_clock_goes_forward_and_is_this_machines(broker: str) -> None:
    first, second = broker_time(broker), broker_time(broker)
    assert first <= second
    assert abs(second / 1_000_000 - time.time()) < 60


def test_an_unknown_client_setting_is_a_usage_error(broker: str) -> None:
    with pytest.raises(UsageError, match="nonsense"):
        topic_ids(broker, ["x"], {"nonsense": "1"})


@pytest.fixture
def installed(broker: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS", broker)
    ensure_topics(broker, EVENTS, 2)
    return broker


def test_what_the_command_reports_is_in_the_topics(installed: str) -> None:
    before = held(installed, *EVENTS)
    result = CliRunner().invoke(app, ["simulate", "--sessions", "300", "--dirty", "0.2", "--json"])
    report = json.loads(result.stdout)
    after = held(installed, *EVENTS)
    assert result.exit_code == 0
    assert {name: after[name] - before[name] for name in EVENTS} == report["acknowledged"]
    assert set(report["failed"].values()) == {0}


def test_the_functions_behind_the_commands(installed: str) -> None:
    assert installed
    sample = replay_into(load_settings(), OTTO, "otto", speed=1e9)
    assert sample.acknowledged == {"page_views": 800, "clicks": 62}
    shoppers = simulate_into(load_settings(), 50, seed=3, only="clicks")
    assert set(shoppers.acknowledged) == {"clicks"}
    assert not shoppers.failed


def test_unreadable_lines_end_in_1_and_what_can_be_read_is_sent(installed: str, tmp_path: Path) -> None:
    assert installed
    (tmp_path / "mine").write_text('{"page_url": "x"}\nnonsense\n')
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "mine"), "--format", "ndjson", "--json"])
    assert json.loads(result.stdout)["acknowledged"] == {"page_views": 1}
    assert [line["line"] for line in json.loads(result.stdout)["unreadable_lines"]] == [2]
    assert result.exception.exit_code == 1


def test_a_failed_delivery_ends_in_3(installed: str, tmp_path: Path) -> None:
    assert installed
    (tmp_path / "big").write_text(json.dumps({"session_id": "s9", "page_url": "x" * 1_500_000}) + "\n")
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "big"), "--format", "ndjson"])
    assert "page_views: 0 acknowledged, 1 failed" in result.stdout
    assert "s9" in result.stderr
    assert result.exception.exit_code == 3


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("pace", [["--rate", "2000"], []])
def test_a_stopped_run_reports_what_the_topics_hold(
    installed: str, sent: signal.Signals, code: int, pace: list[str]
) -> None:
    before = held(installed, *EVENTS)
    command = [sys.executable, "-m", "pipelines.cli.produce", "simulate", "--sessions", "1000000", "--json", *pace]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    until(lambda: sum(held(installed, *EVENTS).values()) > sum(before.values()) + 500, "500 records", limit=60)
    process.send_signal(sent)
    stdout = process.communicate(timeout=60)[0]
    after = held(installed, *EVENTS)
    assert process.returncode == code
    report = json.loads(stdout)
    assert {name: after[name] - before[name] for name in EVENTS} == {
        name: report["acknowledged"].get(name, 0) for name in EVENTS
    }
    assert report["stopped_by"] == sent.name


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), "did not answer", "clickstream broker status"),
        (KafkaException(KafkaError(KafkaError._TIMED_OUT)), "did not answer", "clickstream broker status"),
        (KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)), "did not answer", "clickstream broker status"),
        (KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT)), "did not answer", "clickstream broker status"),
        (TimeoutError(), "did not answer", "clickstream broker status"),
        (KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)), "refused", "clickstream doctor"),
        (KafkaException(KafkaError(KafkaError.INVALID_PARTITIONS)), "refused", "clickstream doctor"),
    ],
)
def test_silence_and_refusal_are_told_apart_with_the_cure(error, message, hint):
    with pytest.raises(OutsideError, match=message) as raised, kafka._outside(NOBODY):
        raise error
    assert hint in raised.value.hint
