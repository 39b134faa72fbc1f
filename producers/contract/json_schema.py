"""The contract as JSON Schema 2020-12, for the teams that send events. Standard library only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from producers.contract.event_type import MAX_DEPTH, EventType, Field, Kind
from producers.contract.field_rules import NO_VALUE
from producers.contract.strict_json import NUMBER
from producers.contract.timestamps import FORMS, ZONE_NAME

Schema = dict[str, Any]


def json_schema(event: EventType) -> Schema:
    """A JSON Schema for the values of one topic.

    It refuses nothing that the validation accepts. What it cannot say stands in its ``$comment``.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:clickstream:{event.name}:{event.version}",
        "title": event.name,
        "description": event.doc,
        "$comment": (
            "Beyond this schema: the value is UTF-8; no key occurs twice in one object, at any level; nesting is at "
            f"most {MAX_DEPTH} levels deep; the keys match by exact case. Unknown keys are ignored."
        ),
        "type": "object",
        "properties": {field.name: _property(field) for field in event.fields},
        "required": [field.name for field in event.fields if field.required],
    }


def _property(field: Field) -> Schema:
    schema = _SCHEMAS[field.kind](field)
    if not field.required:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {"description": field.doc, **schema}


# Patterns mean the same in ECMA-262 with the flag u, which JSON Schema asks for, and in Python. So no \s,
# which differ, and no $, which in Python stands before a last line feed too.
# What str.isspace() calls white space, as literals: to scan 1.1 million code points costs 0.1 s.
BLANKS = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028-\u2029\u202f\u205f\u3000"
_BLANK, _INK, _ANY, _END = f"[{BLANKS}]", f"[^{BLANKS}]", "[\\s\\S]", "(?![\\s\\S])"
_SURROGATE = "[\\ud800-\\udfff]"
_KELVIN = "\N{KELVIN SIGN}"  # a k in lower case


def _trimmed(pattern: str) -> str:
    return f"^{_BLANK}*(?:{pattern}){_BLANK}*{_END}"


def _in_any_case(text: str) -> str:
    """A pattern for every text that is this one in lower case."""
    return "".join(map(_mark_in_any_case, text))


def _mark_in_any_case(mark: str) -> str:
    if mark.isalpha():
        return f"[{mark}{mark.upper()}{_KELVIN if mark == 'k' else ''}]"
    return f"\\{mark}" if mark in "[](){}.*+?^$|" else mark


def _id(field: Field) -> Schema:
    refused = [{"pattern": f"\\u0000|{_SURROGATE}"}]
    text: Schema = {"type": "string", "maxLength": field.max_length, "not": {"anyOf": refused}}
    if field.required:
        text["pattern"] = _INK
        refused.append({"pattern": _trimmed("|".join(_in_any_case(text) for text in sorted(NO_VALUE)))})
    comment = f"An integer is written without fraction and exponent, in at most {field.max_length:,} characters."
    return {"anyOf": [text, {"type": "integer"}], "$comment": comment}


def _text(field: Field) -> Schema:
    schema: Schema = {"type": "string", "not": {"anyOf": [{"pattern": _SURROGATE}, {"pattern": _longer(field)}]}}
    return schema | {"pattern": _INK} if field.required else schema


def _longer(field: Field) -> str:
    """A pattern for what has too many characters from the first that is not blank to the last."""
    return f"{_INK}{_ANY}{{{field.max_length - 1},}}{_INK}"


def _choice(field: Field) -> Schema:
    choices = "|".join(_in_any_case(choice) for choice in field.choices)
    return {"type": "string", "pattern": _trimmed(choices if field.required else f"(?:{choices})?")}


def _details(field: Field) -> Schema:
    others = {"type": ["number", "boolean", "object", "array"]}
    comment = f"What is no text has at most {field.max_length:,} characters as it is written."
    return {"anyOf": [_text(field), others], "$comment": comment}


def _number(field: Field) -> Schema:
    number = {"type": "number", "minimum": field.minimum, "maximum": field.maximum}
    comment = f"A number that is sent as text also lies between {field.minimum:,.15g} and {field.maximum:,.15g}."
    return {"anyOf": [number, {"type": "string", "pattern": _trimmed(_portable(NUMBER.pattern))}], "$comment": comment}


def _portable(pattern: str) -> str:
    """A pattern of Python's without possessive quantifiers, which ECMA-262 does not have."""
    return pattern.replace("*+", "*").replace("++", "+")


def _timestamp(_field: Field) -> Schema:
    leap_year = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
    date = (
        "(?!0000)(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
        f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{leap_year}-02-29)"
    )
    time = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?"
    zone = f"(?:(?:[Zz]|[+\\-](?:(?:0[0-9]|1[0-7])(?::?[0-5][0-9])?|18(?::?00)?))(?:{ZONE_NAME})?)?"
    unix = "(?:[0-9]{10}|[0-9]{13})(?:\\.[0-9]{1,9})?|[0-9]{16}|[0-9]{19}"
    text = {"type": "string", "pattern": _trimmed(f"{date}[Tt ]{time}{zone}|{unix}")}
    numbers = [
        {"type": kind, "minimum": 10 ** (digits - 1), "exclusiveMaximum": 10**digits}
        for digits, kind in ((10, "number"), (13, "number"), (16, "integer"), (19, "integer"))
    ]
    comment = (
        f"It is {FORMS}. It lies between 2000-01-01T00:00:00Z and one day after the event arrives. Unix time has no "
        "exponent; only seconds and milliseconds have a fraction, of at most nine digits."
    )
    return {"anyOf": [text, *numbers], "$comment": comment}


_SCHEMAS: dict[Kind, Callable[[Field], Schema]] = {
    Kind.ID: _id,
    Kind.TEXT: _text,
    Kind.URL: _text,
    Kind.CHOICE: _choice,
    Kind.DETAILS: _details,
    Kind.NUMBER: _number,
    Kind.TIMESTAMP: _timestamp,
}
