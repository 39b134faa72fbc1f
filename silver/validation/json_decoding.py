"""Decode a batch of JSON values with msgspec, and find the rows that may hold a duplicate key.

``msgspec`` reads a value into one Python object about seven times as fast as ``json.loads`` and is
strict about numbers, escapes, control characters and what stands around the object. It accepts a key
that occurs twice, bytes that are not UTF-8 in what it skips, and nesting up to Python's recursion
limit. Those three are looked for here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from producers.contract.event_type import MAX_DEPTH, EventType, Field, Kind
from producers.contract.strict_json import JsonDocument, JsonType, JsonValue
from silver.validation.timestamps import Bools, Bytes, Ints

ABSENT = "\0"
"""Stands for a text that is not there. A value that holds this character is never decoded here."""

_ESCAPED_NUL = b"\\u0000"
_SAMPLED = 32
_MOST_LEARNT = 16
_TOO_DEEP = -(1 << 40)


@dataclass(frozen=True)
class Decoded:
    """The fields of a batch's values as lists.

    A list holds ABSENT, or NaN for a number, where the key is absent; ``details`` are their own source
    text. Where ``is_decoded`` is False, the lists hold anything. ``other_keys`` counts the keys of each
    value that were seen beside the event's fields, ``quotes`` the quotes that may end a key.
    """

    values: list[bytes | None]
    columns: dict[str, list[Any]]
    is_decoded: Bools
    other_keys: Ints
    quotes: Ints

    def document(self, row: int) -> JsonDocument | None:
        """A row's value as the reference implementation reads it, but sooner; None where it must read it itself."""
        value = self.values[row] or b""
        try:
            value.decode()
            found = _members_decoder()(value)
        except Exception:  # noqa: BLE001  whatever it is, the reference implementation reports it
            return None
        if len(found) != self.quotes[row] or not _is_shallow(value):
            return None
        # Unknown keys as well: an envelope is recognised by them.
        members = {key: JsonValue.of(str(source, "utf-8")) for key, source in found.items()}
        return JsonDocument(JsonType.OBJECT, members, (), 1)


def decode_batch(event: EventType, values: pa.BinaryArray) -> Decoded:
    """Decode the values of one kind of event."""
    bodies: list[bytes | None] = values.to_pylist()
    extras = _learnt(event, bodies)
    decode, blank = _decoder(event, extras)
    rows, failed = _decode(decode, blank, bodies)
    is_decoded = _is_utf8(values, bodies) & _has_no_nul(values, bodies)
    is_decoded[failed] = False
    columns = {field.name: list(map(attrgetter(field.name), rows)) for field in event.fields}
    other_keys = np.zeros(len(rows), np.int64)
    for place in range(len(extras)):
        other_keys += _extra_keys(list(map(attrgetter(_extra(place)), rows)))
    for field in event.fields:
        if field.kind is Kind.DETAILS:
            columns[field.name], nested = _details(field, columns[field.name], bodies)
            other_keys += nested
    return Decoded(bodies, columns, is_decoded, other_keys, _quotes_before_colons(values))


def have_distinct_keys(decoded: Decoded, fields_present: Ints, candidates: Bools) -> Bools:
    """The candidates that hold no key twice, given how many of the event's fields each row has.

    In JSON a key's last quote is followed by a colon or white space. So there are at least as many
    such quotes as keys, and at least as many keys as different ones. Where the different ones
    found are as many as the quotes, no key occurs twice. Other rows are read again, slowly.
    """
    distinct = candidates.copy()
    for row in np.flatnonzero(candidates & (decoded.quotes != fields_present + decoded.other_keys)):
        distinct[row] = _has_distinct_keys(decoded.values[row] or b"")
    return distinct


def _details(field: Field, details: list[Any], values: Sequence[bytes | None]) -> tuple[list[Any], Ints | int]:
    """Details with those that are not text as their own source text, and how many keys they hold."""
    if set(map(type, details)) <= {str, NoneType}:
        return details, 0
    decode = _raw_decoder(field.name)
    sources, keys = list(details), np.zeros(len(details), np.int64)
    for row, value in enumerate(details):
        if type(value) is not str and value is not None:
            sources[row] = str(decode(values[row]).source, "utf-8", "replace")
            keys[row] = _keys_in(value)
    return sources, keys


def _extra_keys(extra: list[Any]) -> Ints | int:
    """How many keys the values of one unknown key stand for: the key itself and those in its value."""
    keys: Ints | int = 1
    if extra.count(ABSENT):
        keys = np.fromiter((value is not ABSENT for value in extra), np.int64, len(extra))
    if not {dict, list}.isdisjoint(map(type, extra)):
        keys = keys + np.fromiter(map(_keys_in, extra), np.int64, len(extra))
    return keys


def _is_utf8(values: pa.BinaryArray, bodies: Sequence[bytes | None]) -> Bools:
    is_utf8 = np.ones(len(bodies), np.bool_)
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        for row, body in enumerate(bodies):
            if body is not None and not body.isascii():
                try:
                    body.decode()
                except UnicodeDecodeError:
                    is_utf8[row] = False
    return is_utf8


def _has_no_nul(values: pa.BinaryArray, bodies: Sequence[bytes | None]) -> Bools:
    has_no_nul = np.ones(len(bodies), np.bool_)
    if (_data(values) == ord("\\")).any():
        for row, body in enumerate(bodies):
            if body is not None and _ESCAPED_NUL in body:
                has_no_nul[row] = False
    return has_no_nul


def _decode(decode: Any, blank: Any, values: Sequence[bytes | None]) -> tuple[list[Any], list[int]]:
    rows: list[Any] = []
    failed: list[int] = []
    for row, value in enumerate(values):
        try:
            rows.append(decode(value))
        except Exception:  # noqa: BLE001  whatever it is, the reference implementation reports it
            rows.append(blank)
            failed.append(row)
    return rows, failed


def _learnt(event: EventType, values: Sequence[bytes | None]) -> tuple[str, ...]:
    """Unknown keys that occur often among the values, so that their rows need not be read twice."""
    fields = {field.name for field in event.fields}
    seen: Counter[str] = Counter()
    for value in values[:: max(1, len(values) // _SAMPLED)][:_SAMPLED]:
        try:
            found = _any_decoder()(value)
        except Exception:  # noqa: BLE001, S112  as above
            continue
        if isinstance(found, dict):
            seen.update(key for key in found if key not in fields and _is_plain(key))
    return tuple(sorted(key for key, times in seen.most_common(_MOST_LEARNT) if times > 1))


def _is_plain(key: str) -> bool:
    return key.isascii() and key.isprintable() and '"' not in key and "\\" not in key


def _extra(place: int) -> str:
    return f"_{place}"  # no field's name starts like this


@lru_cache(maxsize=64)
def _decoder(event: EventType, extras: tuple[str, ...]) -> tuple[Any, Any]:
    """What decodes a value, and what stands for a value that cannot be."""
    fields = [_declared(field) for field in event.fields] + [(_extra(i), Any, ABSENT) for i in range(len(extras))]
    keys = {_extra(place): key for place, key in enumerate(extras)}
    struct = msgspec.defstruct("Row", fields, rename=keys, kw_only=True, gc=False)
    blank = struct(**dict.fromkeys((field.name for field in event.fields if field.required), ABSENT))
    return msgspec.json.Decoder(struct).decode, blank


def _declared(field: Field) -> Any:
    kind: Any = {
        Kind.ID: str | int,
        Kind.TEXT: str,
        Kind.URL: str,
        Kind.CHOICE: str,
        Kind.DETAILS: Any,
        Kind.NUMBER: float | str,
        Kind.TIMESTAMP: str | int,
    }[field.kind]
    if field.required:
        return (field.name, kind)
    return (field.name, kind | None, math.nan if field.kind is Kind.NUMBER else ABSENT)


@lru_cache(maxsize=64)
def _raw_decoder(key: str) -> Any:
    """What finds a key's value as its own source."""
    struct = msgspec.defstruct("Raw", [("source", msgspec.Raw)], rename={"source": key}, gc=False)
    return msgspec.json.Decoder(struct).decode


@lru_cache(maxsize=1)
def _members_decoder() -> Any:
    return msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@lru_cache(maxsize=1)
def _any_decoder() -> Any:
    return msgspec.json.Decoder().decode


def _data(values: pa.BinaryArray) -> Bytes:
    return np.frombuffer(values.buffers()[2] or b"", np.uint8)


def _quotes_before_colons(values: pa.BinaryArray) -> Ints:
    """How many quotes of each value are followed by a colon or by white space."""
    marks = _data(values)
    after = marks[1:]
    found = (after == ord(":")) | (after <= ord(" "))
    found &= marks[:-1] == ord('"')
    # Counted in words of 64 marks each, which is faster than to list the places.
    bits = np.packbits(found, bitorder="little")
    words = np.pad(bits, (0, 16 - len(bits) % 8)).view(np.uint64)
    counts = np.bitwise_count(words)
    before = np.cumsum(counts, dtype=np.int64) - counts
    offsets = np.frombuffer(values.buffers()[1], np.int32)[: len(values) + 1].astype(np.uint64)
    word, bit = offsets >> np.uint64(6), offsets & np.uint64(63)
    below = words[word] & ((np.uint64(1) << bit) - np.uint64(1))
    quotes: Ints = np.diff(before[word] + np.bitwise_count(below))
    return quotes


def _keys_in(value: object, level: int = 2) -> int:
    """How many keys a value inside the event holds, at any level; far too few if it nests too deep."""
    if not isinstance(value, dict | list):
        return 0
    if level > MAX_DEPTH:
        return _TOO_DEEP
    count = len(value) if isinstance(value, dict) else 0
    for item in value.values() if isinstance(value, dict) else value:
        if type(item) in (dict, list):
            count += _keys_in(item, level + 1)
    return count


def _is_shallow(value: bytes) -> bool:
    """Whether a value cannot nest too deep; if this is False it may or may not."""
    return value.count(b"{") + value.count(b"[") <= MAX_DEPTH


def _has_distinct_keys(value: bytes) -> bool:
    """Whether no key of a valid value occurs twice, and it does not nest too deep; False also if unsure."""
    if not _is_shallow(value):
        return False
    try:
        json.loads(value, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        return False
    return True


def _distinct(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
