"""The MLflow UI: it answers, and ends with its command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request

from pipelines.runtime.ports import check_port
from tests.support.polling import until


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
