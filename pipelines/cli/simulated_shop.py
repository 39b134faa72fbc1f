"""Let a simulated shop send its events to Kafka as they happen, beside the streams that read them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from lakehouse.errors import LakehouseError
from pipelines.runtime.settings import Settings
from producers.kafka import Sender
from producers.record import Record
from producers.simulator.simulator import simulate

EVENTS_OF_A_SESSION = 6.0
"""How many events a simulated session has on average: what makes a rate of events a number of sessions."""

DIRTY, TWICE = 0.02, 0.01
"""The shares of records that are broken on purpose, and that are sent twice."""

_HOUR = timedelta(hours=1)
_RETRY_SECONDS = 3.0
_FLUSH_SECONDS = 4.0


class SimulatedShop:
    """A shop that is open until it is told to close: first what happened there before, then what happens now."""

    def __init__(
        self, settings: Settings, servers: str, rate: float, history: int, say: Callable[[str], object]
    ) -> None:
        self._settings, self._servers, self._rate, self._say = settings, servers, rate, say
        self._history = history
        self._opened_at = datetime.now(UTC)
        self._seed = int(self._opened_at.timestamp())
        self._ending = threading.Event()
        self._acknowledged_before = 0
        self._sender: Sender | None = None

    @property
    def sent(self) -> int:
        """How many events Kafka has acknowledged, about now."""
        sender = self._sender
        return self._acknowledged_before + (sender.progress[0] if sender else 0)

    @contextmanager
    def is_open(self) -> Iterator[None]:
        """Within, a thread sends events."""
        thread = threading.Thread(target=self._run, name="simulated-shop", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.close()
            thread.join(_FLUSH_SECONDS + 3)

    def close(self) -> None:
        """Tells it to send nothing more."""
        self._ending.set()

    def records(self) -> Iterator[Record]:
        """Sessions of the last two weeks, and then those of each coming hour, in the order of their events."""
        before = f"{self._seed:x}a"
        until = self._opened_at
        yield from _named(before, simulate(self._seed, self._history, until, dirty=DIRTY, duplicates=TWICE))
        hour, sessions = 0, max(round(self._rate * 3_600 / EVENTS_OF_A_SESSION), 1)
        while True:
            until += _HOUR
            hour += 1
            coming = simulate(self._seed + hour, sessions, until, 1 / 24, dirty=DIRTY, duplicates=TWICE, last_hour=1.0)
            yield from _named(f"{self._seed:x}h{hour}", coming)

    def _run(self) -> None:
        records = self.records()
        while not self._ending.is_set():
            try:
                self._send(records)
            except LakehouseError as error:
                # What happens meanwhile is lost to Kafka, as with a real shop that does not keep its events.
                self._say(f"simulator: starts again in {_RETRY_SECONDS:g} s. {error}")
                self._ending.wait(_RETRY_SECONDS)

    def _send(self, records: Iterator[Record]) -> None:
        sender = Sender(
            self._servers,
            {**self._settings.kafka.client, "linger.ms": "5"},
            wait_seconds=5,
            flush_seconds=_FLUSH_SECONDS,
            give_up=self._ending.is_set,
        )
        try:
            with sender:
                self._sender = sender
                for topic, key, value, at in records:
                    sender.wait(at / 1_000_000, clock=time.time)
                    if self._ending.is_set():
                        return
                    sender.send(topic, key, value)
        finally:
            self._sender = None
            self._acknowledged_before += sender.delivery.total


def _named(name: str, records: Iterator[Record]) -> Iterator[Record]:
    """The records with users and sessions of their own: each simulation counts its own from the same start."""
    user, session = f'"user_id":"{name}-u'.encode(), f'"session_id":"{name}-s'.encode()
    for topic, key, value, at in records:
        own = value and value.replace(b'"user_id":"u', user).replace(b'"session_id":"s', session)
        yield topic, key and f"{name}-".encode() + key, own, at
