"""Apply the rules of each kind of field: what a value must be, and what it becomes.

- Ids are kept exactly, never trimmed. An integer is kept as the digits it was written with; ``1.0`` and
  ``1e3`` are not integers. The no-value texts are compared trimmed and in lower case, in every id. An id that is not
  required, the event_id, is null where its text says that there is none; so is a blank one and a nil UUID.
- Text is trimmed of what Python calls white space and measured in code points after that. U+0000 in it
  becomes U+FFFD. An escaped half of a surrogate pair is not text, except inside ``details`` that are not
  text: those stay their own source text.
- A number may be text, trimmed; minus zero becomes zero. Bounds are inclusive.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from producers.contract.event_type import Field, Kind
from producers.contract.strict_json import NUMBER, JsonType, JsonValue
from producers.contract.timestamps import EARLIEST, FORMS, LATEST_AFTER_ARRIVAL, read_instant, written

Value = str | float | int | None

NO_VALUE = frozenset(
    {
        "undefined",
        "null",
        "none",
        "nan",
        "<na>",
        "[object object]",
        "[object null]",
        "[object undefined]",
        "[object promise]",
    }
)
"""How JavaScript and Python print that there is no value, in lower case. No id is one of these."""

NO_EVENT_ID = NO_VALUE | {
    "",
    "nil",
    "nat",
    "n/a",
    "#n/a",
    "(null)",
    "(none)",
    "(not set)",
    "not set",
    "\\n",
    "00000000-0000-0000-0000-000000000000",
    "00000000000000000000000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
}
"""What an event_id is, trimmed and in lower case, where the tracker has none: as programs print it, and the nil UUID.
It never says who the user is, so nothing is guessed by leaving it out."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands in text for U+0000, which many readers of tables cannot hold."""

# In Python 3.11 looking up a member of an enumeration costs more than comparing with it.
_STRING, _NUMBER = JsonType.STRING, JsonType.NUMBER

_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class RuleViolation:
    """A rule that a record violates: its stable name, and a sentence for people."""

    rule: str
    sentence: str


def shown(text: str) -> str:
    """A text as a sentence may quote it: short, on one line, with nothing unprintable in it."""
    start = text[:_SHOWN]
    escaped = "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in start)
    return escaped if len(text) <= _SHOWN else f"{escaped}… ({len(text):,} characters)"


def number_in(text: str) -> float | None:
    """The number that a trimmed text is, infinite if it is too large; None if it is no plain JSON number."""
    return float(text) + 0.0 if NUMBER.fullmatch(text) else None


def _article(field: Field) -> str:
    return f"{'an' if field.name[0] in 'aeiox' else 'a'} {field.name}"


def missing(field: Field) -> RuleViolation:
    """The violation that a required field has no value."""
    return RuleViolation(f"{field.name}_missing", f"{field.name} is missing, null or blank, but every event has one.")


def _id(field: Field, found: JsonValue, violations: list[RuleViolation], _arrived_at: int) -> Value:
    if found.type is _STRING:
        text = found.text()
    elif found.type is _NUMBER and not set(found.source) & set(".eE"):
        text = found.source
    else:
        sentence = f"{field.name} is {shown(found.source)}, but an id is a text or an integer."
        violations.append(RuleViolation(f"{field.name}_not_id", sentence))
        return None
    trimmed = text.strip()
    if not field.required and trimmed.lower() in NO_EVENT_ID:
        _measured(field, text, violations)
        return None
    if not trimmed:
        violations.append(RuleViolation(f"{field.name}_blank", f"{field.name} is blank."))
    elif trimmed.lower() in NO_VALUE:
        sentence = f"{field.name} is {shown(text)}, which is how a tracker says that it has no value."
        violations.append(RuleViolation(f"{field.name}_no_value", sentence))
    if "\0" in text:
        sentence = f"{field.name} holds the character U+0000: {shown(text)}"
        violations.append(RuleViolation(f"{field.name}_has_nul", sentence))
    return _measured(field, text, violations)


def _text(field: Field, found: JsonValue, violations: list[RuleViolation], _arrived_at: int) -> Value:
    text = _trimmed(field, found, violations)
    return None if text is None else _measured(field, text.replace("\0", REPLACEMENT), violations)


def _trimmed(field: Field, found: JsonValue, violations: list[RuleViolation]) -> str | None:
    """The trimmed text, or None if it is blank or no text."""
    if found.type is not _STRING:
        sentence = f"{field.name} is {shown(found.source)}, but {_article(field)} is a text."
        violations.append(RuleViolation(f"{field.name}_not_text", sentence))
        return None
    text = found.text().strip()
    if not text and field.required:
        violations.append(missing(field))
    return text or None


def _measured(field: Field, text: str, violations: list[RuleViolation]) -> str:
    """The text, after checking that it can be stored and is not too long."""
    if _SURROGATE.search(text):
        sentence = f"{field.name} holds half of a surrogate pair, which is no character: {shown(text)}"
        violations.append(RuleViolation(f"{field.name}_not_unicode", sentence))
    if len(text) > field.max_length:
        sentence = f"{field.name} has {len(text):,} characters, but {_article(field)} has at most {field.max_length:,}."
        violations.append(RuleViolation(f"{field.name}_too_long", sentence))
    return text


def _choice(field: Field, found: JsonValue, violations: list[RuleViolation], _arrived_at: int) -> Value:
    text = _trimmed(field, found, violations)
    if text is None:
        return None
    text = text.lower()
    if text not in field.choices:
        sentence = f"{field.name} is {shown(text)}, but {_article(field)} is one of: {', '.join(field.choices)}."
        violations.append(RuleViolation(f"{field.name}_unknown", sentence))
    return text


def _details(field: Field, found: JsonValue, violations: list[RuleViolation], arrived_at: int) -> Value:
    if found.type is _STRING:
        return _text(field, found, violations, arrived_at)
    return _measured(field, found.source, violations)


def _number(field: Field, found: JsonValue, violations: list[RuleViolation], _arrived_at: int) -> Value:
    text = found.text().strip() if found.type is _STRING else found.source
    number = number_in(text)
    if number is None:
        rule, limit = "not_number", "a JSON number such as 19.99, or text that is one"
    elif math.isinf(number):
        rule, limit = "not_finite", "a finite number"
    elif number < field.minimum:
        rule, limit = "negative" if field.minimum == 0 else "too_small", f"at least {field.minimum:,.15g}"
    elif number > field.maximum:
        rule, limit = "too_large", f"at most {field.maximum:,.15g}"
    else:
        return number
    sentence = f"{field.name} is {shown(found.source)}, but {_article(field)} is {limit}."
    violations.append(RuleViolation(f"{field.name}_{rule}", sentence))
    return None


def _timestamp(field: Field, found: JsonValue, violations: list[RuleViolation], arrived_at: int) -> Value:
    text = found.text().strip() if found.type is _STRING else found.source
    if not text:
        violations.append(missing(field))
        return None
    instant = read_instant(text)
    if instant is None:
        rule, limit = "unreadable", f"a time is {FORMS}"
    elif instant < EARLIEST:
        rule, limit = "too_old", f"that is before {written(EARLIEST)}"
    elif instant > arrived_at + LATEST_AFTER_ARRIVAL:
        rule, limit = "in_future", f"that is more than a day after the record arrived, {written(arrived_at)}"
    else:
        return instant
    violations.append(RuleViolation(f"{field.name}_{rule}", f"{field.name} is {shown(found.source)}, but {limit}."))
    return None


READERS: dict[Kind, Callable[[Field, JsonValue, list[RuleViolation], int], Value]] = {
    Kind.ID: _id,
    Kind.TEXT: _text,
    Kind.URL: _text,
    Kind.CHOICE: _choice,
    Kind.DETAILS: _details,
    Kind.NUMBER: _number,
    Kind.TIMESTAMP: _timestamp,
}
"""By kind: the function that takes a field, its value (not null), a list for violations, and the record's arrival."""
