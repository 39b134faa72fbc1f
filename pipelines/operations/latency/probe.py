"""Make sessions that everybody can tell from the shop's, and note when their events were sent and then seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from producers.record import encode

MARK = "latency-probe"
"""How user ids, session ids and the host of the pages of all such sessions begin."""

STEPS = ("page_views", "interactions", "clicks")
"""The topics of a session's events, one after another: its first, second and third cutoff."""

STEP_SECONDS = 2.0
"""The time between two events of a session."""

PAGE_SECONDS = 5.0
"""How long events are on one page; then comes the next one."""

WATCHED_PER_SECOND = 50.0
"""Of so many events a second it is noted when they are seen; the others are load."""


@dataclass(frozen=True)
class Marks:
    """The names of one run, which no other run and no shop has."""

    run: str

    @property
    def ids(self) -> str:
        """How the user ids and the session ids begin."""
        return f"{MARK}-{self.run}-"

    @property
    def pages(self) -> str:
        """How the pages begin, as gold has them."""
        return f"https://{MARK}.invalid/{self.run}/"

    def user(self, session: int) -> str:
        """The user of a session: each session has its own, as users with many sessions are suspect."""
        return f"{self.ids}user-{session:07}"

    def session(self, session: int) -> str:
        """A session's id."""
        return f"{self.ids}{session:07}"


@dataclass(frozen=True)
class ProbeEvent:
    """One event of a marked session: ``place`` is which one it is of those on its page."""

    marks: Marks
    session: int
    step: int
    page: int
    place: int

    @property
    def topic(self) -> str:
        """Its topic."""
        return STEPS[self.step]

    @property
    def key(self) -> bytes:
        """Its key in Kafka, as that of the shop's events."""
        return self.marks.session(self.session).encode()

    def value(self, at: datetime) -> bytes:
        """Its JSON. Nothing is bought and nothing put into a cart."""
        event: dict[str, Any] = {
            "user_id": self.marks.user(self.session),
            "session_id": self.marks.session(self.session),
            "page_url": f"{self.marks.pages}{self.page:05}",
            "timestamp": at.astimezone(UTC).isoformat(),
        }
        more: Mapping[str, Mapping[str, Any]] = {
            "page_views": {},
            "interactions": {"interaction_type": "scroll"},
            "clicks": {"element_id": MARK},
        }
        return encode({**event, **more[self.topic]})


def probe_events(marks: Marks, per_second: float, seconds: float) -> Iterator[ProbeEvent]:
    """The events of a run, in the order in which they are sent, so many a second.

    As many sessions go on at a time as keep STEP_SECONDS between two events of each.
    """
    total, at_once = max(round(per_second * seconds), 1), max(round(per_second * STEP_SECONDS), 1)
    on_page: dict[int, int] = {}
    for number in range(total):
        block, place = divmod(number, at_once * len(STEPS))
        step, session = divmod(place, at_once)
        page = int(number / per_second / PAGE_SECONDS)
        on_page[page] = on_page.get(page, 0) + 1
        yield ProbeEvent(marks, block * at_once + session, step, page, on_page[page])


def watched_every(per_second: float) -> int:
    """Each how manieth session is watched."""
    return max(round(per_second / WATCHED_PER_SECOND), 1)


@dataclass
class Sightings:
    """When watched events were sent, and when each place had them; several threads may tell it."""

    _sent: dict[str, list[float]] = field(default_factory=dict)
    _pages: dict[str, list[tuple[int, str, int]]] = field(default_factory=dict)
    _seen: dict[str, dict[tuple[str, int], float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self, event: ProbeEvent, at: float) -> None:
        """An event goes to Kafka now."""
        session, page = event.marks.session(event.session), f"{event.marks.pages}{event.page:05}"
        with self._lock:
            steps = self._sent.setdefault(session, [])
            steps.append(at)
            self._pages.setdefault(page, []).append((event.place, session, len(steps)))

    def reached(self, where: str, session: str, events: int, at: float) -> None:
        """Somewhere, the first so many events of a session are readable."""
        with self._lock:
            seen = self._seen.setdefault(where, {})
            for step in range(1, min(events, len(self._sent.get(session, ()))) + 1):
                seen.setdefault((session, step), at)

    def arrived(self, where: str, session: str, step: int, at: float) -> None:
        """Somewhere, one event of a session is readable, whatever the others are."""
        with self._lock:
            if len(self._sent.get(session, ())) >= step:
                self._seen.setdefault(where, {}).setdefault((session, step), at)

    def page_reached(self, where: str, page: str, events: int, at: float) -> None:
        """Somewhere, the first so many events on a page are counted."""
        with self._lock:
            seen = self._seen.setdefault(where, {})
            for place, session, step in self._pages.get(page, ()):
                if place <= events:
                    seen.setdefault((session, step), at)

    def unseen(self, where: str) -> int:
        """How many events were sent and are not readable there yet."""
        with self._lock:
            return sum(map(len, self._sent.values())) - len(self._seen.get(where, {}))

    def delays(self, where: str) -> list[float | None]:
        """The seconds of each event, in the order in which they were sent; None of one that was not seen there."""
        with self._lock:
            seen = self._seen.get(where, {})
            in_order = sorted(
                (at, session, step) for session, times in self._sent.items() for step, at in enumerate(times, start=1)
            )
            found = [(at, seen.get((session, step))) for at, session, step in in_order]
        return [None if then is None else then - at for at, then in found]
