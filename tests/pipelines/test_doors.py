"""What listens is reached from this machine alone, and pages of other origins neither read nor steer it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from lakehouse.embedded_kafka.broker import Broker
from pipelines.cli.main import app
from pipelines.cli.reference import _commands
from pipelines.runtime.commands import command_of
from tests.support.doors import DEAD_PROXY, listening
from tests.support.polling import until

PAGES = {
    "report": ["pipelines.bi.html.command", "--live", "--port"],
    "serve scores": ["pipelines.cli.serve", "scores", "--port"],
    "serve metrics": ["pipelines.cli.serve", "metrics", "--port"],
    "serve mlflow": ["pipelines.cli.serve", "mlflow", "--port"],
}
"""The commands that a browser can ask. Spark's endpoint speaks no HTTP: its own test looks at its ports."""

FINE = {200, 404, 503}
"""What a server says to whom it answers: scores have no first page, and metrics none without a lake."""

LISTENING = {*PAGES, "serve sql"}


def test_every_command_that_listens_is_known_here():
    found = {
        path.removeprefix("clickstream ")
        for path, command in _commands(command_of(app), "clickstream")
        if {"port", "host", "live"} & {parameter.name for parameter in command.params}
    }
    assert found == LISTENING


@contextmanager
def served(name, folder):
    """The command, once it answers: its port and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    places = {"CLICKSTREAM_LAKE": str(folder / "lake"), "CLICKSTREAM_STATE": str(folder / "state")}
    command = [sys.executable, "-m", *PAGES[name], str(port)]
    with subprocess.Popen(command, env={**os.environ, **places, **DEAD_PROXY}, stdout=subprocess.PIPE) as process:
        try:
            until(lambda: status(port) in FINE, "its answer", limit=300, step=0.3)
            yield port, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def status(port, method="GET", **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - its own address
            # MLflow names its own origins to everybody.
            assert answer.headers["Access-Control-Allow-Origin"] in {
                None,
                f"http://127.0.0.1:{port}",
                f"http://localhost:{port}",
            }
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


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
