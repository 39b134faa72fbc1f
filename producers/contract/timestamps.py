"""Read the times that trackers send. Standard library only."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

SECOND = 1_000_000
DAY = 86_400 * SECOND
"""Microseconds, as every instant and span here is."""

EARLIEST = 946_684_800 * SECOND
"""2000-01-01T00:00:00Z: no event is older."""

LATEST_AFTER_ARRIVAL = DAY
"""How much later than its arrival an event may claim to be; users' clocks are often wrong."""

_EPOCH = date(1970, 1, 1).toordinal()
_UNIX_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  all times here are UTC
_ISO = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[T ]"
    r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]{1,9}))?"
    r"(?P<zone>Z|(?P<sign>[+-])(?:(?P<hours>0[0-9]|1[0-7])(?::?(?P<minutes>[0-5][0-9]))?|18(?::?00)?))?"
)
_UNIX = re.compile(r"[0-9]{10}|[0-9]{13}")
_UNIX_SECONDS_DIGITS = 10


def read_instant(text: str) -> int | None:
    """Microseconds since 1970-01-01T00:00:00Z, or None if the text is no time that the contract knows.

    Read are ``YYYY-MM-DD``, ``T`` or one blank, ``hh:mm:ss``, at most nine digits of a second (cut to
    microseconds), then ``Z``, an offset of at most 18 hours (``+hh:mm``, ``+hhmm``, ``+hh``) or nothing,
    which means UTC; and Unix seconds (10 digits) or milliseconds (13 digits). No leap second, no hour
    24, no lower-case ``t`` or ``z``. The text is taken as it is: trim it first.
    """
    if _UNIX.fullmatch(text):
        return int(text) * (SECOND if len(text) == _UNIX_SECONDS_DIGITS else 1_000)
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"])).toordinal() - _EPOCH
    except ValueError:
        return None
    seconds = int(match["hour"]) * 3_600 + int(match["minute"]) * 60 + int(match["second"])
    fraction = int(((match["fraction"] or "") + "000000")[:6])
    return day * DAY + (seconds - _offset(match)) * SECOND + fraction


def _offset(match: re.Match[str]) -> int:
    """Seconds that the clock of the text is ahead of UTC."""
    if match["sign"] is None:
        return 0
    hours = 18 if match["hours"] is None else int(match["hours"])
    seconds = hours * 3_600 + int(match["minutes"] or 0) * 60
    return -seconds if match["sign"] == "-" else seconds


def written(instant: int) -> str:
    """An instant for people, in UTC, cut to seconds."""
    try:
        return (_UNIX_EPOCH + timedelta(microseconds=instant)).isoformat(timespec="seconds") + "Z"
    except OverflowError:
        return f"{instant} microseconds after 1970"
