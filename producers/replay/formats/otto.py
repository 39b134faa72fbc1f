"""OTTO's recommender data set, as JSON lines: one session a line.

OTTO has sessions, but no users: each session is a user of its own. Clicks on a product are views of its
page, carts are clicks on ``btn_add_to_cart``, orders are clicks on ``btn_buy``. There are no event ids:
two events of a session with one product, type and millisecond are the same event, sent twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from producers.record import Record, encode
from producers.replay.format import Format, Line, Unreadable, iso, product_url


class _Event(msgspec.Struct):
    aid: int
    ts: int
    type: Literal["clicks", "carts", "orders"]


class _Session(msgspec.Struct):
    session: int
    events: list[_Event]


_ELEMENTS = {"carts": "btn_add_to_cart", "orders": "btn_buy"}


def read(lines: Iterator[Line]) -> Iterator[Record | Unreadable]:
    """Read sessions in the file's order."""
    decoder = msgspec.json.Decoder(_Session)
    for number, line in lines:
        if not line.strip():
            continue
        try:
            session = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield Unreadable(number, f'it is no {{"session": …, "events": [{{"aid", "ts", "type"}}]}}: {error}')
            continue
        name = f"otto-{session.session}"
        for event in session.events:
            at = event.ts * 1_000
            if not 0 <= at < 253_402_300_800_000_000:  # noqa: PLR2004  the year 10000
                yield Unreadable(number, f"ts {event.ts} is no time in milliseconds")
                continue
            element = _ELEMENTS.get(event.type)
            fields = {
                "user_id": name,
                "session_id": name,
                **({"element_id": element} if element else {}),
                "page_url": product_url(str(event.aid)),
                "timestamp": iso(at),
            }
            yield "clicks" if element else "page_views", name.encode(), encode(fields), at


FORMAT = Format("otto", "OTTO sessions, one JSON object a line, github.com/otto-de/recsys-dataset.", read)
"""Clicks become page views, carts and orders become clicks."""
