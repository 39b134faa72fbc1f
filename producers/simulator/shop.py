"""Build the simulated shop: its pages as ready pieces of JSON, and when sessions begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from lakehouse.errors import UsageError
from producers.simulator.behaviour import SLOTS
from producers.simulator.parameters import Act, CategoryKind, Place

SITE = "https://shop.example"

CATEGORIES = {  # how it is bought, its typical price, and what users search for there
    "shoes": (CategoryKind.CONSIDERED, 90.0, "running shoes", "schuhe größe 42"),
    "jackets": (CategoryKind.CONSIDERED, 140.0, "rain jacket", "veste imperméable"),
    "phones": (CategoryKind.CONSIDERED, 520.0, "phone 256gb", "refurbished phone"),
    "headphones": (CategoryKind.CONSIDERED, 110.0, "noise cancelling", "kopfhörer"),
    "kitchen": (CategoryKind.QUICK, 60.0, "espresso maker", "cast iron pan"),
    "books": (CategoryKind.QUICK, 18.0, "detective story", "cookbook"),
    "garden": (CategoryKind.QUICK, 45.0, "tomato seeds", "garden hose"),
    "toys": (CategoryKind.QUICK, 30.0, "wooden train", "puzzle 1000"),
}
CATEGORY_KINDS = [kind for kind, *_ in CATEGORIES.values()]
"""By category: its kind; each kind has the same number of categories."""
CATEGORIES_OF_KIND = [
    [index for index, its_kind in enumerate(CATEGORY_KINDS) if its_kind is kind] for kind in CategoryKind
]

REFERRERS: tuple[tuple[str, float, dict[str, float]], ...] = (  # address, share, and what it brings more of
    ("null", 0.30, {"buyer": 1.8, "returning": 3.0, "bouncer": 0.3, "browser": 0.7}),
    ('"https://www.google.com/"', 0.30, {"comparer": 1.6, "returning": 0.5}),
    ('"https://www.bing.com/search?q=shop"', 0.06, {"comparer": 1.3, "returning": 0.5}),
    (
        '"https://newsletter.shop.example/weekly"',
        0.12,
        {"buyer": 2.4, "returning": 3.0, "bouncer": 0.1, "browser": 0.5},
    ),
    ('"https://www.instagram.com/"', 0.10, {"bouncer": 2.8, "comparer": 0.3, "buyer": 0.1, "returning": 0.1}),
    ('"https://ads.example/click?c=autumn"', 0.12, {"bouncer": 2.8, "comparer": 0.4, "buyer": 0.2, "returning": 0.1}),
)
_PRODUCTS_EACH = 60
_HOURS = (2, 1, 1, 1, 1, 2, 3, 5, 6, 7, 7, 7, 8, 8, 7, 7, 8, 9, 11, 13, 14, 12, 8, 4)
_WEEKDAYS = (1.0, 0.95, 0.95, 1.0, 1.05, 1.2, 1.35)


class Page(NamedTuple):
    """A page: its address as JSON, category and price as the fields of an event, and the price."""

    quoted: str
    about: str
    price: float = 0.0


class Product(NamedTuple):
    """A product: its page, and how it is written elsewhere."""

    page: Page
    name: str
    category: str


class Shop:
    """The pages of one shop; the same random numbers make the same shop."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.home = _plain("/")
        self.plain: dict[int, Page] = {
            Act.VIEW_HOME: self.home,
            Act.VIEW_CART: _plain("/cart"),
            Act.VIEW_CHECKOUT: _plain("/checkout"),
            Act.VIEW_CONFIRMATION: _plain("/order/confirmation"),
        }
        """By the act of viewing it: the pages of which there is one."""
        self.categories = [Page(f'"{SITE}/category/{c}"', f'"category":"{c}","price":null,') for c in CATEGORIES]
        self.queries = [query for _, _, *queries in CATEGORIES.values() for query in queries]
        self.results = [_plain(f"/search?q={query.replace(' ', '+')}") for query in self.queries]
        self.products: dict[tuple[int, int], list[Product]] = {}
        """By category and place (expensive, fair, bargain): the products."""
        for index, (category, (_, typical, *_)) in enumerate(CATEGORIES.items()):
            factors = np.sort(rng.lognormal(0.0, 0.45, _PRODUCTS_EACH))[::-1].tolist()
            made = [_product(category, 1_000 * (index + 1) + n, typical * f) for n, f in enumerate(factors)]
            third = _PRODUCTS_EACH // 3
            for place, first in ((Place.EXPENSIVE, 0), (Place.FAIR, third), (Place.BARGAIN, 2 * third)):
                self.products[index, place] = made[first : first + third]


def _plain(path: str) -> Page:
    return Page(f'"{SITE}{path}"', '"category":null,"price":null,')


def _product(category: str, number: int, price: float) -> Product:
    price = round(max(round(price) - 0.01, 0.99), 2)
    page = Page(f'"{SITE}/product/{category}/{number}"', f'"category":"{category}","price":{price},', price)
    return Product(page, str(number), category)


def referrers(style: str) -> list[str]:
    """By slot: where a user of a style comes from, as JSON."""
    weights = [share * more.get(style, 1.0) for _, share, more in REFERRERS]
    edges = np.cumsum(weights) / sum(weights)
    return [REFERRERS[int(index)][0] for index in np.searchsorted(edges, (np.arange(SLOTS) + 0.5) / SLOTS)]


class Calendar:
    """When sessions begin: more in the evening than at night, more at the weekend than on Tuesdays."""

    def __init__(self, until: datetime, days: float, last_hour: float = 0.0) -> None:
        if until.tzinfo is None:
            raise UsageError("The end of the simulation has no time zone.", "Write it as 2026-11-01T00:00:00Z.")
        if not 0 < days <= 3_660:  # noqa: PLR2004  ten years
            raise UsageError(f"{days:g} days cannot be simulated.", "Take more than 0 and at most 3660.")
        begin, busy_from = until - timedelta(days=days), until - timedelta(hours=1 if last_hour else 0)
        if begin < datetime(2000, 1, 2, tzinfo=UTC):
            raise UsageError("The simulation would begin before the year 2000.", "Take a later end or fewer days.")
        steps = max(int(days * 24), 1)
        hours = [begin + (busy_from - begin) * step / steps for step in range(steps + 1)]
        weights = [_HOURS[at.astimezone(UTC).hour] * _WEEKDAYS[at.astimezone(UTC).weekday()] for at in hours[:-1]]
        shares = np.concatenate(([0.0], np.cumsum(weights) / sum(weights))) * (1 - last_hour)
        self._shares = np.concatenate((shares, [1.0])) if last_hour else shares
        self._at = np.array([at.timestamp() * 1_000 for at in (*hours, *([until] if last_hour else []))])
        self._last = int(until.timestamp() * 1_000) - 1

    def starts(self, rng: np.random.Generator, first: int, count: int, of: int) -> list[int]:
        """When the sessions from ``first`` on begin, of so many in all: ascending milliseconds since 1970."""
        shares = (first + np.sort(rng.random(count)) * count) / of
        at: list[int] = np.minimum(np.interp(shares, self._shares, self._at).astype(np.int64), self._last).tolist()
        return at
