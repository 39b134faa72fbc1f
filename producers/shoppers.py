"""Simulated shoppers: visits to a shop as records for Kafka, the same ones for the same seed and arguments."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate, chain
from operator import itemgetter
from pathlib import Path
from typing import TextIO

import numpy as np

from lakehouse.errors import UsageError
from producers.behaviour import HISTORIES, LANDING_ACTS, LANDINGS, SLOTS, STYLES, Behaviour, state_of
from producers.dirt import spoil
from producers.events import event_named
from producers.record import Record
from producers.shop import Calendar, Shop, referrers
from producers.visit import LAST_CLICK, LAST_VIEW, Clock, Visit

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
"""When the simulation ends unless told otherwise: a fixed instant, so that any day gives the same records."""

CUTS = frozenset((1, 2, 3, 5, 8, 13, 21))
"""After so many events the simulator tells its own chance of a purchase."""

_CHUNK = 1_024
_POOL = 20_000
_RETURNS = round(0.45 * SLOTS)
_AWAY = 3_600_000
_POPULAR = [min(int(20 * (slot / SLOTS) ** 1.7), 19) for slot in range(SLOTS)]


def simulate(
    seed: int = 7,
    sessions: int = 1_000,
    until: datetime = UNTIL,
    days: float = 14,
    dirty: float = 0.0,
    duplicates: float = 0.0,
    *,
    buy_rate: float = 0.15,
    only: str | None = None,
    event_ids: bool = False,
    truth: Path | None = None,
) -> Iterator[Record]:
    """Yield the records of so many visits that begin within ``days`` before ``until``, in the order of event time.

    ``dirty`` is the share of records that are broken or odd, ``duplicates`` the share that is sent twice.
    ``only`` one stream gives what a full run gives for that topic. ``truth`` is a file for the simulator's
    own chance that a session still ends in a purchase, after each cut: one JSON object a line.
    Raises UsageError for arguments that make no sense.
    """
    if sessions < 0:
        raise UsageError(f"{sessions} sessions cannot be simulated.", "Take 0 or more.")
    if only is not None:
        event_named(only)
    for name, share in (("dirty", dirty), ("duplicates", duplicates), ("buy rate", buy_rate)):
        if not 0 <= share <= 1:
            raise UsageError(f"The {name} {share:g} is no share.", "Take a number from 0 to 1.")
    seeds = np.random.SeedSequence([seed & (2**64 - 1), seed < 0])
    rngs = [np.random.Generator(np.random.PCG64(child)) for child in seeds.spawn(4)]
    visits = _Visits(rngs, until, days, _behaviour(buy_rate), event_ids=event_ids)
    records = spoil(visits.records(sessions, truth), rngs[3], dirty, duplicates)
    return (record for record in records if record[0] == only) if only else records


_behaviour = lru_cache(maxsize=4)(Behaviour)


def _draws(rng: np.random.Generator) -> Iterator[int]:
    blocks: Iterator[list[int]] = iter(lambda: rng.integers(0, SLOTS, 65_536).tolist(), None)
    return chain.from_iterable(blocks)


class _Visits:
    """The people who visit the shop, and the visit that is being written."""

    def __init__(
        self, rngs: list[np.random.Generator], until: datetime, days: float, behaviour: Behaviour, *, event_ids: bool
    ) -> None:
        self._shop, self._rng, self._draw = Shop(rngs[0]), rngs[1], _draws(rngs[2])
        self._calendar = Calendar(until, days)
        self._until = int(until.timestamp() * 1_000)
        self._behaviour, self._event_ids = behaviour, event_ids
        self._moods = {(s, h): behaviour.starts(s, h) for s in STYLES for h in HISTORIES}
        self._referrers = {style: referrers(style) for style in STYLES}
        edges = list(accumulate(share for share, _ in STYLES.values()))
        self._styles = [list(STYLES)[bisect_left(edges, slot / SLOTS)] for slot in range(SLOTS)]
        edges = list(accumulate(LANDINGS.values()))
        self._landings = [list(LANDINGS)[bisect_left(edges, slot / SLOTS)] for slot in range(SLOTS)]
        self._people: list[tuple[int, str, str, int, int]] = []  # number, style, history, favourite, last seen
        self._users = 0
        self._clock = Clock()

    def records(self, sessions: int, truth: Path | None) -> Iterator[Record]:
        """Write visit after visit, and hold back what is later than the beginning of the next."""
        with ExitStack() as stack:
            told = stack.enter_context(truth.open("w", encoding="utf-8")) if truth else None
            held: list[Record] = []
            for first in range(0, sessions, _CHUNK):
                starts = self._calendar.starts(self._rng, first, min(_CHUNK, sessions - first), sessions)
                held.sort(key=itemgetter(3))
                ready = bisect_left(held, starts[0] * 1_000, key=itemgetter(3))
                yield from held[:ready]
                held = held[ready:]
                for number, start in enumerate(starts, first):
                    self._visit(f"s{number:08d}", start, held, told)
            held.sort(key=itemgetter(3))
            yield from held

    def _visitor(self, start: int) -> tuple[int, tuple[int, str, str, int, int]]:
        draw, people = self._draw, self._people
        returns, at = next(draw) < _RETURNS, (next(draw) * SLOTS + next(draw)) % max(len(people), 1)
        if returns and people and people[at][4] + _AWAY < start:
            return at, people[at]
        self._users += 1
        if len(people) < _POOL:
            at = len(people)
            people.append((0, "", "", 0, 0))
        return at, (self._users, self._styles[next(draw)], "new", next(draw) % len(self._shop.categories), 0)

    def _visit(self, session: str, start: int, held: list[Record], told: TextIO | None) -> None:
        at, (number, style, history, favourite, _) = self._visitor(start)
        draw, text, moves, until = self._draw, self._clock.text, self._behaviour.moves, self._until
        visit = Visit(self._shop, draw, self._referrers[style][next(draw)], favourite)
        view, click, interact = visit.view, visit.click, visit.interact
        place = self._landings[next(draw)]
        state, act = state_of(self._moods[style, history][next(draw)], place, 0), int(LANDING_ACTS[place])
        head = visit.head = f'{{"user_id":"u{number:06d}","session_id":"{session}",'
        key, t, count = session.encode(), start, 0
        while act and t < until:
            count += 1
            if self._event_ids:
                visit.head = f'{head}"event_id":"{session}-{count}",'
            if act <= LAST_VIEW:
                topic, value = "page_views", view(act, state, text(t))
            elif act <= LAST_CLICK:
                topic, value = "clicks", click(act, text(t))
            else:
                topic, value = "interactions", interact(act, text(t))
            held.append((topic, key, value.encode(), t * 1_000))
            if told and count in CUTS and not visit.bought:
                told.write(f'{head}"cut":{count},"probability":{self._behaviour.will_buy[state]:.6f}}}\n')
            act, state, pauses = moves[state][next(draw)]
            t += pauses[next(draw)] + next(draw)
        history = "bought" if visit.bought else "abandoned" if visit.cart else "came"
        self._people[at] = (number, style, history, visit.category, t)
