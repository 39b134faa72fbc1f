"""Validate one record by the contract, in plain Python: the reference implementation.

silver.validation must return the same for every record, only faster. What the contract leaves open is
decided here and in producers.contract.field_rules:

- Strict JSON by RFC 8259, with one byte order mark in front and JSON white space around the object.
  UTF-8 is checked in the whole value, in unknown keys as well.
- A body that cannot be read violates one rule. Of a body that can be read, every violation is reported:
  those of the fields, a key that occurs twice at any level, and nesting that is too deep. A field whose
  own key occurs twice is not validated.
- What the event seems to be wrapped in (producers.contract.envelopes) is said behind the first violation. What the
  shop's settings unwrap for the topic (producers.contract.unwrapping) is validated in place of its envelope.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from producers.contract.envelopes import (
    NONE,
    Envelope,
    envelope_of_bytes,
    envelope_of_object,
    envelope_of_text,
    with_envelope,
    with_layers,
)
from producers.contract.event_type import MAX_DEPTH, EventType
from producers.contract.field_rules import READERS, RuleViolation, Value, missing, shown
from producers.contract.strict_json import JsonDocument, JsonType, JsonValue, NotJsonError, read_json, unescaped
from producers.contract.unwrapping import unwrapped
from producers.shop.settings import current_shop

_NULL = JsonType.NULL  # in Python 3.11 looking it up costs more than comparing with it
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK_BYTES = b" \t\n\r"


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """A good record's normalised values, ``timestamp`` in microseconds; or a bad record's violations."""

    values: dict[str, Value]
    violations: tuple[RuleViolation, ...]


def validate_record(event: EventType, value: bytes | None, arrived_at: int) -> ValidationResult:
    """Validate a record that arrived at an instant (microseconds since 1970, UTC), by the present settings.

    Never raises for what a value holds.
    """
    # A valid record is in no envelope, so the settings are looked at only where there are violations.
    result = validate_value(event, value, arrived_at)
    if not result.violations or not (unwraps := current_shop().envelopes_of(event.name)):
        return result
    inner, layers = unwrapped(value or b"", unwraps)
    result = validate_value(event, inner if layers else value, arrived_at, unwraps)
    return ValidationResult(result.values, with_layers(result.violations, layers)) if layers else result


def validate_value(
    event: EventType, value: bytes | None, arrived_at: int, unwraps: Collection[str] = ()
) -> ValidationResult:
    """Validate a value as it is. ``unwraps`` are the envelopes that it would have been taken out of."""
    try:
        document = _document(value)
    except _UnreadableError as error:
        return ValidationResult({}, with_envelope((error.violation,), error.envelope, event.name, unwraps))
    return validate_document(event, document, arrived_at, unwraps)


def validate_document(
    event: EventType, document: JsonDocument, arrived_at: int, unwraps: Collection[str] = ()
) -> ValidationResult:
    """Validate a JSON object that has been read."""
    violations = _shape_violations(document)
    values: dict[str, Value] = {}
    for field in event.fields:
        if field.name in document.duplicated:
            continue
        found = document.members.get(field.name, _ABSENT)
        if found.type is not _NULL:
            values[field.name] = READERS[field.kind](field, found, violations, arrived_at)
        else:
            values[field.name] = None
            if field.required:
                violations.append(missing(field))
    if violations:
        return ValidationResult({}, with_envelope(tuple(violations), envelope_of_object(document), event.name, unwraps))
    return ValidationResult(values, ())


_ABSENT = JsonValue(_NULL, "null")


class _UnreadableError(Exception):
    def __init__(self, rule: str, sentence: str, envelope: Envelope = NONE) -> None:
        super().__init__(sentence)
        self.violation = RuleViolation(rule, sentence)
        self.envelope = envelope


def _document(value: bytes | None) -> JsonDocument:
    """The object in a value; raises if there is none."""
    if value is None:
        raise _UnreadableError("value_null", "The record has no value (a tombstone).")
    body = value.removeprefix(_BYTE_ORDER_MARK)
    if not body.strip(_BLANK_BYTES):
        raise _UnreadableError("body_empty", "The value is empty or blank.")
    try:
        text = body.decode()
        document = read_json(text)
    except UnicodeDecodeError as error:
        position = error.start + len(value) - len(body)
        sentence = f"The value is not UTF-8: byte {position} is 0x{body[error.start]:02x}."
        raise _UnreadableError("utf8_invalid", sentence, envelope_of_bytes(value)) from None
    except NotJsonError as error:
        rest = text[error.position :]
        what = f"there cannot be {shown(rest)}" if rest else "it ends too early"
        sentence = f"The value is not JSON: at character {error.position}, {what}"
        raise _UnreadableError("json_invalid", sentence, envelope_of_bytes(value)) from None
    if document.type is not JsonType.OBJECT:
        envelope = envelope_of_text(unescaped(text.strip())) if document.type is JsonType.STRING else NONE
        sentence = f"The value is not a JSON object, but {_named(document.type)}."
        raise _UnreadableError("json_not_object", sentence, envelope)
    return document


def _shape_violations(document: JsonDocument) -> list[RuleViolation]:
    violations = []
    if document.depth > MAX_DEPTH:
        sentence = f"The value nests {document.depth:,} levels deep, but at most {MAX_DEPTH} are read."
        violations.append(RuleViolation("json_too_deep", sentence))
    if document.duplicated:
        keys = ", ".join(shown(key) for key in document.duplicated[:3])
        violations.append(RuleViolation("json_key_duplicated", f"A key occurs twice in one object: {keys}."))
    return violations


def _named(kind: JsonType) -> str:
    return {
        JsonType.STRING: "a text",
        JsonType.NUMBER: "a number",
        JsonType.OBJECT: "an object",
        JsonType.ARRAY: "an array",
        JsonType.TRUE: "true",
        JsonType.FALSE: "false",
        JsonType.NULL: "null",
    }[kind]
