"""Model how simulated users behave: a Markov chain over hidden state (mood, patience) and observed state.

A user's mood is never sent; it shows only in what they do and how fast. The state decides the next step
alone, so the probability that a session ends in a purchase is known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from statistics import NormalDist
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import UsageError
from producers.simulator.parameters import (
    BY_CATEGORY_KIND,
    BY_DEVICE,
    BY_PATIENCE,
    BY_PLACE,
    CATEGORY_SWITCH_RATE,
    DEVICES,
    HISTORIES,
    LANDINGS,
    LANDS_IN_CART,
    LEADS_TO,
    LONGEST_SECONDS,
    MAX_CART,
    MOOD_ON_DOING,
    MOOD_ON_SEEING,
    OFFERS,
    PACE,
    PATIENCES,
    PRODUCTS,
    SECONDS,
    SLOWER,
    SPREAD,
    STYLES,
    Act,
    CategoryKind,
    Device,
    Mood,
    Patience,
    Place,
)

SLOTS = 1_024
"""A draw is one integer below this; chances are rounded to so many parts."""

Floats: TypeAlias = NDArray[np.float64]
Move: TypeAlias = tuple[int, int, list[int]]
"""What is done, the state after it, and the milliseconds that pass before it, one per slot."""

_MOODS, _PLACES, _CARTS, _CATEGORY_KINDS = len(Mood), len(Place), MAX_CART + 1, len(CategoryKind)

KINDS = tuple((device, patience) for device in Device for patience in Patience)
"""What a user never changes."""

SEEN = _PLACES * _CARTS * _CATEGORY_KINDS
"""How many states look different: a state is a kind, a mood, and what is observed (place, cart, kind of category)."""

STATES = len(KINDS) * _MOODS * SEEN

_EACH = _MOODS * SEEN
_TUNINGS, _MOST_EAGER = 4, 8.0
_IN_TIME = 0.8
"""The share of returning users who return within the simulated days; close enough for two weeks or more."""
_SWITCHES = CATEGORY_SWITCH_RATE / _CATEGORY_KINDS


class Past(NamedTuple):
    """What an earlier session ended with, and how much it left in the cart."""

    history: str
    cart: int


PASTS = (Past("new", 0), Past("came", 0), Past("bought", 0), *(Past("abandoned", n + 1) for n in range(MAX_CART)))


class _Seen(NamedTuple):
    place: Place
    cart: int
    category_kind: CategoryKind


class _Step(NamedTuple):
    state: int
    act: Act
    after: int
    weight: float


def state_of(kind: int, mood: int, place: int, cart: int, category_kind: int) -> int:
    """Give a state its number."""
    return (((kind * _MOODS + mood) * _PLACES + place) * _CARTS + cart) * _CATEGORY_KINDS + category_kind


def place_of(state: int) -> int:
    """The place of a state."""
    return state % SEEN // (_CARTS * _CATEGORY_KINDS)


def apportion(chances: Iterable[float]) -> list[int]:
    """Share out the slots in proportion, none lost: the largest remainders get what rounding down left over."""
    weights = list(chances)
    exact = [chance / sum(weights) * SLOTS for chance in weights]
    slots = [math.floor(share) for share in exact]
    for index in sorted(range(len(exact)), key=lambda i: slots[i] - exact[i])[: SLOTS - sum(slots)]:
        slots[index] += 1
    return slots


def by_slot(chances: Mapping[int, float]) -> list[int]:
    """Give each slot one of the outcomes, as many slots as its share is worth."""
    slots = apportion(chances.values())
    return [outcome for outcome, many in zip(chances, slots, strict=True) for _ in range(many)]


def landings(mood: int, cart: int) -> dict[int, float]:
    """Where a session begins, in shares."""
    straight = LANDS_IN_CART[mood] if cart else 0.0
    elsewhere = sum(chances[mood] for chances in LANDINGS.values())
    ways: dict[int, float] = {place: (1 - straight) * c[mood] / elsewhere for place, c in LANDINGS.items()}
    return {**ways, Place.CART: straight} if cart else ways


class Behaviour:
    """The chain, tuned so that ``buy_rate`` of the sessions that reach a third event end in a purchase."""

    def __init__(self, buy_rate: float) -> None:
        steps = _steps()  # by state, ascending
        self._states = np.array([step.state for step in steps])
        self._acts = np.array([int(step.act) for step in steps])
        self._after = np.array([step.after for step in steps])  # -1 for having left
        self._base = np.array([step.weight for step in steps])
        self._ends = np.zeros((STATES, _CARTS + 1))
        self._tune(buy_rate)
        if abs(self._rate - buy_rate) > 0.1 * buy_rate + 0.005:
            raise UsageError(f"Simulated shoppers cannot buy in {buy_rate:.0%} of their sessions.", "Try 0.01 to 0.5.")
        slots = _apportioned(self._states, self._chances)
        self._solve(slots / SLOTS, 1e-12)
        self.will_buy: list[float] = self._ends[:, -1].tolist()
        """By state: the chance that the session's first purchase is still to come, if there was none yet."""
        self.moves = self._moves(slots)
        """By state: which move each slot stands for, in a byte, and the moves; small enough for a processor's cache."""

    def moods(self, style: str, history: str) -> list[int]:
        """By slot: the mood at the start of such a user's session."""
        mix = zip(Mood, STYLES[style][2], HISTORIES[history][1], strict=True)
        return by_slot({mood: share * change * math.exp(self._eagerness * mood / 6) for mood, share, change in mix})

    def _tune(self, buy_rate: float) -> None:
        """Find the eagerness of users by the secant method."""
        self._try(0.0)
        slope = 0.9
        for _ in range(_TUNINGS if 0 < buy_rate < 1 else 0):
            before, came_to = self._eagerness, _log_odds(self._rate)
            eagerness = before + (_log_odds(buy_rate) - came_to) / slope
            # To three digits, so that no machine's last bit of arithmetic changes what its users do.
            self._try(round(min(max(eagerness, -_MOST_EAGER), _MOST_EAGER), 3))
            if self._eagerness != before:
                slope = max((_log_odds(self._rate) - came_to) / (self._eagerness - before), 0.1)

    def _try(self, eagerness: float) -> None:
        self._eagerness = eagerness
        eager = np.zeros(len(Act))
        eager[Act.BUY], eager[Act.CLICK_ADD] = eagerness, eagerness / 2
        weights = self._base * np.exp(eager[self._acts])
        self._chances = weights / np.bincount(self._states, weights, STATES)[self._states]
        self._solve(self._chances, 1e-6)
        self._rate = self._bought()

    def _solve(self, chances: Floats, precision: float) -> None:
        """Compute what each state ends in (a purchase, or a cart that is left), by iteration until it converges."""
        buys, leaves = self._acts == Act.BUY, self._acts == Act.LEAVE
        ends = np.zeros_like(self._ends)
        np.add.at(ends, (self._states[buys], -1), chances[buys])
        np.add.at(ends, (self._states[leaves], self._states[leaves] // _CATEGORY_KINDS % _CARTS), chances[leaves])
        # Where -1 follows, nothing goes: any state may stand there.
        self._goes = np.where(buys | leaves, 0.0, chances)
        self._buys = ends[:, -1]
        first = np.searchsorted(self._states, np.arange(STATES))
        change = 1.0
        while change > precision:
            now = ends + np.add.reduceat(self._goes[:, None] * self._ends[self._after], first)
            change = float(np.abs(now - self._ends).max())
            self._ends = now

    def _bought(self) -> float:
        """The share of buyers, over every user's first session and those that follow."""
        begins = np.zeros((len(KINDS), _EACH))
        shares = [DEVICES[device] * PATIENCES[patience] for device, patience in KINDS]
        ends = self._ends.reshape(len(KINDS), _EACH, -1)
        for style, (often, returns, _) in STYLES.items():
            start = np.array([self._start(style, past) for past in PASTS])
            for kind, share in enumerate(shares):
                ended = start @ ends[kind]
                follows = np.column_stack((np.zeros(len(PASTS)), ended[:, 0], ended[:, -1], ended[:, 1:-1]))
                first = np.eye(len(PASTS))[0] * often * share
                begins[kind] += np.linalg.solve(np.eye(len(PASTS)) - follows.T * returns * _IN_TIME, first) @ start
        landed = begins.ravel()
        second = self._pass_on(landed)
        third = self._pass_on(second).sum() + (landed + second) @ self._buys
        return float(landed @ self._ends[:, -1] / third)

    def _pass_on(self, states: Floats) -> Floats:
        weights = states[self._states] * self._goes
        return np.bincount(np.maximum(self._after, 0), weights, STATES).astype(np.float64)

    def _start(self, style: str, past: Past) -> Floats:
        begins, moods = np.zeros(_EACH), self.moods(style, past.history)
        for mood in Mood:
            likely = moods.count(mood) / SLOTS / _CATEGORY_KINDS
            for place, share in landings(mood, past.cart).items():
                for category_kind in CategoryKind:
                    begins[state_of(0, mood, place, past.cart, category_kind)] = likely * share
        return begins

    def shares(self, state: int) -> Iterator[tuple[Move, int]]:
        """The moves that are possible in a state, and how many slots each has."""
        slots, moves = self.moves[state]
        return ((move, slots.count(index)) for index, move in enumerate(moves))

    def _moves(self, slots: NDArray[np.int64]) -> list[tuple[bytes, list[Move]]]:
        paces = {1.0, *SLOWER.values()}
        pace = {
            (mood, patience, slow): pauses(mood, patience, slow)
            for mood in Mood
            for patience in Patience
            for slow in paces
        }
        rows = [bytearray() for _ in range(STATES)]
        moves: list[list[Move]] = [[] for _ in range(STATES)]
        each = zip(self._states.tolist(), self._acts.tolist(), self._after.tolist(), slots.tolist(), strict=True)
        for state, act, after, many in each:
            mood, patience = state % _EACH // SEEN, KINDS[state // _EACH][1]
            rows[state] += bytes([len(moves[state])]) * many
            moves[state].append((act, after, pace[mood, patience, SLOWER.get(act, 1.0)]))
        return [(bytes(row), what) for row, what in zip(rows, moves, strict=True)]


def median_seconds(mood: int, patience: int, slow: float) -> float:
    """The median of seconds before an act that is so much slower than others."""
    return SECONDS[mood] * PACE[Patience(patience)] * slow


def lognormal(median: float, spread: float) -> list[float]:
    """By slot, ascending: a quantity of which half the values lie below the median, and few far above."""
    normal = NormalDist()
    return [median * math.exp(spread * normal.inv_cdf((slot + 0.5) / SLOTS)) for slot in range(SLOTS)]


def pauses(mood: int, patience: int, slow: float) -> list[int]:
    """By slot: the milliseconds before an act."""
    seconds = lognormal(median_seconds(mood, patience, slow), SPREAD)
    return [round(1_000 * min(pause, LONGEST_SECONDS)) for pause in seconds]


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _steps() -> list[_Step]:
    steps: list[_Step] = []
    everything_seen = [_Seen(p, c, a) for p in Place for c in range(_CARTS) for a in CategoryKind]
    for kind, (device, patience) in enumerate(KINDS):
        for mood in Mood:
            for seen in everything_seen:
                weights = (
                    BY_PLACE.get(seen.place, {}),
                    BY_CATEGORY_KIND[seen.category_kind],
                    BY_DEVICE[device],
                    BY_PATIENCE[patience],
                )
                state = state_of(kind, mood, *seen)
                for act, chances in OFFERS[seen.place].items():
                    weight = chances[mood] * math.prod(changes.get(act, 1.0) for changes in weights)
                    if weight and _possible(act, seen):
                        after = _after(act, mood, seen)
                        steps += [
                            _Step(state, act, at if at < 0 else at + kind * _EACH, weight * share)
                            for at, share in after.items()
                        ]
    return steps


def _possible(act: Act, seen: _Seen) -> bool:
    if act in (Act.REMOVE_FROM_CART, Act.VIEW_CART, Act.VIEW_CHECKOUT) or seen.place is Place.CHECKOUT:
        return seen.cart > 0 or act is Act.LEAVE
    return seen.cart < MAX_CART or act is not Act.CLICK_ADD


def _after(act: Act, mood: Mood, seen: _Seen) -> dict[int, float]:
    if act is Act.LEAVE:
        return {-1: 1.0}
    if act is Act.BUY:
        return {state_of(0, Mood.IDLE, Place.BOUGHT, 0, seen.category_kind): 1.0}
    cart = seen.cart + (act is Act.ADD_TO_CART) - (act is Act.REMOVE_FROM_CART)
    here = Place.FAIR if seen.place is Place.ADDING else seen.place
    places = PRODUCTS if act is Act.VIEW_PRODUCT else {LEADS_TO.get(act, here): 1.0}
    switches = _SWITCHES if act in (Act.VIEW_PRODUCT, Act.VIEW_CATEGORY, Act.SEARCH) else 0.0
    category_kinds = {
        category_kind: 1 - switches if category_kind is seen.category_kind else switches
        for category_kind in CategoryKind
    }
    after: dict[int, float] = {}
    for place, likely in places.items():
        moved = place is not seen.place or act is Act.VIEW_PRODUCT
        for new, share in _moods(mood, act, place if moved else None).items():
            for category_kind, stays in category_kinds.items():
                if stays:
                    state = state_of(0, new, place, cart, category_kind)
                    after[state] = after.get(state, 0.0) + likely * share * stays
    return after


def _moods(mood: Mood, act: Act, reached: Place | None) -> dict[int, float]:
    rise, fall = MOOD_ON_DOING.get(act) or (MOOD_ON_SEEING.get(reached, (0.0, 0.0)) if reached else (0.0, 0.0))
    moods: dict[int, float] = {}
    for shift, share in ((1, rise), (-1, fall), (0, 1 - rise - fall)):
        if share:
            new = min(max(mood + shift, Mood.IDLE), Mood.KEEN)
            moods[new] = moods.get(new, 0.0) + share
    return moods


def _apportioned(states: NDArray[np.int64], chances: Floats) -> NDArray[np.int64]:
    """Share out each state's slots as ``apportion`` does, all states at once."""
    exact = chances * SLOTS
    slots = np.floor(exact).astype(np.int64)
    order = np.lexsort((slots - exact, states))
    first = np.searchsorted(states[order], states[order])
    missing = SLOTS - np.bincount(states, slots, STATES).astype(np.int64)
    slots[order] += np.arange(len(order)) - first < missing[states[order]]
    return slots
