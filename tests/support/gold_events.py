"""Events as silver holds them, made by hand, for tests of gold that need neither Kafka nor bronze."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from gold.excess_sessions import excess_sessions
from gold.session_starts import session_starts
from gold.sessions import sessions
from gold.shared.clock import CLOCK
from lakehouse.storage import Lake, spark_schema
from pipelines.gold_builder import clock_rows
from pipelines.runtime.settings import load_settings
from producers.shop.settings import current_shop
from silver.addresses import derive
from silver.events import SILVER

DAY = datetime(2026, 10, 14, tzinfo=UTC)
SHOP = "https://shop.example"

Event = tuple[str, dict[str, Any]]
"""The event's name, and the columns of its silver row."""

_offsets = itertools.count()


def at(text: str, day: int = 0) -> datetime:
    """A time of day, as 10:00 or 10:00:00.5, on the first day of the tests or some days later."""
    hours, minutes, seconds = (*text.split(":"), "0")[:3]
    return DAY + timedelta(days=day, hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def _event(event: str, who: str, when: datetime, **fields: Any) -> Event:
    """Someone's event; ``who`` is user/session. It arrives in the second in which it happens."""
    user, session = who.split("/")
    offset = next(_offsets)
    row = dict.fromkeys(SILVER[event].column_names) | {
        "user_id": user,
        "session_id": session,
        "event_at": when,
        "event_on": when.date(),
        "arrived_at": when,
        "topic": event,
        "topic_id": "t",
        "partition": 0,
        "offset": offset,
        "identity": hashlib.md5(f"{event}{offset}".encode(), usedforsecurity=False).digest(),
        **fields,
    }
    return event, row | derived(row)


def derived(row: Mapping[str, Any]) -> dict[str, Any]:
    """What silver derives from an event's fields."""
    names = [name for name in ("page_url", "referrer_url", "element_id", "user_agent") if name in row]
    found = derive({name: pa.array([row[name]], pa.string()) for name in names}, current_shop())
    return {name: column[0].as_py() for name, column in found.items()}


def view(who: str, when: datetime, page: str = "/", **fields: Any) -> Event:
    """A page view; ``page`` is a path of the shop, or a whole address."""
    return _event("page_views", who, when, page_url=_address(page), **fields)


def click(who: str, when: datetime, element: str = "menu", page: str = "/", **fields: Any) -> Event:
    """A click."""
    return _event("clicks", who, when, page_url=_address(page), element_id=element, **fields)


def act(who: str, when: datetime, kind: str, page: str = "/", **fields: Any) -> Event:
    """An interaction."""
    return _event("interactions", who, when, page_url=_address(page), interaction_type=kind, **fields)


def buy(who: str, when: datetime, price: float, page: str = "/checkout", **fields: Any) -> Event:
    """A purchase."""
    return click(who, when, "btn_buy", page, price=price, **fields)


def _address(page: str) -> str:
    return f"{SHOP}{page}" if page.startswith("/") else page


def frames(lake: Lake, events: Iterable[Event]) -> Mapping[str, DataFrame]:
    """The events as silver's tables, by name."""
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in SILVER}
    for name, row in events:
        rows[name].append(tuple(row[column] for column in SILVER[name].column_names))
    return {
        name: lake.spark.createDataFrame(found, lake.empty(SILVER[name]).schema).coalesce(1)
        for name, found in rows.items()
    }


def sessions_of(lake: Lake, silver: Mapping[str, DataFrame], as_of: datetime) -> DataFrame:
    """gold.sessions of some silver, and of what it needs before, by the shop's limits as shipped."""
    clock = lake.spark.createDataFrame(clock_rows(load_settings(), as_of), spark_schema(CLOCK))
    excess = excess_sessions(session_starts(**silver), clock)
    return sessions(**silver, excess_sessions=excess, clock=clock)


def keep(lake: Lake, events: Iterable[Event]) -> None:
    """Appends the events to silver."""
    for name, rows in frames(lake, list(events)).items():
        if not rows.isEmpty():
            lake.append(SILVER[name], rows)
