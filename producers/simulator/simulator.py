"""Simulated shoppers: visits to a shop as records for Kafka, the same ones for the same seed and arguments."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from heapq import heappop, heappush
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TextIO

import numpy as np

from lakehouse.errors import UsageError
from producers.events import event_named
from producers.record import Record
from producers.simulator.behaviour import (
    KINDS,
    SLOTS,
    Behaviour,
    Floats,
    by_slot,
    landings,
    lognormal,
    state_of,
)
from producers.simulator.corruption import corrupt, delay
from producers.simulator.oracle import ForwardFilter
from producers.simulator.parameters import DEVICES, HISTORIES, PATIENCES, PRODUCTS, STYLES, Act, Mood, Place
from producers.simulator.session_events import LAST_CLICK, LAST_VIEW, Clock, Session
from producers.simulator.shop import CATEGORIES, CATEGORY_KINDS, Calendar, Product, Shop, referrers

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
"""When the simulation ends unless told otherwise: a fixed instant, so that any day gives the same records."""

CUTS = frozenset((1, 2, 3, 5, 8, 13, 21))
"""After so many events the simulator tells its own chance of a purchase."""

_CHUNK = 1_024
_AWAY_SPREAD = 0.8
_LANDING_ACTS: dict[int, Act] = {
    Place.HOME: Act.VIEW_HOME,
    Place.CATEGORY: Act.VIEW_CATEGORY,
    Place.RESULTS: Act.VIEW_RESULTS,
    Place.CART: Act.VIEW_CART,
    **dict.fromkeys(PRODUCTS, Act.VIEW_PRODUCT),
}


def simulate(
    seed: int = 7,
    sessions: int = 1_000,
    until: datetime = UNTIL,
    days: float = 14,
    dirty: float = 0.0,
    duplicates: float = 0.0,
    *,
    late: float = 0.0,
    buy_rate: float = 0.15,
    only: str | None = None,
    event_ids: bool = False,
    truth: Path | None = None,
) -> Iterator[Record]:
    """Yield the records of so many visits that begin within ``days`` before ``until``, in the order of event time.

    ``buy_rate`` is the share of buyers among the sessions that reach a third event; real shops see 0.04 to 0.15.
    ``dirty`` is the share of records that are broken or odd, ``duplicates`` the share that is sent twice,
    ``late`` the share that comes after later ones. ``only`` one stream gives what a full run gives for that topic.

    ``truth`` is a file for how likely a session is to buy, at each cut that it reaches before its first
    purchase: one JSON object a line, of what was before dirt. ``probability`` is the simulator's own, from all that
    is hidden: no model can rank better. ``from_events`` knows the shop's habits but of a visitor only what his
    events show, those of earlier visits included: the best a model can do. Both are chances in a visit that
    has no end: one that is cut at ``until`` may buy too late.
    Raises UsageError for arguments that make no sense.
    """
    if sessions < 0:
        raise UsageError(f"{sessions} sessions cannot be simulated.", "Take 0 or more.")
    if only is not None:
        event_named(only)
    shares = {"dirty": dirty, "duplicates": duplicates, "late": late, "buy rate": buy_rate}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise UsageError(f"The {name} {share:g} is no share.", "Take a number from 0 to 1.")
    seeds = np.random.SeedSequence([seed & (2**64 - 1), seed < 0])
    rngs = [np.random.Generator(np.random.PCG64(child)) for child in seeds.spawn(5)]
    visits = _Population(rngs, until, days, _behaviour(buy_rate), event_ids=event_ids)
    records = delay(corrupt(visits.records(sessions, truth), rngs[3], dirty, duplicates), rngs[4], late)
    return (record for record in records if record[0] == only) if only else records


_behaviour = lru_cache(maxsize=4)(Behaviour)


def _draws(rng: np.random.Generator) -> Iterator[int]:
    blocks: Iterator[list[int]] = iter(lambda: rng.integers(0, SLOTS, 65_536).tolist(), None)
    return chain.from_iterable(blocks)


class _Person:
    """Somebody who visits the shop: what he is like, and what is left of his last visit."""

    __slots__ = ("belief", "cart", "favourite", "history", "kind", "number", "style")

    def __init__(self, number: int, style: str, kind: int, favourite: int, belief: Floats | None) -> None:
        self.number, self.style, self.kind, self.favourite, self.belief = number, style, kind, favourite, belief
        self.history = "new"
        self.cart: list[Product] = []


class _Population:
    """The people who visit the shop, and the visit that is being written."""

    def __init__(
        self, rngs: list[np.random.Generator], until: datetime, days: float, behaviour: Behaviour, *, event_ids: bool
    ) -> None:
        self._shop, self._rng, self._draw = Shop(rngs[0]), rngs[1], _draws(rngs[2])
        self._calendar = Calendar(until, days)
        self._until = int(until.timestamp() * 1_000)
        self._behaviour, self._event_ids = behaviour, event_ids
        self._moods = {(s, h): behaviour.moods(s, h) for s in STYLES for h in HISTORIES}
        self._landings: dict[tuple[int, int], list[int]] = {
            (m, c): by_slot(landings(m, c)) for m in Mood for c in (0, 1)
        }
        self._referrers = {style: referrers(style) for style in STYLES}
        styles = list(STYLES)
        self._styles = [styles[n] for n in by_slot({n: STYLES[style][0] for n, style in enumerate(styles)})]
        self._returns = {style: round(returns * SLOTS) for style, (_, returns, _) in STYLES.items()}
        self._kinds = by_slot({k: DEVICES[device] * PATIENCES[patience] for k, (device, patience) in enumerate(KINDS)})
        self._away = {history: _away(days) for history, (days, _) in HISTORIES.items() if days}
        self._awaited: list[tuple[int, int, _Person]] = []
        self._users = 0
        self._clock = Clock()
        self._oracle: ForwardFilter | None = None

    def records(self, sessions: int, truth: Path | None) -> Iterator[Record]:
        """Write visit after visit, and hold back what is later than the beginning of the next."""
        with ExitStack() as stack:
            told = stack.enter_context(truth.open("w", encoding="utf-8")) if truth else None
            self._oracle = ForwardFilter(self._behaviour) if truth else None
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

    def _visitor(self, start: int) -> _Person:
        """Whoever is due to come back first, or somebody new."""
        if self._awaited and self._awaited[0][0] <= start:
            return heappop(self._awaited)[2]
        draw = self._draw
        self._users += 1
        style, kind, favourite = self._styles[next(draw)], self._kinds[next(draw)], next(draw) % len(CATEGORIES)
        return _Person(self._users, style, kind, favourite, self._oracle.at_first if self._oracle else None)

    def _visit(self, session: str, start: int, held: list[Record], told: TextIO | None) -> None:
        person, oracle = self._visitor(start), self._oracle
        draw, text, moves, until = self._draw, self._clock.text, self._behaviour.moves, self._until
        kind, referrer, cart = person.kind, self._referrers[person.style][next(draw)], len(person.cart)
        visit = Session(self._shop, draw, referrer, person.favourite, KINDS[kind][0], person.cart)
        view, click, interact = visit.view, visit.click, visit.interact
        mood = self._moods[person.style, person.history][next(draw)]
        place = self._landings[mood, min(cart, 1)][next(draw)]
        state, act = state_of(kind, mood, place, cart, CATEGORY_KINDS[person.favourite]), int(_LANDING_ACTS[place])
        head = visit.head = f'{{"user_id":"u{person.number:06d}","session_id":"{session}",'
        if oracle and person.belief is not None:
            oracle.start(person.belief, person.history, cart, referrer, place)
        key, t, count = session.encode(), start, 0
        while t < until:
            count += 1
            if self._event_ids:
                visit.head = f'{head}"event_id":"{session}-{count}",'
            if act <= LAST_VIEW:
                topic, value = "page_views", view(act, state, text(t))
            elif act <= LAST_CLICK:
                topic, value = "clicks", click(act, text(t))
            else:
                topic, value = "interactions", interact(act, state, text(t))
            held.append((topic, key, value.encode(), t * 1_000))
            if told and oracle and count in CUTS and not visit.bought:
                hidden, seen = self._behaviour.will_buy[state], oracle.predict(state)
                told.write(f'{head}"cut":{count},"probability":{hidden:.6f},"from_events":{seen:.6f}}}\n')
            before = state
            slots, might = moves[before]
            act, state, pauses = might[slots[next(draw)]]
            if not act:
                self._leave(person, visit, before, t)
                break
            pause = pauses[next(draw)] + next(draw)
            if oracle:
                oracle.update(kind, before, act, state, pause)
            t += pause

    def _leave(self, person: _Person, visit: Session, state: int, t: int) -> None:
        person.history = "bought" if visit.bought else "abandoned" if visit.cart else "came"
        person.favourite = visit.category
        if next(self._draw) < self._returns[person.style]:
            due = t + self._away[person.history][next(self._draw)]
            if due < self._until:
                person.belief = self._oracle.end(state) if self._oracle else None
                heappush(self._awaited, (due, person.number, person))


def _away(days: float) -> list[int]:
    """By slot: the milliseconds until somebody comes back; an hour at least, so that visits stay apart."""
    return [max(round(away * 86_400_000), 3_600_000) for away in lognormal(days, _AWAY_SPREAD)]
