"""RetailRocket's events, as CSV: users (``visitorid``), but no sessions, and not in the order of time.

They are sorted in a temporary file on disk, so memory stays small however large the export is. A user's
session ends after 30 minutes without an event; it is named by the user and its first millisecond.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from tempfile import TemporaryDirectory

from producers.record import Record, encode
from producers.replay.format import Format, Line, Unreadable, csv_rows, iso, product_url

COLUMNS = ("timestamp", "visitorid", "event", "itemid", "transactionid")

IDLE_MS = 30 * 60 * 1_000
"""A user who did nothing for longer than this begins a new session."""

_ELEMENTS = {"view": None, "addtocart": "btn_add_to_cart", "transaction": "btn_buy"}
_DIGITS = 13
_FORGET_IDLE_EVERY = 100_000


def read(lines: Iterator[Line]) -> Iterator[Record | Unreadable]:
    """Read all events first, then give them in the order of time."""
    with TemporaryDirectory(prefix="retailrocket-") as folder, closing(sqlite3.connect(f"{folder}/events")) as events:
        events.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE")
        events.execute("CREATE TABLE events (at INTEGER, line INTEGER, visitor TEXT, event TEXT, item TEXT)")
        for row in csv_rows(lines, COLUMNS):
            if isinstance(row, Unreadable):
                yield row
                continue
            number, fields = row
            at, event = fields["timestamp"], fields["event"]
            if event not in _ELEMENTS:
                yield Unreadable(number, f"event {event!r} is none of {', '.join(_ELEMENTS)}")
            elif not (at.isascii() and at.isdigit() and len(at) == _DIGITS):
                yield Unreadable(number, f"timestamp {at!r} is no time in milliseconds, of {_DIGITS} digits")
            else:
                kept = (int(at), number, fields["visitorid"], event, fields["itemid"])
                events.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", kept)
        yield from _records(events.execute("SELECT at, visitor, event, item FROM events ORDER BY at, line"))


def _records(rows: Iterator[tuple[int, str, str, str]]) -> Iterator[Record]:
    open_sessions: dict[str, tuple[int, int]] = {}  # by user: the first and the last millisecond
    for count, (at, visitor, event, item) in enumerate(rows, 1):
        began, last = open_sessions.get(visitor, (at, at))
        if at - last > IDLE_MS:
            began = at
        open_sessions[visitor] = began, at
        if count % _FORGET_IDLE_EVERY == 0:
            open_sessions = {user: times for user, times in open_sessions.items() if at - times[1] <= IDLE_MS}
        session, element = f"{visitor}-{began}", _ELEMENTS[event]
        fields = {
            "user_id": visitor,
            "session_id": session,
            **({"element_id": element} if element else {}),
            "page_url": product_url(item),
            "timestamp": iso(at * 1_000),
        }
        yield "clicks" if element else "page_views", session.encode(), encode(fields), at * 1_000


FORMAT = Format("retailrocket", "RetailRocket's events.csv.", read)
"""Views become page views, carts and transactions clicks."""
