"""Serve the report on this machine: render it again when gold has changed, and let the open page ask for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from http.server import ThreadingHTTPServer

from lakehouse.errors import LakehouseError
from pipelines.bi.html.freshness import freshness
from pipelines.bi.html.gold_snapshot import Versions
from pipelines.bi.html.render import FRESHNESS, Report
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.hints import with_command_hint
from pipelines.runtime.local_http import Answer, server_on
from pipelines.runtime.settings import Settings
from producers.shop.settings import current_shop

SECONDS = 2
"""How often an open page asks for the report: it shows a commit of gold within 5 seconds."""


class LivePage:
    """The report as it is now. It is rendered again only where a table has a new version, by one thread at a time."""

    def __init__(
        self, report: Report, root: str, clock: Callable[[], datetime], freshness: Callable[[], str] = lambda: ""
    ) -> None:
        self._report = report
        self._freshness = freshness
        self._root = root
        self._clock = clock
        self._making = threading.Lock()
        self._of: Versions | None = None
        self._html = ""

    def html(self) -> str:
        """The page, and how fresh gold is now; where gold cannot be read, one that says why and looks again."""
        return self._page().replace(FRESHNESS, escape(self._freshness()))

    def _page(self) -> str:
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


def live_page(settings: Settings) -> LivePage:
    """The report of an installation's gold."""

    def now() -> datetime:
        return datetime.now(UTC)

    report = Report(tuple(GOLD.values()), current_shop().currency)
    return LivePage(report, settings.lake_root, now, lambda: freshness(settings, now()))


def live_server(page: LivePage, port: int) -> ThreadingHTTPServer:
    """A server of the page, on this machine only; port 0 is any that is free.

    Raises UsageError where the port is taken.
    """

    def answer(path: str, _: str) -> Answer:
        if path != "/":
            return Answer(HTTPStatus.NOT_FOUND, "There is one page: /")
        return Answer(HTTPStatus.OK, page.html(), "text/html; charset=utf-8")

    return server_on(port, answer)
