"""Only a Kafka that takes records answers with its cluster id."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.embedded_kafka.cluster import cluster_id_at
from lakehouse.embedded_kafka.config import free_port


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of the loopback that another program listens on, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_program_that_is_no_kafka_has_no_cluster_id(listener: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert cluster_id_at("127.0.0.1", listener, timeout=0.2) is None
    assert capfd.readouterr() == ("", "")


def test_a_port_where_nobody_listens_is_answered_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    assert cluster_id_at("127.0.0.1", free_port(None), timeout=5) is None
    assert time.monotonic() - began < 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.kafka
def test_a_broker_tells_the_id_it_was_formatted_with(tmp_path_factory: pytest.TempPathFactory, broker: str) -> None:
    host, _, port = broker.rpartition(":")
    cluster = cluster_id_at(host, int(port))
    homes = Path(tmp_path_factory.getbasetemp()).glob("kafka*/data/meta.properties")
    assert any(f"cluster.id={cluster}\n" in home.read_text() for home in homes)
