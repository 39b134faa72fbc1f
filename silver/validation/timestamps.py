"""Read times by the column: the same times as producers.contract.timestamps reads one by one, or no answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from producers.contract.timestamps import DAY, SECOND

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_BEFORE = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], np.int64)
_MINUTES, _HOURS, _MONTHS, _NINE = 59, 23, 12, 9
_FEBRUARY, _SHORT_FEBRUARY = 2, 28
_EPOCH = 719_162  # days from 0001-01-01 to 1970-01-01
_TO_SECOND = len("2026-10-15T10:00:00")
_OFFSET = len("+02:00")
_MOST_OFFSET = 18 * 60
_UNIX = {10: SECOND, 13: 1_000, 16: 1}  # microseconds of a unit, by the digits
_LONGEST = len("2026-10-15T10:00:00.123456789+02:00")


def read_instants(texts: pa.StringArray) -> tuple[Ints, Bools]:
    """Microseconds since 1970 UTC, and which rows were read; the other texts must be read one by one.

    The texts must not hold nulls. Read are ISO 8601 times, with a fraction or without, that end in
    ``Z``, ``+hh:mm`` or nothing, and Unix seconds, milliseconds and microseconds without a fraction.
    """
    count = len(texts)
    instants = np.zeros(count, np.int64)
    is_read = np.zeros(count, np.bool_)
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + count + 1].astype(np.int64)
    lengths = np.diff(offsets)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    for length in np.flatnonzero(np.bincount(np.minimum(lengths, _LONGEST + 1), minlength=_LONGEST + 2)):
        if length in _UNIX or _TO_SECOND <= length <= _LONGEST:
            rows = np.flatnonzero(lengths == length)
            # One contiguous row per character: all that follows works on characters of many texts at once.
            marks = data[offsets[rows] + np.arange(length)[:, None]]
            if length < _TO_SECOND:
                instants[rows], is_read[rows] = _unix(marks)
            else:
                _read_iso(marks, rows, instants, is_read)
    return instants, is_read


def _unix(marks: Bytes) -> tuple[Ints, Bools]:
    digits = marks - np.uint8(48)
    return _number(digits) * _UNIX[len(marks)], _all_digits(digits)


def _all_digits(digits: Bytes) -> Bools:
    good: Bools = np.maximum.reduce(digits) <= _NINE
    return good


def _number(digits: Bytes) -> Ints:
    number: Ints = digits[0].astype(np.int64)
    for digit in digits[1:]:
        number *= 10
        number += digit
    return number


def _read_iso(marks: Bytes, rows: Ints, instants: Ints, is_read: Bools) -> None:
    """Read texts of one length, by how they end."""
    rest = len(marks) - _TO_SECOND
    zulu = (marks[-1] == ord("Z")) & (rest >= 1)
    shifted = np.zeros(len(rows), np.bool_)
    if rest >= _OFFSET:
        shifted = ((marks[-6] == ord("+")) | (marks[-6] == ord("-"))) & (marks[-3] == ord(":"))
    for chosen, size in ((zulu, 1), (shifted, _OFFSET), (~(zulu | shifted), 0)):
        if chosen.any():
            part = marks if chosen.all() else marks[:, chosen]
            at, good = _iso(part, size)
            instants[rows[chosen]], is_read[rows[chosen]] = at, good


def _iso(marks: Bytes, zone: int) -> tuple[Ints, Bools]:
    """Read texts of one length whose last characters, ``zone`` of them, are Z or an offset."""
    digits = marks - np.uint8(48)
    date_time = digits[[0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]]
    good = _all_digits(date_time) & (marks[4] == ord("-")) & (marks[7] == ord("-"))
    good &= ((marks[10] == ord("T")) | (marks[10] == ord(" "))) & (marks[13] == ord(":")) & (marks[16] == ord(":"))
    year = _number(digits[0:4])
    month, day, hour, minute, second = (_number(digits[i : i + 2]) for i in (5, 8, 11, 14, 17))
    good &= (
        (year >= 1) & (month >= 1) & (month <= _MONTHS) & (hour <= _HOURS) & (minute <= _MINUTES) & (second <= _MINUTES)
    )
    month = np.where(good, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    good &= (day >= 1) & (day <= _DAYS[month]) & (leap | (month != _FEBRUARY) | (day <= _SHORT_FEBRUARY))
    past = year - 1
    days = (
        past * 365
        + past // 4
        - past // 100
        + past // 400
        + _BEFORE[month]
        + (leap & (month > _FEBRUARY))
        + day
        - 1
        - _EPOCH
    )
    instants = days * DAY + (hour * 3_600 + minute * 60 + second) * SECOND
    instants, good = _with_fraction(instants, good, marks[_TO_SECOND : len(marks) - zone])
    if zone == _OFFSET:
        instants, good = _shifted(instants, good, marks[-_OFFSET:])
    return instants, good


def _with_fraction(instants: Ints, good: Bools, marks: Bytes) -> tuple[Ints, Bools]:
    """Add ``.`` and one to nine digits of a second, if there are any characters, cut to microseconds."""
    if not len(marks):
        return instants, good
    places = len(marks) - 1
    if not 1 <= places <= _NINE:
        return instants, np.zeros_like(good)
    digits = marks[1:] - np.uint8(48)
    kept = digits[:6]
    micros = _number(kept) * 10 ** (6 - len(kept))
    return instants + micros, good & (marks[0] == ord(".")) & _all_digits(digits)


def _shifted(instants: Ints, good: Bools, marks: Bytes) -> tuple[Ints, Bools]:
    """Take an offset ``+hh:mm`` away. The signs and the colon have been seen."""
    digits = marks - np.uint8(48)
    hours, minutes = _number(digits[1:3]), _number(digits[4:6])
    ahead = hours * 60 + minutes
    good = good & _all_digits(digits[[1, 2, 4, 5]]) & (minutes <= _MINUTES) & (ahead <= _MOST_OFFSET)
    return instants - np.where(marks[0] == ord("-"), -ahead, ahead) * (60 * SECOND), good
