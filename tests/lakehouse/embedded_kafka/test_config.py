"""What the broker leaves in its folder, and what it makes of what it finds there."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.atomic_files import write_json
from lakehouse.embedded_kafka import processes
from lakehouse.embedded_kafka.broker import Broker, BrokerStatus
from lakehouse.embedded_kafka.config import free_port, is_taken, read_note, reason, server_settings, tail
from lakehouse.embedded_kafka.kafka_wire import cluster_at
from lakehouse.embedded_kafka.processes import born, end
from lakehouse.errors import OutsideError, UsageError
from lakehouse.jvm import find_java, resolve_jars


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of the loopback that another program listens on, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_saved_port_is_reused_unless_somebody_has_it(listener: int) -> None:
    free = free_port(None)
    assert free_port(free) == free
    assert is_taken(listener)
    assert free_port(listener) not in {listener, 0}
    assert free_port(free, but=free) != free


def test_a_configured_port_that_is_taken_is_wrong_use_with_a_cure(tmp_path: Path, listener: int) -> None:
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


def test_to_look_at_or_stop_a_broker_that_never_was_makes_no_folder(tmp_path: Path) -> None:
    home = tmp_path / "kafka"
    assert Broker(home).status().pid is None
    assert Broker(home).stop() is False
    assert not home.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match="cannot be made"):
        Broker(tmp_path / "file" / "kafka").start()


def test_nothing_listens_beyond_the_loopback() -> None:
    settings = server_settings(9092, 9093)
    listeners = f"{settings['listeners']},{settings['advertised.listeners']}".split(",")
    assert all("//127.0.0.1:" in each for each in listeners)


def test_a_note_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "note", {"a": 1})
    write_json(tmp_path / "note", {"b": 2})
    assert read_note(tmp_path / "note") == {"b": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_the_reason_is_the_innermost_exception_or_the_last_line() -> None:
    log = [
        "… ERROR Exiting Kafka",
        "a.B: x",
        "java.lang.RuntimeException: outer",
        "\tat x",
        "Caused by: a.IOException: in",
        "",
    ]
    assert reason(log, ["bye"]) == "a.IOException: in"
    assert reason(log[:1], ["bye"]) == "… ERROR Exiting Kafka"
    assert reason([], ["", "bye", " "]) == "bye"
    assert reason([], []) == "it said nothing"


def test_only_what_is_new_in_a_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\nnew\n")
    assert tail(log, 4) == ["new"]
    assert tail(log, 400) == ["old", "new"]  # it was rolled over meanwhile
    assert tail(tmp_path / "none") == []


def test_what_is_no_kafka_does_not_answer_as_one(listener: int) -> None:
    assert cluster_at("127.0.0.1", listener, timeout=0.2) is None
    assert cluster_at("127.0.0.1", free_port(None), timeout=0.2) is None


@pytest.mark.parametrize("look", [born, processes._born_ps])
def test_a_process_is_told_from_one_that_has_ended(look: object) -> None:
    assert callable(look)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = look(child.pid)
    assert started
    assert look(child.pid) == started
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert look(child.pid) is None  # nobody has collected it, so its number is still there
    child.communicate()
    assert look(child.pid) is None


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout
    child.stdout.readline()
    assert end(child.pid, born(child.pid) or "", timeout=0.2) is False
    assert child.wait(10) == -9
    child.stdout.close()


def _fake_java(home: Path, says: str, code: int = 0) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "21-ea" 2023', 21),
        ('openjdk version "25" 2025', 25),
    ],
)
def test_the_java_of_java_home_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, version: int
) -> None:
    program = _fake_java(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert (find_java().path, find_java().version) == (program, version)


@pytest.mark.parametrize(
    ("says", "code", "message"),
    [
        ('java version "1.8.0_392"', 0, "too old: 8"),
        ("Unable to locate a Java Runtime.", 1, "does not run"),
        ("nonsense", 0, "does not run"),
    ],
)
def test_a_java_that_will_not_do_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: int, message: str
) -> None:
    _fake_java(tmp_path, says, code)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(OutsideError, match=message):
        find_java()


def test_no_java_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutsideError, match="no Java"):
        find_java()


def test_without_a_network_the_jars_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port(None)}")
    with pytest.raises(OutsideError, match="no Maven repository answers") as raised:
        resolve_jars("org.apache.kafka:kafka_2.13:4.3.1")
    assert "delete" not in raised.value.hint  # the user's own repository
