"""Set the simulator's parameters: what users do where, how fast, and what changes their mood.

The shares are of the size that shops report; none is copied from one shop's data.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

MAX_CART = 3

CATEGORY_SWITCH_RATE = 0.12
"""How often a user switches to a random category when opening a product or category, or searching."""


class Mood(IntEnum):
    """How close a user is to buying; hidden, and changed by what they see and do."""

    IDLE = 0
    CURIOUS = 1
    COMPARING = 2
    KEEN = 3


class Place(IntEnum):
    """Where a user is, or which act is not complete yet."""

    HOME = 0
    CATEGORY = 1
    TYPED = 2  # a search is typed, its results not shown yet
    RESULTS = 3
    EXPENSIVE = 4  # a product that costs much for its category
    FAIR = 5
    BARGAIN = 6
    ADDING = 7  # the button was clicked, the cart not changed yet
    ADDED = 8
    CART = 9
    CHECKOUT = 10
    BOUGHT = 11
    CONFIRMED = 12


class CategoryKind(IntEnum):
    """How products of a category are bought."""

    QUICK = 0  # little money, soon decided
    CONSIDERED = 1


class Device(IntEnum):
    """A user's device; the positions of clicks show it, and a phone never hovers."""

    DESKTOP = 0
    PHONE = 1


class Patience(IntEnum):
    """How soon a user gives up, and how fast they are; hidden."""

    HASTY = 0
    PATIENT = 1


class Act(IntEnum):
    """What a user does next; all but LEAVE are one event."""

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


Chances: TypeAlias = tuple[float, float, float, float]
"""One for each mood: idle, curious, comparing, keen."""

PRODUCTS = {Place.EXPENSIVE: 0.30, Place.FAIR: 0.45, Place.BARGAIN: 0.25}
"""How expensive the next product is for its category, in shares."""

OFFERS: dict[Place, dict[Act, Chances]] = {
    Place.HOME: {
        Act.LEAVE: (0.48, 0.16, 0.10, 0.06),
        Act.SCROLL: (0.22, 0.15, 0.06, 0.02),
        Act.VIEW_CATEGORY: (0.23, 0.42, 0.34, 0.10),
        Act.SEARCH: (0.04, 0.12, 0.34, 0.55),
        Act.VIEW_PRODUCT: (0.03, 0.15, 0.14, 0.22),
        Act.VIEW_CART: (0.05, 0.10, 0.20, 0.50),
    },
    Place.CATEGORY: {
        Act.LEAVE: (0.38, 0.14, 0.08, 0.05),
        Act.SCROLL: (0.24, 0.20, 0.12, 0.05),
        Act.CLICK_FILTER: (0.01, 0.03, 0.22, 0.22),
        Act.VIEW_PRODUCT: (0.26, 0.44, 0.50, 0.60),
        Act.VIEW_CATEGORY: (0.10, 0.14, 0.05, 0.02),
        Act.SEARCH: (0.01, 0.04, 0.06, 0.08),
        Act.VIEW_CART: (0.02, 0.05, 0.10, 0.30),
    },
    Place.TYPED: {Act.VIEW_RESULTS: (0.95, 0.96, 0.97, 0.98), Act.LEAVE: (0.05, 0.04, 0.03, 0.02)},
    Place.RESULTS: {
        Act.LEAVE: (0.32, 0.14, 0.08, 0.05),
        Act.SCROLL: (0.20, 0.16, 0.10, 0.04),
        Act.VIEW_PRODUCT: (0.40, 0.58, 0.66, 0.78),
        Act.SEARCH: (0.08, 0.13, 0.16, 0.13),
    },
    Place.FAIR: {
        Act.LEAVE: (0.44, 0.18, 0.09, 0.04),
        Act.SCROLL: (0.28, 0.22, 0.06, 0.02),
        Act.HOVER: (0.12, 0.14, 0.06, 0.02),
        Act.ZOOM: (0.01, 0.06, 0.10, 0.13),
        Act.CLICK_IMAGE: (0.01, 0.02, 0.14, 0.14),
        Act.CLICK_REVIEWS: (0.005, 0.02, 0.18, 0.12),
        Act.CLICK_SIZE: (0.002, 0.010, 0.12, 0.30),
        Act.CLICK_ADD: (0.001, 0.010, 0.050, 0.300),
        Act.BUY: (0.0001, 0.0005, 0.002, 0.008),
        Act.ADD_TO_WISHLIST: (0.010, 0.030, 0.020, 0.004),
        Act.SHARE: (0.010, 0.015, 0.005, 0.001),
        Act.VIDEO_PLAY: (0.03, 0.04, 0.03, 0.01),
        Act.VIEW_PRODUCT: (0.06, 0.22, 0.24, 0.08),
        Act.VIEW_CATEGORY: (0.09, 0.15, 0.11, 0.03),
        Act.VIEW_CART: (0.01, 0.03, 0.06, 0.16),
    },
    Place.ADDING: {Act.ADD_TO_CART: (0.97, 0.97, 0.97, 0.97), Act.SCROLL: (0.03, 0.03, 0.03, 0.03)},
    Place.ADDED: {
        Act.VIEW_CART: (0.15, 0.20, 0.35, 0.65),
        Act.VIEW_PRODUCT: (0.20, 0.37, 0.38, 0.22),
        Act.VIEW_CATEGORY: (0.20, 0.20, 0.18, 0.09),
        Act.LEAVE: (0.40, 0.24, 0.18, 0.10),
        Act.SCROLL: (0.05, 0.05, 0.05, 0.08),
    },
    Place.CART: {
        Act.REMOVE_FROM_CART: (0.15, 0.13, 0.10, 0.04),
        Act.VIEW_CHECKOUT: (0.03, 0.10, 0.30, 0.65),
        Act.VIEW_PRODUCT: (0.10, 0.20, 0.22, 0.09),
        Act.HOVER: (0.10, 0.12, 0.12, 0.05),
        Act.LEAVE: (0.55, 0.40, 0.32, 0.18),
        Act.SCROLL: (0.07, 0.13, 0.15, 0.10),
    },
    Place.CHECKOUT: {
        Act.CLICK_FIELD: (0.20, 0.40, 0.52, 0.62),
        Act.HOVER: (0.15, 0.10, 0.06, 0.03),
        Act.BUY: (0.06, 0.18, 0.26, 0.30),
        Act.VIEW_CART: (0.14, 0.08, 0.04, 0.01),
        Act.LEAVE: (0.45, 0.24, 0.12, 0.04),
    },
    Place.BOUGHT: {Act.VIEW_CONFIRMATION: (0.88, 0.88, 0.88, 0.88), Act.LEAVE: (0.12, 0.12, 0.12, 0.12)},
    Place.CONFIRMED: {
        Act.LEAVE: (0.80, 0.80, 0.80, 0.80),
        Act.SCROLL: (0.10, 0.10, 0.10, 0.10),
        Act.VIEW_HOME: (0.10, 0.10, 0.10, 0.10),
    },
}
"""How likely each act is at each place, in each mood."""
OFFERS[Place.EXPENSIVE] = OFFERS[Place.BARGAIN] = OFFERS[Place.FAIR]

BY_PLACE: dict[Place, dict[Act, float]] = {
    Place.EXPENSIVE: {Act.LEAVE: 1.25, Act.CLICK_ADD: 0.6, Act.BUY: 0.6},
    Place.BARGAIN: {Act.LEAVE: 0.8, Act.CLICK_ADD: 1.5, Act.BUY: 1.5},
}
BY_CATEGORY_KIND = {
    CategoryKind.QUICK: {Act.CLICK_ADD: 1.35, Act.BUY: 1.25},
    CategoryKind.CONSIDERED: {Act.CLICK_ADD: 0.8, Act.BUY: 0.8},
}
BY_DEVICE = {
    Device.DESKTOP: {Act.VIEW_CHECKOUT: 1.1, Act.BUY: 1.1},
    Device.PHONE: {Act.VIEW_CHECKOUT: 0.85, Act.BUY: 0.85, Act.HOVER: 0.0, Act.ZOOM: 1.6, Act.SCROLL: 1.3},
}
BY_PATIENCE = {Patience.HASTY: {Act.LEAVE: 1.25}, Patience.PATIENT: {Act.LEAVE: 0.85}}
"""How price, category, device and patience change what is likely."""

MOOD_ON_SEEING: dict[Place, tuple[float, float]] = {
    Place.EXPENSIVE: (0.01, 0.12),
    Place.FAIR: (0.03, 0.03),
    Place.BARGAIN: (0.14, 0.01),
    Place.CATEGORY: (0.01, 0.02),
    Place.RESULTS: (0.02, 0.02),
}
"""The chance that a place just reached lifts the mood by one, and that it lowers it."""

MOOD_ON_DOING: dict[Act, tuple[float, float]] = {
    Act.CLICK_FILTER: (0.25, 0.00),
    Act.CLICK_IMAGE: (0.30, 0.00),
    Act.CLICK_REVIEWS: (0.35, 0.00),
    Act.CLICK_SIZE: (0.45, 0.00),
    Act.ADD_TO_CART: (0.75, 0.02),
    Act.VIEW_CHECKOUT: (0.60, 0.02),
    Act.HOVER: (0.00, 0.12),
    Act.SCROLL: (0.00, 0.18),
    Act.REMOVE_FROM_CART: (0.00, 0.50),
    Act.ADD_TO_WISHLIST: (0.00, 0.30),
    Act.SHARE: (0.00, 0.15),
}
"""The same for what a user does: it raises or lowers the mood."""

LEADS_TO = {
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

SECONDS: Chances = (4.0, 11.0, 20.0, 7.0)
"""The median before an act."""
SLOWER: dict[int, float] = {
    Act.CLICK_FIELD: 1.8,
    Act.BUY: 1.6,
    Act.VIEW_CHECKOUT: 1.5,
    Act.ADD_TO_CART: 0.05,
    Act.VIEW_RESULTS: 0.2,
}
PACE = {Patience.HASTY: 0.75, Patience.PATIENT: 1.3}
SPREAD = 0.85
LONGEST_SECONDS = 900.0

STYLES: dict[str, tuple[float, float, Chances]] = {
    "bouncer": (0.26, 0.08, (0.90, 0.09, 0.01, 0.00)),
    "browser": (0.34, 0.35, (0.36, 0.60, 0.04, 0.00)),
    "comparer": (0.20, 0.60, (0.10, 0.50, 0.40, 0.00)),
    "buyer": (0.12, 0.40, (0.02, 0.12, 0.78, 0.08)),
    "returning": (0.08, 0.80, (0.04, 0.22, 0.68, 0.06)),
}
"""The kinds of users: their share, the chance that another session follows, and the mood at the start of one."""

HISTORIES: dict[str, tuple[float, Chances]] = {
    "new": (0.0, (1.0, 1.0, 1.0, 1.0)),
    "came": (2.5, (0.5, 0.9, 1.8, 1.8)),
    "abandoned": (1.0, (0.3, 0.6, 1.8, 2.0)),
    "bought": (5.0, (1.6, 1.2, 0.5, 0.2)),
}
"""How the session before ended: the median of days until the next, and how it changes the mood."""

DEVICES = {Device.DESKTOP: 0.45, Device.PHONE: 0.55}
PATIENCES = {Patience.HASTY: 0.5, Patience.PATIENT: 0.5}

LANDINGS: dict[Place, Chances] = {
    Place.HOME: (0.50, 0.44, 0.07, 0.06),
    Place.CATEGORY: (0.34, 0.38, 0.07, 0.04),
    Place.EXPENSIVE: (0.06, 0.05, 0.12, 0.08),
    Place.FAIR: (0.06, 0.06, 0.22, 0.25),
    Place.BARGAIN: (0.02, 0.03, 0.14, 0.22),
    Place.RESULTS: (0.02, 0.04, 0.38, 0.35),
}
"""Where sessions begin, by the mood at their start."""

LANDS_IN_CART: Chances = (0.30, 0.40, 0.75, 0.90)
"""How often a session begins in the cart, if something was left there."""
