"""Serve answers over HTTP on this machine alone: what the live report, the scores and the metrics have in common."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from typing import Any

from lakehouse.errors import UsageError
from lakehouse.signals import stopping
from pipelines.runtime.ports import LOOPBACK

OWN_NAMES = (LOOPBACK, "localhost")
"""The names by which this machine calls itself; nobody else can let them lead here."""

_IDLE_SECONDS = 10
"""How long a connection may be silent."""


@dataclass(frozen=True)
class Answer:
    """What is answered: the status, the body, and what the body is."""

    status: HTTPStatus
    body: str
    kind: str = "text/plain; charset=utf-8"


def json_answer(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """A value as JSON."""
    return Answer(status, json.dumps(value, ensure_ascii=False), "application/json; charset=utf-8")


class _Server(ThreadingHTTPServer):
    """A server that ends what is connected when it is closed: a connection kept open would go on being answered."""

    daemon_threads = True

    def __init__(self, *of: Any) -> None:
        self._connected: set[Any] = set()
        super().__init__(*of)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._connected.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connected.discard(request)

    def server_close(self) -> None:
        super().server_close()
        for one in list(self._connected):
            with suppress(OSError):
                one.shutdown(SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Says nothing of a client that went away before it had its answer."""


def server_on(port: int, answer: Callable[[str, str], Answer]) -> ThreadingHTTPServer:
    """A server on this machine only; port 0 is any that is free. ``answer`` takes the path and the query.

    A request by another name than the machine's own is refused: a stranger may let a name lead to this machine, and
    the stranger's pages would then read what is served. Any port is taken, as a forwarded one may have another
    number. What a page of another origin asks is refused, too, and no such page may read an answer.

    Raises UsageError where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _IDLE_SECONDS
        # The head and the body leave in one packet: else the second waits for the first one's receipt.
        wbufsize = -1
        disable_nagle_algorithm = True
        server_version = "clickstream"
        sys_version = ""

        def do_GET(self) -> None:
            if _is_own(self.headers.get_all("Host", []), self.headers.get_all("Origin", [])):
                path, _, query = self.path.partition("?")
                self._send(answer(path, query))
            else:
                self._send(Answer(HTTPStatus.FORBIDDEN, how_to_reach(self.connection.getsockname()[1])))

        do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

        def _send(self, found: Answer) -> None:
            body = found.body.encode()
            self.send_response(found.status)
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("X-Frame-Options", "DENY")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing: the terminal belongs to the command."""

    try:
        return _Server((LOOPBACK, port), Handler)
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}.", "Give another --port, or 0 for one that is free."
        ) from error


def _is_own(hosts: Sequence[str], origins: Sequence[str]) -> bool:
    """Whether a request names this machine, once, and comes from no page of another origin."""
    if len(hosts) != 1:
        return False
    name, _, number = hosts[0].partition(":")
    is_named = name.lower() in OWN_NAMES and (not number or (number.isascii() and number.isdigit()))
    return is_named and all(origin.lower() == f"http://{hosts[0].lower()}" for origin in origins)


def how_to_reach(port: int) -> str:
    """What to say to whoever asks by another name."""
    return f"This is answered on its own machine alone, as http://{LOOPBACK}:{port}/. {how_to_forward(port)}"


def how_to_forward(port: int) -> str:
    """What to do to reach a server of this machine from another one."""
    return (
        f"From another machine, forward the port, as in `ssh -L {port}:{LOOPBACK}:{port} HOST`, and open "
        f"http://{LOOPBACK}:{port}/ there."
    )


def address_of(server: ThreadingHTTPServer) -> str:
    """Where a server answers."""
    return f"http://{LOOPBACK}:{server.server_address[1]}/"


def serve_until_stopped(server: ThreadingHTTPServer, say: Callable[[str], object]) -> None:
    """Serves until Ctrl-C or SIGTERM; ``say`` is called with the address once it answers."""
    with stopping() as stop, stop.polled_by_caller(), serving_beside(server):
        say(address_of(server))
        while not stop.wait(0.3):
            pass


@contextmanager
def serving_beside(server: ThreadingHTTPServer) -> Iterator[None]:
    """Within, the server answers on a thread of its own; then it is closed."""
    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
