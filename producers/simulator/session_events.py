"""Write the acts of one simulated session as events, and keep what is on the screen and in the cart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from producers.simulator.behaviour import SLOTS, STATES, place_of
from producers.simulator.parameters import CATEGORY_SWITCH_RATE, Act, CategoryKind, Device, Place
from producers.simulator.shop import CATEGORIES_OF_KIND, CATEGORY_KINDS, Page, Product, Shop

_VIEW_CATEGORY, _VIEW_RESULTS, _VIEW_PRODUCT = int(Act.VIEW_CATEGORY), int(Act.VIEW_RESULTS), int(Act.VIEW_PRODUCT)
_BUY, _SEARCH, _ADD_TO_CART = int(Act.BUY), int(Act.SEARCH), int(Act.ADD_TO_CART)

LAST_VIEW, LAST_CLICK = int(Act.VIEW_CONFIRMATION), _BUY
"""Acts up to the first are page views, up to the second clicks, the rest interactions."""

_ELEMENTS: dict[int, tuple[str, int, int]] = {  # and where on the page it is
    Act.CLICK_FILTER: ("filter_price", 60, 220),
    Act.CLICK_IMAGE: ("img_main", 260, 300),
    Act.CLICK_REVIEWS: ("tab_reviews", 420, 900),
    Act.CLICK_SIZE: ("select_size", 880, 420),
    Act.CLICK_ADD: ("btn_add_to_cart", 900, 520),
    Act.CLICK_FIELD: ("field_address", 340, 480),
    Act.BUY: ("btn_buy", 910, 700),
}
_KINDS: dict[int, str] = {act: act.name.lower() for act in Act if act > LAST_CLICK}
_DETAILS: dict[int, list[str]] = {
    Act.SCROLL: [f'"depth={25 * quarter}"' for quarter in range(1, 5)],
    Act.HOVER: [f'"ms={250 * quarter}"' for quarter in range(1, 9)],
    Act.ZOOM: [f'"image={number}"' for number in range(1, 5)],
    Act.ADD_TO_WISHLIST: ["null"],
    Act.SHARE: ['"mail"', '"link"'],
    Act.VIDEO_PLAY: ['"seconds=15"', '"seconds=40"'],
}
_POPULAR = [min(int(20 * (slot / SLOTS) ** 1.7), 19) for slot in range(SLOTS)]
_WITHIN = round(CATEGORY_SWITCH_RATE / 2 / (1 - CATEGORY_SWITCH_RATE / 2) * SLOTS)
"""Slots of a switch within the same kind of category: as many as there are to the other kind."""
_CATEGORY_KINDS, _IN_EACH = len(CategoryKind), len(CATEGORY_KINDS) // len(CategoryKind)
_PLACES = [place_of(state) for state in range(STATES)]


class Session:
    """A session in progress; each method writes one event and changes what the user sees."""

    __slots__ = (
        "_draw",
        "_phone",
        "_product",
        "_query",
        "_referrer",
        "_shop",
        "bought",
        "cart",
        "category",
        "head",
        "page",
    )

    def __init__(
        self, shop: Shop, draw: Iterator[int], referrer: str, category: int, device: Device, cart: list[Product]
    ) -> None:
        self._shop, self._draw, self._referrer, self._phone = shop, draw, referrer, device is Device.PHONE
        self.category, self._query = category, 2 * category + next(draw) % 2
        self._product: Product = shop.products[category, Place.FAIR][0]
        self.page: Page = shop.home
        self.cart = cart
        self.bought = False
        self.head = ""
        """The fields that each event begins with."""

    def view(self, act: int, state: int, stamp: str) -> str:
        """Show a page."""
        draw, shop = self._draw, self._shop
        if act == _VIEW_PRODUCT:
            self._maybe_switch_category(state)
            self._product = shop.products[self.category, _PLACES[state]][_POPULAR[next(draw)]]
            page = self._product.page
        elif act == _VIEW_CATEGORY:
            self._maybe_switch_category(state)
            page = shop.categories[self.category]
        else:
            page = shop.results[self._query] if act == _VIEW_RESULTS else shop.plain[act]
        self.page, came_from, self._referrer = page, self._referrer, page.quoted
        return f'{self.head}"page_url":{page.quoted},"referrer_url":{came_from},{page.about}"timestamp":"{stamp}"}}'

    def click(self, act: int, stamp: str) -> str:
        """Click an element; the button to buy costs what is in the cart, or the product on the page."""
        element, x, y = _ELEMENTS[act]
        about = self.page.about
        if act == _BUY:
            about, self.bought = _paid(self.cart or [self._product]), True
            self.cart = []
        draw = self._draw
        x = x * 3 // 10 + (next(draw) & 63) if self._phone else x + (next(draw) & 127)
        return (
            f'{self.head}"element_id":"{element}","page_url":{self.page.quoted},{about}"timestamp":"{stamp}",'
            f'"x_coord":{x},"y_coord":{y + (next(draw) & 63)}}}'
        )

    def interact(self, act: int, state: int, stamp: str) -> str:
        """Do anything else."""
        about = self.page.about
        if options := _DETAILS.get(act):
            details = options[next(self._draw) % len(options)]
        elif act == _SEARCH:
            details = self._search(state)
        else:
            if act == _ADD_TO_CART:
                product = self._product
                self.cart.append(product)
            else:
                product = self.cart.pop()
                about = product.page.about
            details = f'{{"product":"{product.name}","qty":1,"cart":{len(self.cart)}}}'
        return (
            f'{self.head}"interaction_type":"{_KINDS[act]}","page_url":{self.page.quoted},{about}"details":{details},'
            f'"timestamp":"{stamp}"}}'
        )

    def _maybe_switch_category(self, state: int) -> None:
        category_kind = state % _CATEGORY_KINDS
        if category_kind != CATEGORY_KINDS[self.category] or next(self._draw) < _WITHIN:
            self.category = CATEGORIES_OF_KIND[category_kind][next(self._draw) % _IN_EACH]

    def _search(self, state: int) -> str:
        self._maybe_switch_category(state)
        self._query = 2 * self.category + next(self._draw) % 2
        return json.dumps(f"query={self._shop.queries[self._query]}", ensure_ascii=False)


def _paid(products: list[Product]) -> str:
    total = round(sum(product.page.price for product in products), 2)
    return f'"category":"{products[-1].category}","price":{total},'


class Clock:
    """Writes instants as text, from pieces that are few enough for a processor's cache."""

    _SECONDS = tuple(f"{second:02d}." for second in range(60))
    _THOUSANDTHS = tuple(f"{number:03d}Z" for number in range(1_000))
    _KEPT = 4_096

    def __init__(self) -> None:
        self._minutes: dict[int, str] = {}

    def text(self, milliseconds: int) -> str:
        """Write milliseconds since 1970 as 2026-11-01T00:00:00.000Z."""
        minute, rest = divmod(milliseconds, 60_000)
        second = rest // 1_000
        begin = self._minutes.get(minute) or self._minute(minute)
        return f"{begin}{self._SECONDS[second]}{self._THOUSANDTHS[rest - 1_000 * second]}"

    def _minute(self, minute: int) -> str:
        if len(self._minutes) > self._KEPT:
            self._minutes.clear()
        text = datetime.fromtimestamp(minute * 60, UTC).isoformat()[:17]
        return self._minutes.setdefault(minute, text)
