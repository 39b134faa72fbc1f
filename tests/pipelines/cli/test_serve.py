"""The MLflow UI: it answers, and ends with its command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil

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
        "CLICKSTREAM_KAFKA__CLIENT": '{"sasl.password": "S3CR3T"}',
        # What would open it, were it heeded.
        "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "*",
    }
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: _answers(port), "the answer of the UI", limit=120, step=0.3)
            # What a page of another site sends, also by a name that it lets lead to this machine.
            assert _status(port, Host="evil.example") == 403
            assert _status(port, Origin="http://evil.example") == 403
            assert _status(port, Origin=f"http://127.0.0.1:{port}") == 200
            helpers = psutil.Process(process.pid).children(recursive=True)
            assert helpers
            assert not [one for one in helpers if b"S3CR3T" in Path(f"/proc/{one.pid}/environ").read_bytes()]
        finally:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=30)[0]
    assert f"http://127.0.0.1:{port}" in said
    assert process.returncode == 0
    check_port(port, "serve --port 1")


def _status(port, **headers):
    """The status of the answer to a request that creates an experiment."""
    body = json.dumps({"name": f"by {headers}"}).encode()
    address = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/create"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - its own address
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
