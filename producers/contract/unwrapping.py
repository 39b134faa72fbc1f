"""Take an event out of what it was wrapped in, where the shop's settings say so for its topic. Standard library only.

Nothing that is a valid event by itself is touched: its value begins with no zero byte, is not compressed and no JSON
string, and an object is an envelope only where it has no user_id.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import zlib
from collections.abc import Collection

from producers.contract.strict_json import JsonType, NotJsonError, read_json, unescaped

MAX_UNPACKED = 1 << 20
"""The most bytes that a compressed value may hold: as much as Kafka takes of a record, where nobody says otherwise."""

MAX_LAYERS = 4
"""So many envelopes, one in another, are taken off at most."""

FRAME = 5
"""Bytes of a schema registry's framing: a zero, and the schema's id in four."""

CLOUD_EVENT = frozenset({"specversion", "id", "source", "type"})
"""The attributes that every CloudEvent has."""

NAMES = {
    "schema_registry": "the framing of a schema registry",
    "connect": "Kafka Connect's schema and payload",
    "cloud_event": "a CloudEvent",
    "double_encoding": "a JSON text",
    "gzip": "gzip",
}
"""What can be unwrapped, in words, by its name in conf/shop.toml."""

_BLANK = b" \t\n\r"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def unwrapped(value: bytes, kinds: Collection[str]) -> tuple[bytes, tuple[str, ...]]:
    """What is in envelopes of these kinds, and which they are, from the outermost on; the value itself if in none."""
    taken: tuple[str, ...] = ()
    while len(taken) < MAX_LAYERS:
        kind, inner = _opened(value, kinds)
        if inner is None:
            break
        value, taken = inner, (*taken, kind)
    return value, taken


def _opened(value: bytes, kinds: Collection[str]) -> tuple[str, bytes | None]:
    """The outermost envelope, and what is in it; None where it is in none of these, or what is in it cannot be had."""
    if value.startswith(b"\x00") and "schema_registry" in kinds:
        return "schema_registry", value[FRAME:] if len(value) >= FRAME else None
    if value.startswith(b"\x1f\x8b") and "gzip" in kinds:
        return "gzip", _unpacked(value)
    body = value.removeprefix(_BYTE_ORDER_MARK).strip(_BLANK)
    if body.startswith(b'"') and "double_encoding" in kinds:
        return "double_encoding", _said(body)
    # Looked for before the object is read, which takes long.
    if body.startswith(b"{") and "connect" in kinds and b'"payload"' in body and b'"schema"' in body:
        inner = _member(body, "connect")
        if inner is not None:
            return "connect", inner
    if body.startswith(b"{") and "cloud_event" in kinds and b'"specversion"' in body:
        return "cloud_event", _member(body, "cloud_event")
    return "", None


def _unpacked(value: bytes) -> bytes | None:
    """What is compressed by gzip; no more than MAX_UNPACKED and one byte of it are ever in memory."""
    try:
        with gzip.open(io.BytesIO(value)) as unpacking:
            unpacked = unpacking.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error):
        return None
    return unpacked if len(unpacked) <= MAX_UNPACKED else None


def _said(body: bytes) -> bytes | None:
    """What a JSON string says."""
    try:
        text = body.decode()
        return unescaped(text).encode() if read_json(text).type is JsonType.STRING else None
    except (UnicodeError, NotJsonError):
        return None


def _member(body: bytes, kind: str) -> bytes | None:
    """The source of the event in an object, where this is an envelope of the kind."""
    try:
        document = read_json(body.decode())
    except (UnicodeError, NotJsonError):
        return None
    names = document.members.keys()
    if kind == "connect":
        name = "payload" if names == {"schema", "payload"} else ""
    else:
        found = names & {"data", "data_base64"}
        name = found.pop() if names >= CLOUD_EVENT and "user_id" not in names and len(found) == 1 else ""
    # Of two events under one key, nobody knows which is meant.
    if not name or name in document.duplicated:
        return None
    member = document.members[name]
    if name != "data_base64":
        return member.source.encode()
    try:
        return base64.b64decode(member.text(), validate=True) if member.type is JsonType.STRING else None
    except (binascii.Error, ValueError):
        return None
