"""Corrupt, repeat and delay simulated records in the ways in which real trackers do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from producers.record import Record

Corruptor: TypeAlias = Callable[[bytes], bytes | None]

_TIME, _PRICE = re.compile(rb'"timestamp":"[^"]*"'), re.compile(rb'"price":[^,]*')
_USER, _SESSION = re.compile(rb'"user_id":"[^"]*"'), re.compile(rb'"session_id":"[^"]*"')
_URL, _KIND = re.compile(rb'"page_url":"[^"]*'), re.compile(rb'"interaction_type":"([^"]*)"')


def _swap(pattern: re.Pattern[bytes], text: bytes) -> Corruptor:
    return lambda value: pattern.sub(text, value, count=1)


def _no_user(value: bytes) -> bytes:
    return _USER.sub(b"", value, count=1).replace(b"{,", b"{", 1)


def _unknown_kind(value: bytes) -> bytes:
    swapped, found = _KIND.subn(b'"interaction_type":"teleport"', value, count=1)
    return swapped if found else _URL.sub(b'"page_url":"', value, count=1)


def _shout(value: bytes) -> bytes:
    return _KIND.sub(lambda kind: b'"interaction_type":" ' + kind[1].upper() + b' "', value, count=1)


INVALID: MappingProxyType[str, Corruptor] = MappingProxyType(
    {
        "cut off": lambda value: value[: len(value) * 2 // 3],
        "tombstone": lambda _: None,
        "empty": lambda _: b"",
        "blank": lambda _: b"  \t ",
        "an array": lambda value: b"[" + value + b"]",
        "a scalar": lambda _: b"42",
        "two objects": lambda value: value + value,
        "user_id is missing": _no_user,
        "user_id is undefined": _swap(_USER, b'"user_id":"undefined"'),
        "session_id is null": _swap(_SESSION, b'"session_id":null'),
        "session_id is blank": _swap(_SESSION, b'"session_id":"  "'),
        "a key twice": lambda value: b'{"user_id":"u0",' + value[1:],
        "page_url is not UTF-8": _swap(_URL, b'"page_url":"https://shop.example/caf\xe9'),
        "page_url is too long": _swap(_URL, b'"page_url":"https://shop.example/?q=' + b"x" * 9_000),
        "price is negative": _swap(_PRICE, b'"price":-19.99'),
        "price is NaN": _swap(_PRICE, b'"price":NaN'),
        "price has a comma": _swap(_PRICE, b'"price":"19,99"'),
        "time cannot be read": _swap(_TIME, b'"timestamp":"yesterday"'),
        "time does not exist": _swap(_TIME, b'"timestamp":"2026-02-30T10:00:00Z"'),
        "time is in the future": _swap(_TIME, b'"timestamp":"2099-01-01T00:00:00Z"'),
        "kind is unknown": _unknown_kind,
    }
)
"""By what is wrong: how a valid value is corrupted, so that the contract refuses it."""

UNUSUAL: MappingProxyType[str, Corruptor] = MappingProxyType(
    {
        "a byte order mark": lambda value: b"\xef\xbb\xbf" + value,
        "unknown keys": lambda value: value[:-1] + b',"experiment":{"name":"cta","arm":2}}',
        "price is text": _swap(_PRICE, b'"price":" 19.99 "'),
        "category is blank": lambda value: re.sub(rb'"category":[^,]*', b'"category":"  "', value, count=1),
        "kind in upper case": _shout,
    }
)
"""By what is unusual: how a valid value is changed, so that the contract still accepts it."""

_UNUSUAL_SHARE = 0.25
_LATE_MINUTES, _LATE_SPREAD = 10.0, 1.5
_BLOCK = 4_096


def corrupt(records: Iterator[Record], rng: np.random.Generator, dirty: float, duplicates: float) -> Iterator[Record]:
    """Corrupt a share of the records, and send a share twice, half of those with their keys in another order."""
    return _corrupt(records, rng, dirty, duplicates) if dirty or duplicates else records


def _corrupt(records: Iterator[Record], rng: np.random.Generator, dirty: float, duplicates: float) -> Iterator[Record]:
    invalid, unusual = list(INVALID.values()), list(UNUSUAL.values())
    draws: list[list[float]] = []
    for topic, key, value, at in records:
        if not draws:
            draws = rng.random((_BLOCK, 4)).tolist()
        whether, how, again, order = draws.pop()
        if whether < dirty and value is not None:
            if how < _UNUSUAL_SHARE:
                ways, share = unusual, how / _UNUSUAL_SHARE
            else:
                ways, share = invalid, (how - _UNUSUAL_SHARE) / (1 - _UNUSUAL_SHARE)
            value = ways[int(share * len(ways))](value)  # noqa: PLW2901
        yield topic, key, value, at
        if again < duplicates:
            yield topic, key, _reordered(value) if value and order < 0.5 else value, at  # noqa: PLR2004  half of them


def _reordered(value: bytes) -> bytes:
    user = re.match(rb'\{("user_id":"[^"]*"),(.*)\}$', value, re.DOTALL)
    return b"{" + user[2] + b"," + user[1] + b"}" if user else value


def delay(records: Iterator[Record], rng: np.random.Generator, late: float) -> Iterator[Record]:
    """Delay a share of the records: half of those by ten minutes or more, one in a hundred by five hours.

    Records must come in the order of time. None is changed or lost.
    """
    return _delay(records, rng, late) if late else records


def _delay(records: Iterator[Record], rng: np.random.Generator, late: float) -> Iterator[Record]:
    held: list[tuple[int, int, Record]] = []
    draws: list[tuple[float, float]] = []
    for number, record in enumerate(records):
        while held and held[0][0] <= record[3]:
            yield heappop(held)[2]
        if not draws:
            draws = list(zip(rng.random(_BLOCK).tolist(), rng.standard_normal(_BLOCK).tolist(), strict=True))
        whether, how_much = draws.pop()
        if whether < late:
            minutes = _LATE_MINUTES * math.exp(_LATE_SPREAD * how_much)
            heappush(held, (record[3] + round(minutes * 60_000_000), number, record))
        else:
            yield record
    while held:
        yield heappop(held)[2]
