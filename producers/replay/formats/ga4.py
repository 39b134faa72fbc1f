"""Google Analytics 4, as exported from BigQuery to JSON lines: ``event_params`` nested, or flattened to columns.

``page_view`` and ``view_item`` are page views, ``add_to_cart`` a click on ``btn_add_to_cart``, ``purchase`` one on
``btn_buy`` with the purchase's revenue; scrolls, searches, shares, videos, wishes and removals are interactions. What
Google makes by itself (``session_start``, ``first_visit``, ``user_engagement``) is no event. Any other is a click on an
element of its name.

The user is ``user_pseudo_id``, so that a login does not cut a session; the session is ``ga_session_id``, which is
unique within a user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from producers.record import Record
from producers.replay.format import SITE, Format, Line, UnfitError, Unreadable
from producers.replay.json_lines import Described, at, json_records

_CLICKS = {"add_to_cart": "btn_add_to_cart", "purchase": "btn_buy", "in_app_purchase": "btn_buy"}
_INTERACTIONS = {
    "scroll": "scroll",
    "view_search_results": "search",
    "search": "search",
    "share": "share",
    "video_start": "video_play",
    "add_to_wishlist": "add_to_wishlist",
    "remove_from_cart": "remove_from_cart",
}
_NO_EVENTS = ("session_start", "first_visit", "first_open", "user_engagement")
_VALUES = ("string_value", "int_value", "float_value", "double_value")


def read(lines: Iterator[Line]) -> Iterator[Record | Unreadable]:
    """Read events in the file's order."""
    return json_records(lines, _event)


def _event(row: Mapping[str, Any]) -> Described | None:
    name = at(row, "event_name")
    if not isinstance(name, str) or not name:
        raise UnfitError("it has no event_name, which every event of GA4 has")
    if name in _NO_EVENTS:
        return None
    event = {
        "user_id": at(row, "user_pseudo_id") or at(row, "user_id"),
        "session_id": _param(row, "ga_session_id"),
        "page_url": _param(row, "page_location") or SITE,
        "category": _of_item(row, "item_category"),
        "price": _of_item(row, "price"),
        "timestamp": at(row, "event_timestamp"),
    }
    if isinstance(event["session_id"], int):
        event["session_id"] = str(event["session_id"])
    if name in ("page_view", "screen_view", "view_item"):
        return "page_views", {**event, "referrer_url": _param(row, "page_referrer")}
    if name in _INTERACTIONS:
        return "interactions", {**event, "interaction_type": _INTERACTIONS[name]}
    if name == "purchase":
        paid = (at(row, "ecommerce", "purchase_revenue"), at(row, "ecommerce_purchase_revenue"), _param(row, "value"))
        event["price"] = next((one for one in paid if one is not None), event["price"])
    return "clicks", {**event, "element_id": _CLICKS.get(name, name)}


def _param(row: Mapping[str, Any], name: str) -> Any:
    """A parameter of an event: from the list that BigQuery keeps, or from a column of its name."""
    params = row.get("event_params")
    for param in params if isinstance(params, list) else ():
        if at(param, "key") == name:
            values = (at(param, "value", kind) for kind in _VALUES)
            return next((value for value in values if value is not None), None)
    columns = (at(row, "event_params", name), at(row, f"event_params_{name}"), at(row, name))
    return next((value for value in columns if value is not None), None)


def _of_item(row: Mapping[str, Any], name: str) -> str | int | Decimal | None:
    """A field of the event's only item: of several, none is the event's."""
    items = row.get("items")
    if isinstance(items, list) and len(items) == 1:
        found = at(items[0], name)
        return None if found == "(not set)" else found
    return None


FORMAT = Format("ga4", "Google Analytics 4's BigQuery export, as JSON lines.", read)
"""Page views stay page views, the rest become clicks and interactions."""
