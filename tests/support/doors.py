"""Commands that listen: where their processes do, what their command lines say, and what they answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

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


def listening(pid):
    """The addresses that a process and all that it started listen on, whatever the kind of the address."""
    root = psutil.Process(pid)
    # The children first: the one that ends meanwhile had no door worth a look.
    found = []
    for process in [root, *root.children(recursive=True)]:
        try:
            found += [one.laddr for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        except psutil.NoSuchProcess:
            continue
    return found


def command_lines(pid: int) -> Iterator[str]:
    """The command lines of a process and of all that it started."""
    with suppress(psutil.Error):
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with suppress(psutil.Error):
                yield " ".join(process.cmdline())


DEAD_PROXY = dict.fromkeys(
    ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"
)
"""An environment whose proxies answer nobody: what stays on this machine must not ask them."""


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
