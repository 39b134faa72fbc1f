"""The sessions of the golden examples: few enough to check every figure by hand."""

from __future__ import annotations

from tests.support.gold_events import act, at, buy, click, view

GOOGLE = "https://www.google.com/search?q=shoes"
INSTAGRAM = "https://www.instagram.com/"
SHOES_1 = {"page": "/product/shoes/1", "category": "shoes", "price": 50.0}
SHOES_2 = {"page": "/product/shoes/2", "category": "shoes", "price": 100.0}

ANNA_BUYS = [
    view("anna/s1", at("10:00"), "/", referrer_url=GOOGLE),
    view("anna/s1", at("10:00:20"), **SHOES_1),
    act("anna/s1", at("10:00:30"), "hover", **SHOES_1),
    act("anna/s1", at("10:00:35"), "zoom", **SHOES_1),
    view("anna/s1", at("10:01"), **SHOES_2),
    view("anna/s1", at("10:01:30"), **SHOES_1),
    click("anna/s1", at("10:01:40"), "btn_add_to_cart", **SHOES_1, x_coord=905.0, y_coord=530.0),
    view("anna/s1", at("10:02"), "/cart"),
    buy("anna/s1", at("10:02:30"), 50.0, category="shoes", x_coord=949.9, y_coord=700.0),
    view("anna/s1", at("10:02:40"), "/order/confirmation"),
]
"""She comes from a search, compares two shoes, and buys one."""

ANNA_AT_MIDNIGHT = [
    view("anna/s2", at("23:58", day=1), "/category/books", category="books"),
    view("anna/s2", at("00:05", day=2), "/product/books/7?from=mail", category="books", price=20.0),
]
"""One session on two days."""

ANNA_ONE_CLICK = [buy("anna/s3", at("09:00", day=2), 20.05, "/product/books/7", category="books", x_coord=949.0)]
"""A session that shows no page; the newest, and still open."""

BEN_BOUNCES = [view("ben/s1", at("10:30"), "/", referrer_url=INSTAGRAM)]
"""Another user with a session id of Anna's."""

EVE_CRAWLS = [view("eve/s1", at(f"12:00:{half / 2}", day=1), f"/product/toys/{half}", category="toys", price=1.0)
              for half in range(30)]  # fmt: skip
"""Thirty pages in half as many seconds."""

GOLDEN_EVENTS = [*ANNA_BUYS, *ANNA_AT_MIDNIGHT, *ANNA_ONE_CLICK, *BEN_BOUNCES, *EVE_CRAWLS]
"""All of them."""
