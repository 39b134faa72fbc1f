"""The MLflow UI: it answers, and ends with its command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from lakehouse.errors import UsageError
from pipelines.runtime.ports import check_port
from tests.support.polling import until


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(UsageError, match="--port"):
        check_port(port, "serve --port 1")


def test_a_port_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(UsageError, match="cannot be used"):
        check_port(server.getsockname()[1], "serve --port 1")


def test_the_ui_answers_and_leaves_nothing_behind(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pipelines.cli.serve", "mlflow", "--port", str(port)]
    environment = {
        **os.environ,
        "CLICKSTREAM_STATE": str(tmp_path / "state"),
        "CLICKSTREAM_LAKE": str(tmp_path / "lake"),
    }
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: _answers(port), "the answer of the UI", limit=120, step=0.3)
        finally:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=30)[0]
    assert f"http://127.0.0.1:{port}" in said
    assert process.returncode == 0
    check_port(port, "serve --port 1")


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
