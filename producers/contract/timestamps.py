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

FORMS = (
    "ISO 8601 as 2026-10-15T10:00:00.123Z (T or one blank; seconds and fraction may be left out; Z, an offset, or "
    "nothing, which is UTC), or Unix time in 10 digits (seconds), 13 (milliseconds), 16 (microseconds) or 19 "
    "(nanoseconds)"
)
"""The forms that are read, for people."""

ZONE_NAME = r"\[[A-Za-z0-9_+\-/]{1,64}\]"
"""A pattern of the zone's name that java.time writes behind an offset."""

_EPOCH = date(1970, 1, 1).toordinal()
_UNIX_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  all times here are UTC
_ISO = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[Tt ]"
    r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?:(?P<zone>[Zz]|(?P<sign>[+-])(?:(?P<hours>0[0-9]|1[0-7])(?::?(?P<minutes>[0-5][0-9]))?|18(?::?00)?))"
    rf"(?:{ZONE_NAME})?)?"
)
_UNIX = re.compile(r"(?P<whole>[0-9]{10}|[0-9]{13})(?:\.(?P<fraction>[0-9]{1,9}))?|[0-9]{16}|[0-9]{19}")
_PER_UNIT = {10: SECOND, 13: 1_000}
"""Microseconds of the unit that a Unix time is written in, by its digits before the dot."""
_MICROSECONDS_DIGITS = 16


def read_instant(text: str) -> int | None:
    """Microseconds since 1970-01-01T00:00:00Z, or None if the text is no time that the contract knows.

    Read are ``YYYY-MM-DD``, ``T``, ``t`` or one blank, ``hh:mm`` or ``hh:mm:ss``, after a dot or a comma at most nine
    digits of a second (cut to microseconds), then nothing, which means UTC, or ``Z``, ``z`` or an offset of at most 18
    hours (``+hh:mm``, ``+hhmm``, ``+hh``), perhaps with a zone's name in brackets behind it, which is passed over; and
    Unix time of 10 digits (seconds) or 13 (milliseconds), both perhaps with a fraction of at most nine digits, of 16
    (microseconds) or 19 (nanoseconds). No leap second, no hour 24. The text is taken as it is: trim it first.
    """
    if match := _UNIX.fullmatch(text):
        return _unix(match)
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"])).toordinal() - _EPOCH
    except ValueError:
        return None
    seconds = int(match["hour"]) * 3_600 + int(match["minute"]) * 60 + int(match["second"] or 0)
    fraction = int(((match["fraction"] or "") + "000000")[:6])
    return day * DAY + (seconds - _offset(match)) * SECOND + fraction


def _unix(match: re.Match[str]) -> int:
    whole = match["whole"]
    if whole is None:
        number = int(match[0])
        return number if len(match[0]) == _MICROSECONDS_DIGITS else number // 1_000
    unit, fraction = _PER_UNIT[len(whole)], match["fraction"] or "0"
    return int(whole) * unit + int(fraction) * unit // int(10 ** len(fraction))


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
