"""Serve the report on this machine: render it again when gold has changed, and let the open page ask for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lakehouse.errors import LakehouseError, UsageError
from pipelines.bi.html.gold_snapshot import Versions
from pipelines.bi.html.render import Report
from pipelines.runtime.hints import with_command_hint
from pipelines.runtime.ports import LOOPBACK

SECONDS = 5
"""How often an open page asks for the report."""


class LivePage:
    """The report as it is now. It is rendered again only where a table has a new version, by one thread at a time."""

    def __init__(self, report: Report, root: str, clock: Callable[[], datetime]) -> None:
        self._report = report
        self._root = root
        self._clock = clock
        self._making = threading.Lock()
        self._of: Versions | None = None
        self._html = ""

    def html(self) -> str:
        """The page; where gold cannot be read, one that says why and looks again."""
        with self._making:
            try:
                now = self._report.versions(self._root)
                if now != self._of:
                    gold = self._report.open(self._root)
                    with gold.connection:
                        self._html = self._report.html(gold, made_at=self._clock(), live_seconds=SECONDS)
                    self._of = now
            except LakehouseError as error:
                return self._error_page(str(with_command_hint(error)))
            except Exception as error:  # noqa: BLE001 - files may go while they are read; the next look finds the new ones
                first = (str(error).strip().splitlines() or [""])[0][:300]
                return self._error_page(f"Gold cannot be read now ({type(error).__name__}: {first}).")
            return self._html

    def _error_page(self, sentence: str) -> str:
        self._of = None
        return self._report.error_page(sentence, made_at=self._clock(), live_seconds=SECONDS)


def live_server(page: LivePage, port: int) -> ThreadingHTTPServer:
    """A server of the page, on this machine only; port 0 is any that is free.

    Raises UsageError where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version = "clickstream"
        sys_version = ""

        def do_GET(self) -> None:
            own = self.connection.getsockname()[1]
            # A name that a stranger points to this machine would let the stranger's pages read the report.
            if self.headers.get("Host", "") not in {f"{LOOPBACK}:{own}", f"localhost:{own}"}:
                self._answer(HTTPStatus.FORBIDDEN, f"Ask for http://{LOOPBACK}:{own}/.", "text/plain")
            elif self.path.partition("?")[0] != "/":
                self._answer(HTTPStatus.NOT_FOUND, "There is one page: /", "text/plain")
            else:
                self._answer(HTTPStatus.OK, page.html(), "text/html")

        do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

        def _answer(self, status: HTTPStatus, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
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

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Says nothing of a browser that went away before it had its answer."""

    try:
        return Server((LOOPBACK, port), Handler)
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}.", "Give another --port, or none for one that is free."
        ) from error
