"""Recognise what an event was wrapped in on its way to Kafka, so that quarantine says what to change and where."""

from __future__ import annotations

import re
from dataclasses import replace

from producers.contract.field_rules import RuleViolation
from producers.contract.strict_json import JsonDocument, JsonType, NotJsonError, read_json

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\x82SNAPPY\x00": "Snappy",
    b"\xff\x06\x00\x00sNaPpY": "Snappy",
    b"BZh": "bzip2",
}
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"\x00{")
_FRAME = 5  # a zero byte, and the schema's id in four
_BASE64 = re.compile(r"\s*eyJ[A-Za-z0-9+/_-]*={0,2}\s*\Z")  # of what begins with {" in JSON

_DOUBLE = (
    "It looks encoded twice: the text is itself the JSON of an object. Give the producer's serializer the event as an "
    "object, or its JSON as bytes."
)
_BASED = "It looks like JSON in base64. Send the JSON itself, in UTF-8."


def envelope_of_bytes(value: bytes) -> str:
    """A sentence on what these bytes, which are no JSON, seem to be, and what to change; empty where nobody knows."""
    for start, name in _COMPRESSED.items():
        if value.startswith(start):
            return _compressed(name)
    if value.startswith(_ZLIB):
        return _compressed("zlib")
    if value.startswith(b"Obj\x01"):
        return "It looks like a file of Avro. Send JSON in UTF-8."
    if value.startswith(_WIDE) and len(value) > 2:  # noqa: PLR2004
        return "It looks like UTF-16. Send UTF-8."
    if value.startswith(b"\x00") and len(value) > _FRAME:
        schema = int.from_bytes(value[1:_FRAME], "big")
        what = "JSON" if value[_FRAME:].lstrip().startswith((b"{", b"[")) else "Avro, Protobuf or the like"
        return (
            f"It looks like {what} in the framing of a schema registry (a zero byte, and schema {schema} in four "
            "bytes). Let the producer use a serializer of plain JSON."
        )
    return _BASED if value.isascii() and _BASE64.match(value.decode()) else ""


def envelope_of_text(text: str) -> str:
    """The same of a JSON text, where an object should be."""
    if _BASE64.match(text):
        return _BASED
    try:
        return _DOUBLE if read_json(text).type is JsonType.OBJECT else ""
    except NotJsonError:
        return ""


def envelope_of_object(document: JsonDocument) -> str:
    """The same of an object that is not the event."""
    names = document.members.keys()
    if names == {"schema", "payload"}:
        return (
            "It looks like Kafka Connect's schema and payload: the event is in payload. Set "
            "value.converter.schemas.enable=false in the connector."
        )
    if {"specversion", "id", "source", "type"} <= names:
        return (
            "It looks like a CloudEvent in structured mode: the event is in data. Send it in binary mode, where the "
            "value is the event and the rest stands in headers."
        )
    if {"before", "after", "op"} <= names:
        return (
            "It looks like a change of Debezium: the row is in after. Set the transform ExtractNewRecordState in the "
            "connector."
        )
    return ""


def with_envelope(violations: tuple[RuleViolation, ...], envelope: str) -> tuple[RuleViolation, ...]:
    """The violations, whose first says what the event seems to be wrapped in."""
    if not violations or not envelope:
        return violations
    first = violations[0]
    return (replace(first, sentence=f"{first.sentence.removesuffix('.')}. {envelope}"), *violations[1:])


def _compressed(name: str) -> str:
    return (
        f"It looks compressed by {name}. Let Kafka compress (compression.type of the producer), not the program "
        "that writes the value."
    )
