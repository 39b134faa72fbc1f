"""The embedded broker, for real: it is started, stopped, killed and asked."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from typer.testing import CliRunner

from lakehouse.atomic_files import write_json
from lakehouse.embedded_kafka import broker as module
from lakehouse.embedded_kafka.broker import Broker, BrokerStatus
from lakehouse.embedded_kafka.config import free_port, is_taken
from lakehouse.errors import OutsideError, UsageError
from lakehouse.processes import running as process_of
from pipelines.cli.broker import app
from tests.support.polling import until

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


def wait_until_dead(pid: int) -> None:
    until(lambda: process_of(pid) is None, f"the end of process {pid}", limit=LIMIT, step=0.02)


@pytest.mark.kafka
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
    os.kill(again.pid, signal.SIGKILL)
    wait_until_dead(again.pid)
    assert not Broker(home).status().running

    said: list[str] = []
    after = Broker(home, say=said.append).start()
    assert "did not stop properly" in " ".join(said)
    assert after.bootstrap_servers == running.bootstrap_servers
    assert consume(after.bootstrap_servers, "kept", 2) == ["first", "second"]


@pytest.mark.kafka
def test_a_second_start_says_that_it_runs_and_changes_nothing(home: Path, running: BrokerStatus) -> None:
    said: list[str] = []
    assert Broker(home, say=said.append).start() == running
    assert "runs already" in said[0]


@pytest.mark.kafka
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


@pytest.mark.kafka
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's own list of sockets")
def test_a_start_killed_before_its_note_is_found(home: Path, running: BrokerStatus) -> None:
    (home / "broker.json").unlink()
    assert Broker(home).status() == running
    assert Broker(home).start() == running
    (home / "broker.json").unlink(missing_ok=True)
    assert Broker(home).stop(timeout=LIMIT)
    assert not psutil.pid_exists(running.pid or 0)


def test_it_listens_on_the_loopback_only(running: BrokerStatus) -> None:
    links = [str(link.readlink()) for link in Path(f"/proc/{running.pid}/fd").iterdir() if link.is_symlink()]
    inodes = {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = {row[1].rpartition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}
    assert listening
    assert listening <= {"0100007F", "0000000000000000FFFF00000100007F"}


@pytest.mark.kafka
def test_topics_are_explicit_keep_all_and_have_broker_time(running: BrokerStatus) -> None:
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


@pytest.mark.kafka
def test_the_next_start_resolves_nothing(home: Path, running: BrokerStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    assert running.running
    Broker(home).stop()
    monkeypatch.setattr(module, "resolve_jars", lambda *_: pytest.fail("resolved"))
    assert Broker(home).start().running


@pytest.mark.kafka
def test_a_port_lost_to_someone_quicker_is_replaced(home: Path, broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Broker(home).stop()
    theirs = int(broker.rpartition(":")[2])
    looks = iter([theirs])  # the first look still finds it free
    monkeypatch.setattr(module, "free_port", lambda *_, **__: next(looks, None) or free_port(None))
    status = Broker(home).start()
    assert status.running
    assert status.bootstrap_servers != broker
    assert is_taken(theirs)


@pytest.mark.kafka
def test_why_it_died_is_in_the_error(tmp_path: Path) -> None:
    kafka = Broker(tmp_path)
    kafka.data_dir.mkdir()
    (kafka.data_dir / "meta.properties").write_text("version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\nnode.id=2\n")
    with pytest.raises(OutsideError, match=r"node.?id|nodeId") as raised:
        kafka.start()
    assert str(kafka.log) in raised.value.hint
    assert kafka.status() == BrokerStatus(False, None, None, str(kafka.data_dir))


@pytest.mark.kafka
def test_a_heap_that_java_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r"[Hh]eap|memory"):
        Broker(tmp_path, heap="1k").start()


@pytest.mark.kafka
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


@pytest.mark.kafka
def test_the_session_broker_answers(broker: str) -> None:
    create(broker, "session-check")
    produce(broker, "session-check", "here")
    assert consume(broker, "session-check", 1) == ["here"]


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of the loopback that another program listens on, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_configured_port_that_is_taken_is_refused_with_a_hint(tmp_path: Path, listener: int) -> None:
    with pytest.raises(UsageError, match=rf"Port {listener} .* is taken") as raised:
        Broker(tmp_path, port=listener).start()
    assert "kafka.port" in raised.value.hint


def test_a_heap_that_is_no_size_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'much'"):
        Broker(tmp_path, heap="much").start()


def test_a_pid_that_another_process_has_now_is_not_the_broker(tmp_path: Path) -> None:
    write_json(tmp_path / "broker.json", {"pid": os.getpid(), "port": 1, "started": "before the last boot"})
    said: list[str] = []
    broker = Broker(tmp_path, say=said.append)
    assert broker.status() == BrokerStatus(False, None, None, str(tmp_path / "data"))
    assert broker.stop() is False  # and this very process still lives
    assert not (tmp_path / "broker.json").exists()
    assert "ended without being stopped" in said[0]


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}', '{"pid": 1, "started": null, "port": 1}']
)
def test_a_broken_pid_file_means_that_nothing_runs(tmp_path: Path, note: str) -> None:
    (tmp_path / "broker.json").write_text(note)
    assert Broker(tmp_path).status().running is False
    assert Broker(tmp_path).status().pid is None


def test_status_and_stop_make_no_folder(tmp_path: Path) -> None:
    home = tmp_path / "kafka"
    assert Broker(home).status().pid is None
    assert Broker(home).stop() is False
    assert not home.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match="cannot be made"):
        Broker(tmp_path / "file" / "kafka").start()


@pytest.mark.kafka
def test_a_note_of_an_older_version_names_the_running_broker(home: Path, running: BrokerStatus) -> None:
    note = json.loads((home / "broker.json").read_text())
    write_json(home / "broker.json", {**note, "started": "6f1f0c8e-8d0c-4b8e-9d0e-2f5a2b1f0c11 4711"})
    assert Broker(home).status() == running
    assert Broker(home).start() == running


@pytest.mark.kafka
def test_a_broker_of_another_folder_is_never_stopped(tmp_path: Path, home: Path, running: BrokerStatus) -> None:
    note = json.loads((home / "broker.json").read_text())
    other = Broker(tmp_path)
    write_json(tmp_path / "broker.json", note)
    assert other.status().pid is None
    assert other.stop() is False
    assert running.pid is not None
    assert psutil.Process(running.pid).is_running()
    assert Broker(home).status() == running


@pytest.mark.kafka
def test_a_broker_that_starts_leaves_standard_error_empty(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from lakehouse.embedded_kafka.broker import Broker; "
        "kafka = Broker(Path(sys.argv[1])); kafka.start(); kafka.stop()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
