"""Look for marked sessions in the tables and in the topic of scores, as anybody could from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bronze.raw_events import BRONZE
from gold.page_performance import TABLE as PAGES
from gold.session_predictions import TABLE as PREDICTIONS
from gold.sessions import TABLE as SESSIONS
from lakehouse.engines.duckdb_types import quoted
from lakehouse.engines.opened_table import files_of
from lakehouse.table import Table
from pipelines.operations.latency.probe import STEPS, Marks, Sightings
from pipelines.query.delta_reader import opened
from pipelines.runtime.repeating import repeating
from producers.kafka import follow_topic
from silver.events import SILVER

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from duckdb import DuckDBPyConnection

LOOK_SECONDS = 0.1
"""The pause between two looks at all tables."""

BRONZE_LAYER, SILVER_LAYER, SESSION_TABLE, SCORE, PAGE_TABLE, TOPIC = (
    "bronze",
    "silver",
    "gold.sessions",
    "gold.session_predictions",
    "gold.page_performance",
    "topic",
)
"""The places where events are looked for."""


class TableTail:
    """The rows of marked sessions in the files that a table has got since the last look, by delta-rs and DuckDB."""

    def __init__(self, table: Table, root: str, column: str, begins: str | bytes, columns: Sequence[str]) -> None:
        self._table, self._root = table, root
        names = ", ".join(quoted(name) for name in columns)
        self._sql = f"SELECT {names} FROM read_parquet(?) WHERE {quoted(column)} >= ? AND {quoted(column)} < ?"  # noqa: S608
        # The next text of the same length is above all that begin so.
        self._limits = [begins, _above(begins)]
        self._opened: DeltaTable | None = None
        self._known: set[str] = set()
        with suppress(Exception):
            self._known = self._files()

    def _files(self) -> set[str]:
        if self._opened is None:
            self._opened = opened(self._table, self._root)
            return set() if self._opened is None else set(files_of(self._opened))
        before = self._opened.version()
        self._opened.update_incremental()
        return self._known if self._opened.version() == before else set(files_of(self._opened))

    def new_rows(self, connection: DuckDBPyConnection) -> list[tuple[Any, ...]]:
        """Those rows. A file that a clean-up has taken away meanwhile is looked for at the next look."""
        files = self._files()
        new = sorted(files - self._known)
        if not new:
            self._known = files
            return []
        rows = connection.execute(self._sql, [new, *self._limits]).fetchall()
        self._known = files
        return rows


def _above(begins: str | bytes) -> str | bytes:
    if isinstance(begins, bytes):
        return begins[:-1] + bytes([begins[-1] + 1])
    return begins[:-1] + chr(ord(begins[-1]) + 1)


@dataclass(frozen=True)
class _Place:
    tail: TableTail
    tell: Callable[[Sequence[Any], float], None]


class LakeWatcher:
    """Looks at all layers again and again, and tells what it sees."""

    def __init__(self, root: str, marks: Marks, sightings: Sightings) -> None:
        self._places = [*_layers(root, marks, sightings), *_gold(root, marks, sightings)]

    def look(self, connection: DuckDBPyConnection) -> None:
        """Looks once. An event is seen when its row has been read."""
        for place in self._places:
            # A table that is just replaced or cleaned up is read at the next look.
            with suppress(Exception):
                rows = place.tail.new_rows(connection)
                at = time.monotonic()
                for row in rows:
                    place.tell(row, at)


def _layers(root: str, marks: Marks, sightings: Sightings) -> Iterator[_Place]:
    for step, topic in enumerate(STEPS, start=1):

        def in_bronze(row: Sequence[Any], at: float, step: int = step) -> None:
            sightings.arrived(BRONZE_LAYER, bytes(row[0]).decode(), step, at)

        def in_silver(row: Sequence[Any], at: float, step: int = step) -> None:
            sightings.arrived(SILVER_LAYER, row[0], step, at)

        yield _Place(TableTail(BRONZE[topic], root, "key", marks.ids.encode(), ["key"]), in_bronze)
        yield _Place(TableTail(SILVER[topic], root, "session_id", marks.ids, ["session_id"]), in_silver)


def _gold(root: str, marks: Marks, sightings: Sightings) -> Iterator[_Place]:
    for table, count, where in ((SESSIONS, "events", SESSION_TABLE), (PREDICTIONS, "cut", SCORE)):

        def of_session(row: Sequence[Any], at: float, where: str = where) -> None:
            sightings.reached(where, row[0], row[1], at)

        yield _Place(TableTail(table, root, "session_id", marks.ids, ["session_id", count]), of_session)

    def of_page(row: Sequence[Any], at: float) -> None:
        sightings.page_reached(PAGE_TABLE, row[0], sum(row[1:]), at)

    counts = ["page_views", "clicks", "interactions"]
    yield _Place(TableTail(PAGES, root, "page", marks.pages, ["page", *counts]), of_page)


@contextmanager
def watching(watcher: LakeWatcher) -> Iterator[None]:
    """Within, a thread looks at the tables."""
    import duckdb

    with (
        duckdb.connect(config={"threads": 1}) as connection,
        _looking("watch-tables", lambda: watcher.look(connection)),
    ):
        yield


@contextmanager
def listening(servers: str, topic: str, client: dict[str, str], marks: Marks, sightings: Sightings) -> Iterator[None]:
    """Within, a thread reads the topic of scores."""
    with follow_topic(servers, topic, client) as new_values:

        def look() -> None:
            values = new_values(LOOK_SECONDS)
            at = time.monotonic()
            for value in values:
                score = json.loads(value)
                if score["session_id"].startswith(marks.ids):
                    sightings.reached(TOPIC, score["session_id"], score["cut"], at)

        with _looking("read-scores", look):
            yield


def _looking(name: str, look: Callable[[], None]) -> AbstractContextManager[None]:
    return repeating(name, look, LOOK_SECONDS, end_seconds=10)
