"""The broker's settings, ports and logs."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.embedded_kafka.config import free_port, is_taken, reason, server_settings, tail


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


def test_nothing_listens_beyond_the_loopback() -> None:
    settings = server_settings(9092, 9093)
    listeners = f"{settings['listeners']},{settings['advertised.listeners']}".split(",")
    assert all("//127.0.0.1:" in each for each in listeners)


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
