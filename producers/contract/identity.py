"""Compute an event's identity: sixteen bytes that are equal when two events are the same. Standard library only."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping

from producers.contract.event_type import EventType, Kind

SIZE = 16
"""Bytes of an identity."""

IDENTITY_VERSION = 2
"""It changes with what an identity is made of. With 1, the event_id alone was the identity of an event that had one."""


def identity(event: EventType, values: Mapping[str, str | float | int | None]) -> bytes:
    """The identity of a good event: equal for the same event, however it was spelled.

    It is the first sixteen bytes of the SHA-256 of parts, in UTF-8, joined by U+0000, which no part
    holds. The parts are::

        fields, <the event's name>, <the names of its fields that are not null, sorted, joined by commas>,
        <the value of each of those fields, in the same order>

    Text stands as it is. A number is the sixteen lower-case hexadecimal digits of its IEEE 754 double,
    most significant first, and the timestamp the sixteen of its microseconds since 1970 as a 64-bit
    two's complement. A field added to the contract later leaves the identity of events without it as
    it was, and so does the order of the declaration. The event_id is a field as any other: it can tell apart
    what looks equal, and never makes one of what differs.
    """
    return digest(canonical(event, values))


def canonical(event: EventType, values: Mapping[str, str | float | int | None]) -> bytes:
    """The bytes whose hash is the identity."""
    kinds = {field.name: field.kind for field in event.fields}
    names = sorted(name for name in kinds if values[name] is not None)
    parts = [_part(kinds[name], values[name]) for name in names]
    return "\0".join(("fields", event.name, ",".join(names), *parts)).encode()


def digest(canonical_form: bytes) -> bytes:
    """The identity of a canonical form."""
    return hashlib.sha256(canonical_form).digest()[:SIZE]


def _part(kind: Kind, value: str | float | None) -> str:
    if kind is Kind.NUMBER:
        return struct.pack(">d", value).hex()
    if kind is Kind.TIMESTAMP:
        return struct.pack(">q", value).hex()
    return str(value)
