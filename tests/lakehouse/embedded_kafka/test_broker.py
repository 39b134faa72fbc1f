"""The embedded broker, for real: it is started, stopped, killed and asked."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from typer.testing import CliRunner

from lakehouse.embedded_kafka import broker as module
from lakehouse.embedded_kafka.broker import Broker, BrokerStatus
from lakehouse.embedded_kafka.config import free_port, is_taken
from lakehouse.embedded_kafka.processes import born
from lakehouse.errors import OutsideError
from pipelines.cli.broker import app
from tests.support.polling import until

pytestmark = pytest.mark.kafka

LIMIT = 30


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose path Kafka and Java find hard: a blank, a comma, letters beyond ASCII."""
    home = tmp_path_factory.mktemp("state") / "Käufer, alle" / "kafka"
    try:
        yield home
    finally:
        Broker(home).stop(timeout=10)


@pytest.fixture
def running(home: Path) -> BrokerStatus:
    """The broker of this module, started where a test before stopped it."""
    return Broker(home).start()


def produce(servers: str | None, topic: str, *values: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    failed: list[KafkaError] = []
    for value in values:
        producer.produce(topic, value.encode(), on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(LIMIT) == 0
    assert not failed


def consume(servers: str | None, topic: str, count: int) -> list[str]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    values: list[str] = []
    until = time.monotonic() + LIMIT
    try:
        while len(values) < count and time.monotonic() < until:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                values.append(message.value().decode())
    finally:
        consumer.close()
    return values


def create(servers: str | None, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})  # once it is collected, its requests are dropped
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(LIMIT)


def wait_until_dead(pid: int, started: str) -> None:
    until(lambda: born(pid) != started, f"the end of process {pid}", limit=LIMIT, step=0.02)


def test_records_topics_and_address_survive_a_stop_and_a_kill(home: Path, running: BrokerStatus) -> None:
    create(running.bootstrap_servers, "kept")
    produce(running.bootstrap_servers, "kept", "first")
    assert Broker(home).stop()
    assert Broker(home).status() == BrokerStatus(False, None, None, str(home / "data"))

    again = Broker(home).start()
    assert again.bootstrap_servers == running.bootstrap_servers
    assert again.pid != running.pid
    produce(again.bootstrap_servers, "kept", "second")
    assert again.pid is not None
    started = born(again.pid)
    assert started
    os.kill(again.pid, signal.SIGKILL)
    wait_until_dead(again.pid, started)
    assert not Broker(home).status().running

    said: list[str] = []
    after = Broker(home, say=said.append).start()
    assert "did not stop properly" in " ".join(said)
    assert after.bootstrap_servers == running.bootstrap_servers
    assert consume(after.bootstrap_servers, "kept", 2) == ["first", "second"]


def test_a_second_start_says_that_it_runs_and_changes_nothing(home: Path, running: BrokerStatus) -> None:
    said: list[str] = []
    assert Broker(home, say=said.append).start() == running
    assert "runs already" in said[0]


def test_two_starts_at_once_start_one_which_outlives_them(home: Path) -> None:
    Broker(home).stop()
    code = (
        "import sys; from pathlib import Path; from lakehouse.embedded_kafka.broker import Broker; "
        "print(Broker(Path(sys.argv[1])).start().pid)"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    pids = {starter.communicate(timeout=120)[0].strip() for starter in starters}
    status = Broker(home).status()
    assert status.running
    assert pids == {str(status.pid)}
    assert os.getsid(status.pid or 0) == status.pid  # a Ctrl-C in the starter's terminal does not reach it


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's own list of sockets")
def test_it_listens_on_the_loopback_only(running: BrokerStatus) -> None:
    links = [str(link.readlink()) for link in Path(f"/proc/{running.pid}/fd").iterdir() if link.is_symlink()]
    inodes = {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = {row[1].rpartition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}
    assert listening
    assert listening <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_topics_are_made_on_purpose_keep_everything_and_carry_the_brokers_time(running: BrokerStatus) -> None:
    admin = AdminClient({"bootstrap.servers": running.bootstrap_servers})
    producer = Producer({"bootstrap.servers": running.bootstrap_servers, "message.timeout.ms": 3000})
    failed: list[KafkaError] = []
    producer.produce("misspelt", b"x", on_delivery=lambda error, _: failed.append(error))
    producer.flush(LIMIT)
    assert failed[0] is not None
    assert "misspelt" not in admin.list_topics(timeout=LIMIT).topics
    create(running.bootstrap_servers, "plain")
    resource = ConfigResource(ConfigResource.Type.TOPIC, "plain")
    config = admin.describe_configs([resource])[resource].result(LIMIT)
    assert config["retention.ms"].value == "-1"
    assert config["message.timestamp.type"].value == "LogAppendTime"


def test_the_next_start_resolves_nothing(home: Path, running: BrokerStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    assert running.running
    Broker(home).stop()
    monkeypatch.setattr(module, "resolve_jars", lambda *_: pytest.fail("resolved"))
    assert Broker(home).start().running


def test_a_port_lost_to_someone_quicker_is_replaced(home: Path, broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Broker(home).stop()
    theirs = int(broker.rpartition(":")[2])
    looks = iter([theirs])  # the first look still finds it free
    monkeypatch.setattr(module, "free_port", lambda *_, **__: next(looks, None) or free_port(None))
    status = Broker(home).start()
    assert status.running
    assert status.bootstrap_servers != broker
    assert is_taken(theirs)


def test_why_it_died_is_in_the_error(tmp_path: Path) -> None:
    kafka = Broker(tmp_path)
    kafka.data_dir.mkdir()
    (kafka.data_dir / "meta.properties").write_text("version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\nnode.id=2\n")
    with pytest.raises(OutsideError, match=r"node.?id|nodeId") as raised:
        kafka.start()
    assert str(kafka.log) in raised.value.hint
    assert kafka.status() == BrokerStatus(False, None, None, str(kafka.data_dir))


def test_a_heap_that_java_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r"[Hh]eap|memory"):
        Broker(tmp_path, heap="1k").start()


def test_the_command_line_starts_shows_and_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_STATE", str(tmp_path))
    monkeypatch.delenv("CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS", raising=False)
    runner = CliRunner()
    try:
        started = json.loads(runner.invoke(app, ["start", "--json"]).stdout)
        shown = json.loads(runner.invoke(app, ["status", "--json"]).stdout)
        assert started == shown
        assert set(shown) == {"running", "bootstrap_servers", "pid", "data_dir"}
        assert shown["running"] is True
        assert shown["data_dir"] == str(tmp_path / "kafka" / "data")
        assert shown["bootstrap_servers"] in runner.invoke(app, ["status"]).stdout
    finally:
        stopped = runner.invoke(app, ["stop", "--json"])
    assert json.loads(stopped.stdout) == {"stopped": True}
    again = runner.invoke(app, ["stop"])
    assert again.exit_code == 0
    assert "not running" in again.stdout


def test_the_session_broker_answers(broker: str) -> None:
    create(broker, "session-check")
    produce(broker, "session-check", "here")
    assert consume(broker, "session-check", 1) == ["here"]
