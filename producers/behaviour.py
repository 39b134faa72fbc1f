"""How simulated shoppers behave: a Markov chain over hidden mood, place and cart, one event a step.

A visitor's mood is never sent; it shows only in what he does and how fast. As everything that decides
the next step is in the state, the chance that a session ends in a purchase is known exactly.
"""

from __future__ import annotations

import math
from enum import IntEnum
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from lakehouse.errors import UsageError

SLOTS = 1_024
"""A draw is one integer below this; chances are rounded to so many parts."""

MAX_CART = 3


class Mood(IntEnum):
    """What a visitor is up to; hidden."""

    IDLE = 0
    CURIOUS = 1
    COMPARING = 2
    KEEN = 3


class Place(IntEnum):
    """Where a visitor is, or what he is in the middle of."""

    HOME = 0
    CATEGORY = 1
    TYPED = 2  # a search is typed, its results not shown yet
    RESULTS = 3
    DEAR = 4  # a product that costs much for its category
    FAIR = 5
    BARGAIN = 6
    ADDING = 7  # the button was clicked, the cart not changed yet
    ADDED = 8
    CART = 9
    CHECKOUT = 10
    BOUGHT = 11
    CONFIRMED = 12


class Act(IntEnum):
    """What a visitor does next; all but LEAVE are one event."""

    LEAVE = 0
    VIEW_HOME = 1
    VIEW_CATEGORY = 2
    VIEW_RESULTS = 3
    VIEW_PRODUCT = 4
    VIEW_CART = 5
    VIEW_CHECKOUT = 6
    VIEW_CONFIRMATION = 7
    CLICK_FILTER = 8
    CLICK_IMAGE = 9
    CLICK_REVIEWS = 10
    CLICK_SIZE = 11
    CLICK_ADD = 12
    CLICK_FIELD = 13
    BUY = 14
    SCROLL = 15
    HOVER = 16
    ZOOM = 17
    ADD_TO_CART = 18
    REMOVE_FROM_CART = 19
    ADD_TO_WISHLIST = 20
    SEARCH = 21
    SHARE = 22
    VIDEO_PLAY = 23


_Chances: TypeAlias = tuple[float, float, float, float]
Move: TypeAlias = tuple[int, int, list[int]]
"""What is done, the state after it, and the milliseconds that pass before it, one per slot."""

# How likely each act is at each place: idle, curious, comparing, keen.
_OFFERS: dict[Place, dict[Act, _Chances]] = {
    Place.HOME: {
        Act.LEAVE: (0.45, 0.15, 0.10, 0.08),
        Act.SCROLL: (0.20, 0.15, 0.08, 0.02),
        Act.VIEW_CATEGORY: (0.25, 0.40, 0.35, 0.12),
        Act.SEARCH: (0.06, 0.15, 0.30, 0.50),
        Act.VIEW_PRODUCT: (0.05, 0.15, 0.15, 0.27),
        Act.VIEW_CART: (0.00, 0.01, 0.03, 0.10),
    },
    Place.CATEGORY: {
        Act.LEAVE: (0.35, 0.12, 0.08, 0.06),
        Act.SCROLL: (0.20, 0.20, 0.15, 0.08),
        Act.CLICK_FILTER: (0.02, 0.05, 0.17, 0.17),
        Act.VIEW_PRODUCT: (0.30, 0.45, 0.50, 0.60),
        Act.VIEW_CATEGORY: (0.10, 0.12, 0.06, 0.03),
        Act.SEARCH: (0.02, 0.05, 0.06, 0.06),
        Act.VIEW_CART: (0.00, 0.02, 0.03, 0.10),
    },
    Place.TYPED: {Act.VIEW_RESULTS: (0.95, 0.96, 0.97, 0.98), Act.LEAVE: (0.05, 0.04, 0.03, 0.02)},
    Place.RESULTS: {
        Act.LEAVE: (0.30, 0.12, 0.08, 0.05),
        Act.SCROLL: (0.15, 0.15, 0.12, 0.06),
        Act.VIEW_PRODUCT: (0.45, 0.60, 0.65, 0.75),
        Act.SEARCH: (0.10, 0.13, 0.15, 0.14),
    },
    Place.FAIR: {
        Act.LEAVE: (0.40, 0.16, 0.10, 0.06),
        Act.SCROLL: (0.24, 0.18, 0.12, 0.04),
        Act.HOVER: (0.12, 0.14, 0.10, 0.05),
        Act.ZOOM: (0.02, 0.08, 0.10, 0.14),
        Act.CLICK_IMAGE: (0.04, 0.10, 0.08, 0.12),
        Act.CLICK_REVIEWS: (0.01, 0.04, 0.22, 0.12),
        Act.CLICK_SIZE: (0.005, 0.02, 0.05, 0.24),
        Act.CLICK_ADD: (0.005, 0.018, 0.040, 0.190),
        Act.BUY: (0.0002, 0.001, 0.002, 0.025),
        Act.ADD_TO_WISHLIST: (0.010, 0.030, 0.020, 0.005),
        Act.SHARE: (0.010, 0.015, 0.005, 0.001),
        Act.VIDEO_PLAY: (0.03, 0.04, 0.03, 0.01),
        Act.VIEW_PRODUCT: (0.08, 0.22, 0.24, 0.08),
        Act.VIEW_CATEGORY: (0.10, 0.15, 0.12, 0.04),
        Act.VIEW_CART: (0.00, 0.02, 0.03, 0.12),
    },
    Place.ADDING: {Act.ADD_TO_CART: (0.97, 0.97, 0.97, 0.97), Act.SCROLL: (0.03, 0.03, 0.03, 0.03)},
    Place.ADDED: {
        Act.VIEW_CART: (0.20, 0.25, 0.30, 0.50),
        Act.VIEW_PRODUCT: (0.20, 0.35, 0.35, 0.22),
        Act.VIEW_CATEGORY: (0.20, 0.20, 0.20, 0.12),
        Act.LEAVE: (0.35, 0.15, 0.10, 0.08),
        Act.SCROLL: (0.05, 0.05, 0.05, 0.08),
    },
    Place.CART: {
        Act.REMOVE_FROM_CART: (0.15, 0.12, 0.10, 0.05),
        Act.VIEW_CHECKOUT: (0.06, 0.15, 0.24, 0.66),
        Act.VIEW_PRODUCT: (0.10, 0.20, 0.20, 0.10),
        Act.LEAVE: (0.60, 0.35, 0.25, 0.12),
        Act.SCROLL: (0.07, 0.13, 0.15, 0.13),
    },
    Place.CHECKOUT: {
        Act.CLICK_FIELD: (0.20, 0.30, 0.30, 0.35),
        Act.HOVER: (0.15, 0.15, 0.15, 0.08),
        Act.BUY: (0.08, 0.20, 0.30, 0.64),
        Act.VIEW_CART: (0.20, 0.15, 0.10, 0.05),
        Act.LEAVE: (0.50, 0.25, 0.20, 0.10),
    },
    Place.BOUGHT: {Act.VIEW_CONFIRMATION: (0.88, 0.88, 0.88, 0.88), Act.LEAVE: (0.12, 0.12, 0.12, 0.12)},
    Place.CONFIRMED: {
        Act.LEAVE: (0.80, 0.80, 0.80, 0.80),
        Act.SCROLL: (0.10, 0.10, 0.10, 0.10),
        Act.VIEW_HOME: (0.10, 0.10, 0.10, 0.10),
    },
}
_OFFERS[Place.DEAR] = _OFFERS[Place.BARGAIN] = _OFFERS[Place.FAIR]
_BY_PRICE = {Place.DEAR: (1.3, 0.4), Place.FAIR: (1.0, 1.0), Place.BARGAIN: (0.8, 2.2)}  # leaving, buying
_NEXT_PRODUCT = {Place.DEAR: 0.30, Place.FAIR: 0.45, Place.BARGAIN: 0.25}
_MOOD_AT = {  # a rise by one, a fall by one
    Place.DEAR: (0.00, 0.15),
    Place.FAIR: (0.04, 0.05),
    Place.BARGAIN: (0.16, 0.01),
    Place.CATEGORY: (0.02, 0.04),
    Place.RESULTS: (0.03, 0.03),
}
_LEADS_TO = {
    Act.VIEW_HOME: Place.HOME,
    Act.VIEW_CATEGORY: Place.CATEGORY,
    Act.VIEW_RESULTS: Place.RESULTS,
    Act.VIEW_CART: Place.CART,
    Act.VIEW_CHECKOUT: Place.CHECKOUT,
    Act.VIEW_CONFIRMATION: Place.CONFIRMED,
    Act.CLICK_ADD: Place.ADDING,
    Act.ADD_TO_CART: Place.ADDED,
    Act.BUY: Place.BOUGHT,
    Act.SEARCH: Place.TYPED,
}
_SECONDS = (4.0, 11.0, 20.0, 7.0)  # the median before an act, by mood
_SLOWER = {Act.CLICK_FIELD: 1.8, Act.BUY: 1.6, Act.VIEW_CHECKOUT: 1.5, Act.ADD_TO_CART: 0.05, Act.VIEW_RESULTS: 0.2}
_LONGEST_SECONDS = 900.0

STYLES: dict[str, tuple[float, _Chances]] = {
    "bouncer": (0.25, (0.85, 0.13, 0.02, 0.00)),
    "browser": (0.38, (0.36, 0.54, 0.09, 0.01)),
    "comparer": (0.22, (0.10, 0.35, 0.45, 0.10)),
    "buyer": (0.15, (0.04, 0.12, 0.20, 0.64)),
}
"""What kinds of visitors there are: their share, and the mood that they come in."""

HISTORIES: dict[str, tuple[float, _Chances]] = {
    "new": (0.60, (1.0, 1.0, 1.0, 1.0)),
    "came": (0.26, (1.0, 1.0, 1.0, 1.0)),
    "abandoned": (0.08, (0.5, 0.8, 1.3, 2.5)),
    "bought": (0.06, (1.6, 1.0, 0.6, 0.4)),
}
"""What an earlier visit ended with: roughly how many sessions follow on it, and how it changes the mood."""

LANDINGS: dict[Place, float] = {Place.HOME: 0.35, Place.CATEGORY: 0.2, Place.FAIR: 0.35, Place.RESULTS: 0.1}
"""Where visits begin."""

LANDING_ACTS = {
    Place.HOME: Act.VIEW_HOME,
    Place.CATEGORY: Act.VIEW_CATEGORY,
    Place.FAIR: Act.VIEW_PRODUCT,
    Place.RESULTS: Act.VIEW_RESULTS,
}


def state_of(mood: int, place: int, cart: int) -> int:
    """Give a state its number."""
    return (mood * len(Place) + place) * (MAX_CART + 1) + cart


def place_of(state: int) -> int:
    """Where a visitor is in a state."""
    return state // (MAX_CART + 1) % len(Place)


_STATES = state_of(len(Mood) - 1, len(Place) - 1, MAX_CART) + 1


class Behaviour:
    """The chain, tuned so that ``buy_rate`` of the sessions that reach a third event end in a purchase."""

    STATES = _STATES

    def __init__(self, buy_rate: float) -> None:
        paces = {1.0, *_SLOWER.values()}
        self._pauses = {(mood, pace): _pauses(_SECONDS[mood] * pace) for mood in Mood for pace in paces}
        low, high = -6.0, 6.0
        for _ in range(12):
            self._build((low + high) / 2)
            low, high = ((low + high) / 2, high) if self._rate() < buy_rate else (low, (low + high) / 2)
        if abs(self._rate() - buy_rate) > 0.2 * buy_rate + 0.005:
            raise UsageError(f"Simulated shoppers cannot buy in {buy_rate:.0%} of their sessions.", "Try 0.01 to 0.5.")

    def _build(self, eagerness: float) -> None:
        self._eagerness = eagerness
        self._steps = np.zeros((_STATES, _STATES))
        self._buys = np.zeros(_STATES)
        self.moves: list[list[Move]] = []
        """By state and slot: what happens next."""
        for mood in Mood:
            for place in Place:
                for cart in range(MAX_CART + 1):
                    self._fill(mood, place, cart)
        self.will_buy: list[float] = np.linalg.solve(np.eye(_STATES) - self._steps, self._buys).tolist()
        """By state: the chance that the session's first purchase is still to come, if there was none yet."""

    def _fill(self, mood: Mood, place: Place, cart: int) -> None:
        state, row = state_of(mood, place, cart), []
        ends = _ends(mood, place, cart, self._eagerness)
        for (act, after), slots in zip(ends, _apportion(list(ends.values())), strict=True):
            row += [(int(act), after, self._pauses[mood, _SLOWER.get(act, 1.0)])] * slots
            if act is Act.BUY:
                self._buys[state] += slots / SLOTS
            elif act is not Act.LEAVE:
                self._steps[state, after] += slots / SLOTS
        self.moves.append(row)

    def starts(self, style: str, history: str) -> list[Mood]:
        """By slot: the mood that such a visitor comes in."""
        mix = zip(Mood, STYLES[style][1], HISTORIES[history][1], strict=True)
        chances = [share * change * math.exp(self._eagerness * mood / 6) for mood, share, change in mix]
        return [mood for mood, slots in zip(Mood, _apportion(chances), strict=True) for _ in range(slots)]

    def _rate(self) -> float:
        begin = np.zeros(_STATES)
        for style, (often, _) in STYLES.items():
            for history, (share, _) in HISTORIES.items():
                moods = self.starts(style, history)
                for mood in Mood:
                    for place, lands in LANDINGS.items():
                        begin[state_of(mood, place, 0)] += often * share * lands * moods.count(mood) / SLOTS
        third = (begin @ self._steps) @ self._steps
        early = begin @ self._buys + (begin @ self._steps) @ self._buys
        return float(begin @ np.array(self.will_buy) / (third.sum() + early))


def _ends(mood: Mood, place: Place, cart: int, eagerness: float) -> dict[tuple[Act, int], float]:
    leaving, buying = _BY_PRICE.get(place, (1.0, 1.0))
    change = {Act.LEAVE: leaving, Act.CLICK_ADD: buying, Act.BUY: buying * math.exp(eagerness)}
    ends: dict[tuple[Act, int], float] = {}
    for act, chances in _OFFERS[place].items():
        if _possible(act, place, cart) and (chance := chances[mood] * change.get(act, 1.0)):
            for after, share in _after(act, mood, place, cart).items():
                ends[act, after] = ends.get((act, after), 0.0) + chance * share
    return ends


def _possible(act: Act, place: Place, cart: int) -> bool:
    if act in (Act.REMOVE_FROM_CART, Act.VIEW_CART, Act.VIEW_CHECKOUT) or place is Place.CHECKOUT:
        return cart > 0 or act is Act.LEAVE
    return cart < MAX_CART or act is not Act.CLICK_ADD


def _after(act: Act, mood: Mood, place: Place, cart: int) -> dict[int, float]:
    if act is Act.LEAVE:
        return {-1: 1.0}
    if act is Act.BUY:
        return {state_of(Mood.IDLE, Place.BOUGHT, 0): 1.0}
    cart += (act is Act.ADD_TO_CART) - (act is Act.REMOVE_FROM_CART)
    here = Place.FAIR if place is Place.ADDING else place
    goes_to = dict(_NEXT_PRODUCT) if act is Act.VIEW_PRODUCT else {_LEADS_TO.get(act, here): 1.0}
    after: dict[int, float] = {}
    for there, share in goes_to.items():
        rise, fall = _MOOD_AT.get(there, (0.0, 0.0)) if there is not place or len(goes_to) > 1 else (0.0, 0.0)
        for shift, chance in ((1, rise), (-1, fall), (0, 1 - rise - fall)):
            state = state_of(min(max(mood + shift, Mood.IDLE), Mood.KEEN), there, cart)
            after[state] = after.get(state, 0.0) + share * chance
    return after


def _apportion(chances: list[float]) -> list[int]:
    """Share out the slots in proportion, none lost: the largest remainders get what rounding down left over."""
    exact = [chance / sum(chances) * SLOTS for chance in chances]
    slots = [math.floor(share) for share in exact]
    for index in sorted(range(len(exact)), key=lambda i: slots[i] - exact[i])[: SLOTS - sum(slots)]:
        slots[index] += 1
    return slots


def _pauses(median_seconds: float) -> list[int]:
    normal = NormalDist()
    spread = (math.exp(0.85 * normal.inv_cdf((slot + 0.5) / SLOTS)) for slot in range(SLOTS))
    return [round(1_000 * min(median_seconds * factor, _LONGEST_SECONDS)) for factor in spread]
