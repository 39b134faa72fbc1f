"""Segment's and RudderStack's calls, one JSON object a line, as their warehouses and S3 destinations keep them.

``page`` and ``screen`` are page views, and so is the track call *Product Viewed*. Of the ecommerce events, *Product
Added* is a click on ``btn_add_to_cart``, *Order Completed* one on ``btn_buy``; removals, searches, shares and wishes
are interactions. Any other track call is a click on an element of its name. ``identify``, ``group`` and ``alias`` are
no events.

The user is ``anonymousId``, so that a login does not cut a session; without one, ``userId``. The session is the one
that the call names; without one, its user's day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from producers.record import Record
from producers.replay.format import SITE, Format, Line, UnfitError, Unreadable
from producers.replay.json_lines import Described, at, json_records

_CLICKS = {"product added": "btn_add_to_cart", "order completed": "btn_buy"}
_INTERACTIONS = {
    "product removed": "remove_from_cart",
    "products searched": "search",
    "product shared": "share",
    "cart shared": "share",
    "product added to wishlist": "add_to_wishlist",
    "video playback started": "video_play",
}
_NO_EVENTS = ("identify", "group", "alias")


def read(lines: Iterator[Line]) -> Iterator[Record | Unreadable]:
    """Read calls in the file's order."""
    return json_records(lines, _event)


def _event(call: Mapping[str, Any]) -> Described | None:
    kind, name = str(at(call, "type") or "track").lower(), str(at(call, "event") or "").strip()
    if kind in _NO_EVENTS:
        return None
    if kind not in ("page", "screen", "track") or (kind == "track" and not name):
        raise UnfitError(
            f"its type is {kind!r} and its event {name!r}; a call is a page, a screen or a track with a name"
        )
    user, time = at(call, "anonymousId") or at(call, "userId"), at(call, "timestamp") or at(call, "originalTimestamp")
    session = at(call, "context", "sessionId") or at(call, "properties", "session_id")
    event = {
        "user_id": user,
        "session_id": session or f"{user}-{str(time)[:10]}",
        "event_id": at(call, "messageId"),
        "user_agent": at(call, "context", "userAgent"),
        "page_url": at(call, "properties", "url") or at(call, "context", "page", "url") or SITE,
        "category": at(call, "properties", "category"),
        "price": at(call, "properties", "price"),
        "timestamp": time,
    }
    lower = name.lower()
    if kind != "track" or lower == "product viewed":
        referrer = at(call, "properties", "referrer") or at(call, "context", "page", "referrer")
        return "page_views", {**event, "referrer_url": referrer}
    if lower in _INTERACTIONS:
        return "interactions", {**event, "interaction_type": _INTERACTIONS[lower]}
    if lower == "order completed":
        paid = (at(call, "properties", key) for key in ("revenue", "total", "value"))
        event["price"] = next((one for one in paid if one is not None), event["price"])
    return "clicks", {**event, "element_id": _CLICKS.get(lower, name)}


FORMAT = Format("segment", "Segment's and RudderStack's calls, one JSON object a line.", read)
"""Pages become page views, track calls clicks and interactions."""
