"""Refresh gold's tables by day beside its stream: a day is computed as a whole, and no score has to wait for that.

What a micro-batch touches of them is on the disk before the batch counts as done. So whatever dies, the next start
refreshes them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from lakehouse.engines.duckdb_rows import distinct
from lakehouse.engines.in_process import refresh_tables
from lakehouse.journal import Journal
from lakehouse.table import Table
from pipelines import gold_builder

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.runtime.job import Job

PAUSE_SECONDS = 10.0
"""The shortest pause between two refreshes; one that takes longer is followed by a pause as long as itself."""

END_SECONDS = 5.0
"""A refresh under way has twice as long to end when jobs do. What came meanwhile is left if it was late."""

_NICENESS = 10
"""What is refreshed here waits for a core where a score needs it."""


@cache
def deferrable_tables() -> tuple[Table, ...]:
    """The gold tables that may be refreshed later: no other table reads them, and no user's id tells what is touched.

    So what is kept of a batch names nobody.
    """
    tables = gold_builder.incremental_tables()
    read = {source.name for table in tables for source in table.reads.values()}
    return tuple(table for table in tables if table.name not in read and "user_id" not in table.scope)


def refresh_deferred(job: Job) -> None:
    """Refreshes what an earlier process deferred and did not come to."""
    kept = gold_builder.deferred_changes(job.settings)
    if not (files := kept.files()):
        return
    refresh_tables(
        job.local_lake,
        deferrable_tables(),
        gold_builder.table_sql(),
        kept.read(files),
        also={},
        sources={},
        span=gold_builder.SPAN,
        journal=Journal(gold_builder.gold_checkpoint(job.settings) / "deferred_refresh.json", deferrable_tables()),
        memory=job.settings.engines.in_process_memory,
    )
    kept.forget(files)


class DeferredRefresh:
    """Refreshes them in a thread of its own, again and again, from ``start`` to ``end``."""

    def __init__(self, job: Job) -> None:
        self.lock = Lock()
        """Whoever holds it writes the deferrable tables."""
        self._job = job
        self._kept = gold_builder.deferred_changes(job.settings)
        self._ending = Event()
        self._error: BaseException | None = None
        self._thread = Thread(target=self._keep_refreshing, name="deferred-refresh", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def end(self) -> None:
        """Ends the thread, and refreshes what is left, unless it is late by then: the next start does it."""
        self._ending.set()
        began = time.monotonic()
        if self._thread.ident is not None:
            self._thread.join(2 * END_SECONDS)
        if time.monotonic() - began < END_SECONDS:
            self._refresh()

    def add(self, changes: Mapping[str, pa.Table]) -> None:
        """Keeps what changed rows touch, by the name of their table. Raises what has ended the thread."""
        if self._error is not None:
            raise self._error
        wanted = _scopes()
        found = {name: distinct(changes[name], wanted[name]) for name in wanted.keys() & changes.keys()}
        touched = {name: rows for name, rows in found.items() if rows.num_rows}
        if touched:
            self._kept.add(touched)

    def _refresh(self) -> None:
        with self.lock:
            refresh_deferred(self._job)

    def _keep_refreshing(self) -> None:
        with suppress(AttributeError, OSError):  # Linux has it for a thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        pause = PAUSE_SECONDS
        while not self._ending.wait(pause):
            began = time.monotonic()
            try:
                self._refresh()
            except BaseException as error:  # noqa: BLE001 - the stream fails of it, and starts again
                self._error = error
                return
            pause = max(PAUSE_SECONDS, time.monotonic() - began)


@cache
def _scopes() -> Mapping[str, list[str]]:
    """By the name of a table: the SQL on its changed rows that gives what they touch of the deferrable tables."""
    found: dict[str, set[str]] = {}
    for table in deferrable_tables():
        for source in table.reads.values():
            found.setdefault(source.name, set()).update(table.scope.values())
    return {name: sorted(sql) for name, sql in found.items()}
