"""Snowplow's enriched events: between tabs as the pipeline writes them, or JSON lines as its analytics SDKs make them.

``page_view`` is a page view, a ``page_ping`` an interaction (scroll), ``transaction`` a click on ``btn_buy`` with the
order's total, an added product a click on ``btn_add_to_cart``. Any other structured or self-describing event is a click
on an element of its name. A ``transaction_item`` is a part of its transaction, and no event.

The user is ``domain_userid``, so that a login does not cut a session. The time is the one that Snowplow derives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from producers.record import Record
from producers.replay.format import SITE, Format, Line, UnfitError, Unreadable
from producers.replay.json_lines import Described, at, json_records

COLUMNS = 131
"""So many an enriched event has; a newer release adds none."""

_PLACES = {
    "collector_tstamp": 3, "event": 5, "event_id": 6, "user_id": 12, "domain_userid": 15, "domain_sessionidx": 16,
    "network_userid": 17, "page_url": 29, "page_referrer": 31, "se_category": 53, "se_action": 54, "se_value": 57,
    "tr_total": 61, "useragent": 77, "domain_sessionid": 123, "derived_tstamp": 124, "event_name": 126,
}  # fmt: skip
_ADDS = ("addtocart", "addtobasket", "addproduct")


def read(lines: Iterator[Line]) -> Iterator[Record | Unreadable]:
    """Read events in the file's order."""
    wrong: list[Unreadable] = []
    for record in json_records(_as_json(lines, wrong), _event):
        yield from wrong
        wrong.clear()
        yield record
    yield from wrong


def _as_json(lines: Iterator[Line], wrong: list[Unreadable]) -> Iterator[Line]:
    """The lines as JSON; those that cannot be are put into ``wrong``."""
    for number, raw in lines:
        if not raw.strip() or raw.lstrip().startswith(b"{"):
            yield number, raw
            continue
        cells = raw.decode("utf-8", "replace").split("\t")
        if len(cells) < COLUMNS:
            wrong.append(
                Unreadable(number, f"it has {len(cells)} columns; an enriched event has {COLUMNS}, between tabs")
            )
            continue
        yield number, json.dumps({name: cells[place] for name, place in _PLACES.items() if cells[place]}).encode()


def _event(row: Mapping[str, Any]) -> Described | None:
    kind = at(row, "event")
    if not isinstance(kind, str) or not kind:
        raise UnfitError("it has no event, which every enriched event has")
    if kind == "transaction_item":
        return None
    user = at(row, "domain_userid") or at(row, "user_id") or at(row, "network_userid")
    event = {
        "user_id": user,
        "session_id": at(row, "domain_sessionid") or f"{user}-{at(row, 'domain_sessionidx') or 1}",
        "event_id": at(row, "event_id"),
        "user_agent": at(row, "useragent"),
        "page_url": at(row, "page_url") or SITE,
        "timestamp": at(row, "derived_tstamp") or at(row, "collector_tstamp"),
    }
    if kind == "page_view":
        return "page_views", {**event, "referrer_url": at(row, "page_referrer")}
    if kind == "page_ping":
        return "interactions", {**event, "interaction_type": "scroll"}
    if kind == "transaction":
        return "clicks", {**event, "element_id": "btn_buy", "price": at(row, "tr_total")}
    name = str(at(row, "se_action") if kind == "struct" else at(row, "event_name") or kind)
    adds = "".join(mark for mark in name.lower() if mark.isalnum()) in _ADDS
    return "clicks", {**event, "element_id": "btn_add_to_cart" if adds else name}


FORMAT = Format("snowplow", "Snowplow's enriched events, between tabs or as JSON lines.", read)
"""Page views stay page views, transactions and the rest become clicks, pings interactions."""
