"""Values, decoded by the batch, where no key can have occurred twice.

``msgspec`` reads a value into one Python object about seven times as fast as ``json.loads`` and is
strict about numbers, escapes, control characters and what stands around the object. It does not mind
a key that occurs twice, nor bytes that are not UTF-8 in what it skips, and nests up to Python's
recursion limit. Those three are looked at here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
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


class Decoded:
    """The fields of a batch's values as lists, and which rows hold them for sure.

    A list holds ABSENT, or NaN for a number, where the key is absent. Where ``is_valid`` is False, the
    lists hold anything.
    """

    def __init__(self, event: EventType, values: pa.BinaryArray) -> None:
        self.values: list[bytes | None] = values.to_pylist()
        extras = _learnt(event, self.values)
        decode, blank = _decoder(event, extras)
        rows, failed = _decode(decode, blank, self.values)
        self.is_valid: Bools = np.ones(len(rows), np.bool_)
        self.is_valid[failed] = False
        self.columns = {field.name: list(map(attrgetter(field.name), rows)) for field in event.fields}
        self.nested: Ints = np.zeros(len(rows), np.int64)
        self.known: Ints = np.zeros(len(rows), np.int64)
        self._refuse_bad_utf8(values)
        self._refuse_nul(values)
        for place in range(len(extras)):
            self._count_extra(list(map(attrgetter(_extra(place)), rows)))

    def take_details(self, field: Field) -> None:
        """Replace details that are not text by their own source text."""
        details = self.columns[field.name]
        if set(map(type, details)) <= {str, NoneType}:
            return
        decode = _raw_decoder(field.name)
        for row, found in enumerate(details):
            if type(found) is not str and found is not None:
                details[row] = str(decode(self.values[row]).source, "utf-8", "replace")
                self.nested[row] += _keys_in(found)

    def refuse_duplicated_keys(self, values: pa.BinaryArray) -> None:
        """Refuse the rows that may hold a key twice, once ``known`` counts each row's known fields.

        In JSON a key's last quote is followed by a colon or white space. So there are at least as many
        such quotes as keys, and at least as many keys as different ones. Where the different ones
        found are as many as the quotes, no key occurs twice. Other rows are read again, slowly.
        """
        self.quotes = _quotes_before_colons(values)
        doubtful = self.is_valid & (self.quotes != self.known + self.nested)
        for row in np.flatnonzero(doubtful):
            self.is_valid[row] = _has_distinct_keys(self.values[row] or b"")

    def document(self, row: int) -> JsonDocument | None:
        """A row's value as the reference reads it, but sooner; None where it has to read it itself.

        To be called once duplicated keys have been refused.
        """
        value = self.values[row] or b""
        try:
            value.decode()
            found = _members_decoder()(value)
        except Exception:  # noqa: BLE001  whatever it is, the reference implementation reports it
            return None
        if len(found) != self.quotes[row] or not _is_shallow(value):
            return None
        members = {key: JsonValue.of(str(found[key], "utf-8")) for key in self.columns if key in found}
        return JsonDocument(JsonType.OBJECT, members, (), 1)

    def _count_extra(self, found: list[Any]) -> None:
        if found.count(ABSENT):
            self.known += np.fromiter((value is not ABSENT for value in found), np.bool_, len(found))
        else:
            self.known += 1
        if not {dict, list}.isdisjoint(map(type, found)):
            self.nested += np.fromiter(map(_keys_in, found), np.int64, len(found))

    def _refuse_bad_utf8(self, values: pa.BinaryArray) -> None:
        try:
            values.cast(pa.string())
        except pa.ArrowInvalid:
            for row in np.flatnonzero(self.is_valid):
                value = self.values[row] or b""
                if not value.isascii():
                    try:
                        value.decode()
                    except UnicodeDecodeError:
                        self.is_valid[row] = False

    def _refuse_nul(self, values: pa.BinaryArray) -> None:
        if (_data(values) == ord("\\")).any():
            for row, value in enumerate(self.values):
                if value is not None and _ESCAPED_NUL in value:
                    self.is_valid[row] = False


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
