"""What listens is reached from this machine alone, and pages of other origins neither read nor steer it."""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address

import pytest

from lakehouse.embedded_kafka.broker import Broker
from pipelines.cli.main import app
from pipelines.cli.reference import _commands
from pipelines.runtime.commands import command_of
from tests.support.doors import FINE, PAGES, listening, served, status

LISTENING = {*PAGES, "serve sql"}


def test_every_command_that_listens_is_known_here():
    found = {
        path.removeprefix("clickstream ")
        for path, command in _commands(command_of(app), "clickstream")
        if {"port", "host", "live"} & {parameter.name for parameter in command.params}
    }
    assert found == LISTENING


def raw_status(port, lines):
    """The status of a request with these header lines, some of which no library would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join(["GET / HTTP/1.1", *lines, "Connection: close", "", ""]).encode())
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return int(re.match(rb"HTTP/1\.\d (\d+)", answer)[1])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_this_machine_and_its_own_origin(name, tmp_path):
    with served(name, tmp_path) as (port, process):
        heard = listening(process.pid)
        assert port in {address.port for address in heard}
        assert [address for address in heard if not ip_address(address.ip).is_loopback] == []
        # A name that leads here for a while, with the right port or without one, and none at all.
        for host in (f"evil.example:{port}", "evil.example", f"127.0.0.1.evil.example:{port}", "0.0.0.0"):  # noqa: S104
            assert status(port, Host=host) in {400, 403}, host
        assert status(port, Host=f"localhost:{port}") in FINE
        assert raw_status(port, []) in {400, 403}
        assert raw_status(port, [f"Host: 127.0.0.1:{port}", "Host: evil.example"]) in {400, 403}
        # What the browser adds where the page of another site asks.
        for origin in ("http://evil.example", "null", f"http://evil.example:{port}", f"https://127.0.0.1.evil:{port}"):
            assert status(port, "POST", Origin=origin) in {403, 405, 501}, origin


@pytest.mark.parametrize("name", ["report", "serve scores", "serve metrics"])
def test_our_own_servers_answer_no_other_origin(name, tmp_path):
    with served(name, tmp_path) as (port, _):
        assert status(port, Origin=f"http://127.0.0.1:{port}") in FINE
        assert status(port, Origin="http://evil.example") == 403
        assert status(port, Origin="null") == 403


@pytest.mark.kafka
def test_the_broker_is_for_this_machine(tmp_path):
    broker = Broker(tmp_path / "kafka")
    try:
        heard = listening(broker.start().pid)
        assert len(heard) >= 2
        assert [address for address in heard if not ip_address(address.ip.removeprefix("::ffff:")).is_loopback] == []
    finally:
        broker.stop(timeout=10)
