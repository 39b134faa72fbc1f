"""Simulate sessions of a shop's users as records for Kafka, the same for the same seed and arguments."""

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
"""When the simulation ends by default: a fixed instant, so that every day gives the same records."""

CUTS = frozenset((1, 2, 3, 5, 8, 13, 21))
"""After so many events the simulator writes its own probability of a purchase."""

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
    last_hour: float = 0.0,
    truth: Path | None = None,
) -> Iterator[Record]:
    """Yield the records of so many sessions that begin within ``days`` before ``until``, in the order of event time.

    ``buy_rate`` is the share of buyers among the sessions that reach a third event; real shops see 0.04 to 0.15.
    ``dirty`` is the share of records that are invalid or unusual, ``duplicates`` the share that is sent twice,
    ``late`` the share that comes after later ones. ``last_hour`` is the share of the sessions that begin within the
    hour before ``until``, evenly; else it is as busy as its time of day. ``only`` one stream gives what a full run
    gives for that topic.

    ``truth`` is a file for the probability of a purchase, at each cutoff that a session reaches before its first
    purchase: one JSON object a line, without regard to ``dirty``. ``probability`` is the simulator's own and knows the
    hidden state: no model can rank better. ``from_events`` knows the simulator's parameters and the user's events,
    also those of earlier sessions: the best that a model can do. Both assume that the session goes on after ``until``.
    Raises UsageError for arguments that make no sense.
    """
    if sessions < 0:
        raise UsageError(f"{sessions} sessions cannot be simulated.", "Take 0 or more.")
    if only is not None:
        event_named(only)
    shares = {"dirty": dirty, "duplicates": duplicates, "late": late, "buy rate": buy_rate, "last hour": last_hour}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise UsageError(f"The {name} {share:g} is no share.", "Take a number from 0 to 1.")
    seeds = np.random.SeedSequence([seed & (2**64 - 1), seed < 0])
    rngs = [np.random.Generator(np.random.PCG64(child)) for child in seeds.spawn(5)]
    population = _Population(rngs, Calendar(until, days, last_hour), until, _behaviour(buy_rate), event_ids=event_ids)
    records = delay(corrupt(population.records(sessions, truth), rngs[3], dirty, duplicates), rngs[4], late)
    return (record for record in records if record[0] == only) if only else records


_behaviour = lru_cache(maxsize=4)(Behaviour)


def _draws(rng: np.random.Generator) -> Iterator[int]:
    blocks: Iterator[list[int]] = iter(lambda: rng.integers(0, SLOTS, 65_536).tolist(), None)
    return chain.from_iterable(blocks)


class _User:
    """A user: their hidden traits, and what their last session left."""

    __slots__ = ("belief", "cart", "favourite", "history", "kind", "number", "style")

    def __init__(self, number: int, style: str, kind: int, favourite: int, belief: Floats | None) -> None:
        self.number, self.style, self.kind, self.favourite, self.belief = number, style, kind, favourite, belief
        self.history = "new"
        self.cart: list[Product] = []


class _Population:
    """The users of the shop, and the session that is being written."""

    def __init__(
        self,
        rngs: list[np.random.Generator],
        calendar: Calendar,
        until: datetime,
        behaviour: Behaviour,
        *,
        event_ids: bool,
    ) -> None:
        self._shop, self._rng, self._draw = Shop(rngs[0]), rngs[1], _draws(rngs[2])
        self._calendar = calendar
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
        self._awaited: list[tuple[int, int, _User]] = []
        self._users = 0
        self._clock = Clock()
        self._oracle: ForwardFilter | None = None

    def records(self, sessions: int, truth: Path | None) -> Iterator[Record]:
        """Write session after session, and hold back the records that are later than the start of the next."""
        with ExitStack() as stack:
            truth_file = stack.enter_context(truth.open("w", encoding="utf-8")) if truth else None
            self._oracle = ForwardFilter(self._behaviour) if truth else None
            held: list[Record] = []
            for first in range(0, sessions, _CHUNK):
                starts = self._calendar.starts(self._rng, first, min(_CHUNK, sessions - first), sessions)
                held.sort(key=itemgetter(3))
                ready = bisect_left(held, starts[0] * 1_000, key=itemgetter(3))
                yield from held[:ready]
                held = held[ready:]
                for number, start in enumerate(starts, first):
                    self._write_session(f"s{number:08d}", start, held, truth_file)
            held.sort(key=itemgetter(3))
            yield from held

    def _next_user(self, start: int) -> _User:
        """The user who is due to return first, or a new one."""
        if self._awaited and self._awaited[0][0] <= start:
            return heappop(self._awaited)[2]
        draw = self._draw
        self._users += 1
        style, kind, favourite = self._styles[next(draw)], self._kinds[next(draw)], next(draw) % len(CATEGORIES)
        return _User(self._users, style, kind, favourite, self._oracle.at_first if self._oracle else None)

    def _write_session(self, session_id: str, start: int, held: list[Record], truth_file: TextIO | None) -> None:
        user, oracle = self._next_user(start), self._oracle
        draw, text, moves, until = self._draw, self._clock.text, self._behaviour.moves, self._until
        kind, referrer, cart = user.kind, self._referrers[user.style][next(draw)], len(user.cart)
        session = Session(self._shop, draw, referrer, user.favourite, KINDS[kind][0], user.cart)
        view, click, interact = session.view, session.click, session.interact
        mood = self._moods[user.style, user.history][next(draw)]
        place = self._landings[mood, min(cart, 1)][next(draw)]
        state, act = state_of(kind, mood, place, cart, CATEGORY_KINDS[user.favourite]), int(_LANDING_ACTS[place])
        head = session.head = f'{{"user_id":"u{user.number:06d}","session_id":"{session_id}",'
        if oracle and user.belief is not None:
            oracle.start(user.belief, user.history, cart, referrer, place)
        key, t, count = session_id.encode(), start, 0
        while t < until:
            count += 1
            if self._event_ids:
                session.head = f'{head}"event_id":"{session_id}-{count}",'
            if act <= LAST_VIEW:
                topic, value = "page_views", view(act, state, text(t))
            elif act <= LAST_CLICK:
                topic, value = "clicks", click(act, text(t))
            else:
                topic, value = "interactions", interact(act, state, text(t))
            held.append((topic, key, value.encode(), t * 1_000))
            if truth_file and oracle and count in CUTS and not session.bought:
                hidden, seen = self._behaviour.will_buy[state], oracle.predict(state)
                truth_file.write(f'{head}"cut":{count},"probability":{hidden:.6f},"from_events":{seen:.6f}}}\n')
            before = state
            slots, might = moves[before]
            act, state, pauses = might[slots[next(draw)]]
            if not act:
                self._leave(user, session, before, t)
                break
            pause = pauses[next(draw)] + next(draw)
            if oracle:
                oracle.update(kind, before, act, state, pause)
            t += pause

    def _leave(self, user: _User, session: Session, state: int, t: int) -> None:
        user.history = "bought" if session.bought else "abandoned" if session.cart else "came"
        user.favourite = session.category
        if next(self._draw) < self._returns[user.style]:
            due = t + self._away[user.history][next(self._draw)]
            if due < self._until:
                user.belief = self._oracle.end(state) if self._oracle else None
                heappush(self._awaited, (due, user.number, user))


def _away(days: float) -> list[int]:
    """By slot: the milliseconds until a user returns; at least an hour, so that sessions stay apart."""
    return [max(round(away * 86_400_000), 3_600_000) for away in lognormal(days, _AWAY_SPREAD)]
