"""The report beside the streams: at a port of this machine, as new as gold, and gone with them."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request

import pytest

from lakehouse.errors import UsageError
from pipelines.cli.up import reported
from pipelines.runtime.settings import load_settings
from tests.pipelines.bi.html.made_gold import made_gold, no_gold, write_gold


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("CLICKSTREAM_STATE", str(tmp_path / "state"))
    return load_settings()


def ask(address):
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310
        return answer.read().decode()


def test_the_report_is_served_while_the_streams_run(settings, tmp_path, capsys):
    with reported(settings, 0):
        said = "".join(capsys.readouterr())
        assert "ssh -L " in said
        address = re.search(r"http://127\.0\.0\.1:\d+/", said)[0]
        assert "There are no gold tables" in ask(address)
        write_gold(tmp_path / "lake", no_gold() | made_gold(sessions=7, days=2))
        page = ask(address)
        assert "Sessions of " in page
        assert 'id="fresh"' in page
    with pytest.raises(OSError, match="refused"):
        ask(address)


def test_a_port_that_is_taken_is_refused_before_spark_starts(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="cannot be used"):  # noqa: SIM117
        with reported(settings, taken.getsockname()[1]):
            pass


def test_without_a_port_nothing_is_served(settings, capsys):
    with reported(settings, None):
        assert "".join(capsys.readouterr()) == ""
