"""REES46's multi-category store, as CSV: one event a line.

A view is a page view, cart a click on ``btn_add_to_cart``, purchase a click on ``btn_buy``, and
remove_from_cart an interaction. Times are whole seconds and there are no event ids, so rows that are alike
in every field are one event that was sent twice. An empty user or session is sent as it is: the contract decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from producers.contract.timestamps import read_instant
from producers.record import Record
from producers.replay.format import Format, Line, Unreadable, csv_rows, product_url

COLUMNS = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)

_KINDS = {
    "view": ("page_views", ""),
    "cart": ("clicks", '"element_id":"btn_add_to_cart",'),
    "purchase": ("clicks", '"element_id":"btn_buy",'),
    "remove_from_cart": ("interactions", '"interaction_type":"remove_from_cart",'),
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


def read(lines: Iterator[Line]) -> Iterator[Record | Unreadable]:
    """Read events in the file's order."""
    for row in csv_rows(lines, COLUMNS):
        yield row if isinstance(row, Unreadable) else _record(*row)


def _record(number: int, row: Mapping[str, str]) -> Record | Unreadable:
    kind = _KINDS.get(row["event_type"])
    if kind is None:
        return Unreadable(number, f"event_type {row['event_type']!r} is none of {', '.join(_KINDS)}")
    written = row["event_time"].removesuffix(" UTC")
    at = read_instant(written)
    if at is None:
        return Unreadable(number, f"event_time {row['event_time']!r} is no time like 2019-10-01 00:00:00 UTC")
    price = row["price"]
    value = (
        f'{{"user_id":{json.dumps(row["user_id"])},"session_id":{json.dumps(row["user_session"])},{kind[1]}'
        f'"page_url":{json.dumps(product_url(row["product_id"]))},"category":{_or_null(row["category_code"])},'
        f'"price":{price if _NUMBER.fullmatch(price) else _or_null(price)},"timestamp":{json.dumps(written)},'
        f'"brand":{_or_null(row["brand"])},"category_id":{_or_null(row["category_id"])}}}'
    )
    return kind[0], row["user_session"].encode() or None, value.encode(), at


def _or_null(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text else "null"


FORMAT = Format("rees46", "REES46's multi-category store, CSV with a header.", read)
"""Views become page views, carts and purchases clicks, removals interactions."""
