"""Recognise what an event was wrapped in on its way to Kafka, so that quarantine says what to change and where."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from producers.contract.field_rules import RuleViolation
from producers.contract.strict_json import JsonDocument, JsonType, NotJsonError, read_json
from producers.contract.unwrapping import CLOUD_EVENT, FRAME, MAX_UNPACKED, NAMES


class Envelope(NamedTuple):
    """What a value seems to be wrapped in: a sentence with what to change, and its name if it can be unwrapped."""

    sentence: str = ""
    kind: str = ""


NONE = Envelope()
"""Nobody knows."""

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
_BASE64 = re.compile(r"\s*eyJ[A-Za-z0-9+/_-]*={0,2}\s*\Z")  # of what begins with {" in JSON

_DOUBLE = Envelope(
    "It looks encoded twice: the text is itself the JSON of an object. Give the producer's serializer the event as an "
    "object, or its JSON as bytes.",
    "double_encoding",
)
_BASED = Envelope("It looks like JSON in base64. Send the JSON itself, in UTF-8.")


def envelope_of_bytes(value: bytes) -> Envelope:
    """What these bytes, which are no JSON, seem to be, and what to change."""
    for start, name in _COMPRESSED.items():
        if value.startswith(start):
            return _compressed(name)
    if value.startswith(_ZLIB):
        return _compressed("zlib")
    if value.startswith(b"Obj\x01"):
        return Envelope("It looks like a file of Avro. Send JSON in UTF-8.")
    if value.startswith(_WIDE) and len(value) > 2:  # noqa: PLR2004
        return Envelope("It looks like UTF-16. Send UTF-8.")
    if value.startswith(b"\x00") and len(value) > FRAME:
        schema, is_json = int.from_bytes(value[1:FRAME], "big"), value[FRAME:].lstrip().startswith((b"{", b"["))
        return Envelope(
            f"It looks like {'JSON' if is_json else 'Avro, Protobuf or the like'} in the framing of a schema registry "
            f"(a zero byte, and schema {schema} in four bytes). Let the producer use a serializer of plain JSON.",
            "schema_registry" if is_json else "",
        )
    return _BASED if value.isascii() and _BASE64.match(value.decode()) else NONE


def envelope_of_text(text: str) -> Envelope:
    """The same of a JSON text, where an object should be."""
    if _BASE64.match(text):
        return _BASED
    try:
        return _DOUBLE if read_json(text).type is JsonType.OBJECT else NONE
    except NotJsonError:
        return NONE


def envelope_of_object(document: JsonDocument) -> Envelope:
    """The same of an object that is not the event."""
    names = document.members.keys()
    if names == {"schema", "payload"}:
        return Envelope(
            "It looks like Kafka Connect's schema and payload: the event is in payload. Set "
            "value.converter.schemas.enable=false in the connector.",
            "connect",
        )
    if names >= CLOUD_EVENT:
        return Envelope(
            "It looks like a CloudEvent in structured mode: the event is in data. Send it in binary mode, where the "
            "value is the event and the rest stands in headers.",
            "cloud_event" if "user_id" not in names else "",
        )
    if {"before", "after", "op"} <= names:
        return Envelope(
            "It looks like a change of Debezium: the row is in after. Set the transform ExtractNewRecordState in the "
            "connector."
        )
    return NONE


def with_envelope(
    violations: tuple[RuleViolation, ...], envelope: Envelope, topic: str, unwraps: Collection[str]
) -> tuple[RuleViolation, ...]:
    """The violations, whose first says what the event seems to be wrapped in, and how the topic can unwrap it."""
    if envelope.kind in unwraps:
        return _with(
            violations,
            f"{envelope.sentence} conf/shop.toml unwraps it, but what is in it cannot be had: it is damaged, stands "
            f"there twice, or is more than {MAX_UNPACKED:,} bytes.",
        )
    if envelope.kind:
        return _with(
            violations,
            f'{envelope.sentence} Or let it be unwrapped: `{topic} = ["{envelope.kind}"]` below [envelopes] in '
            "conf/shop.toml, then `clickstream quarantine replay`.",
        )
    return _with(violations, envelope.sentence)


def with_layers(violations: tuple[RuleViolation, ...], layers: tuple[str, ...]) -> tuple[RuleViolation, ...]:
    """The violations, whose first says what the event was taken out of before it was validated."""
    return _with(violations, f"That is of what was unwrapped from {', in it '.join(NAMES[kind] for kind in layers)}.")


def _with(violations: tuple[RuleViolation, ...], sentence: str) -> tuple[RuleViolation, ...]:
    if not violations or not sentence:
        return violations
    first = violations[0]
    return (replace(first, sentence=f"{first.sentence.removesuffix('.')}. {sentence}"), *violations[1:])


def _compressed(name: str) -> Envelope:
    return Envelope(
        f"It looks compressed by {name}. Let Kafka compress (compression.type of the producer), not the program "
        "that writes the value.",
        "gzip" if name == "gzip" else "",
    )
