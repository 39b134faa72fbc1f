"""The JSON Schema for the web team says what the validator says, as far as a schema can."""

from __future__ import annotations

import json
import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from producers.contract.json_schema import BLANKS, json_schema
from producers.contract.validation import validate_record
from producers.events import EVENTS
from tests.support.spellings import ARRIVED_AT, CASES, Speller, case_value

VALIDATORS = {name: Draft202012Validator(json_schema(event)) for name, event in EVENTS.items()}

BEYOND = re.compile(
    r"value_null|body_empty|utf8_invalid|json_invalid|json_key_duplicated|json_too_deep"
    r"|timestamp_too_old|timestamp_in_future"
)
"""Rules that no schema can say: those about the text that is not JSON, and about its arrival."""


def test_the_literal_blanks_are_what_python_calls_white_space():
    blank = re.compile(f"[{BLANKS}]")
    marks = map(chr, range(sys.maxunicode + 1))
    assert all(mark.isspace() == bool(blank.fullmatch(mark)) for mark in marks)


def reads(value: bytes | None) -> object:
    """The decoded value, with the numbers that JSON has."""
    return json.loads((value or b"").removeprefix(b"\xef\xbb\xbf"), parse_constant=int)


def assert_agrees(name: str, value: bytes | None) -> None:
    result = validate_record(EVENTS[name], value, ARRIVED_AT)
    try:
        decoded = reads(value)
    except (ValueError, RecursionError):
        return
    valid = VALIDATORS[name].is_valid(decoded)
    if not result.violations:
        assert valid, value
    elif not all(is_beyond(violation.rule, decoded) for violation in result.violations):
        assert not valid, (value, result.violations)


def is_beyond(rule: str, decoded: object) -> bool:
    """Whether a schema cannot say this rule of this value; its comments do."""
    if BEYOND.fullmatch(rule):
        return True
    assert isinstance(decoded, dict) or rule == "json_not_object"
    for name, found in decoded.items() if isinstance(decoded, dict) else ():
        # An integer with a fraction of zero, a bound of a number sent as text, the length of what is no text.
        if isinstance(found, float) and found.is_integer() and rule in (f"{name}_not_id", f"{name}_unreadable"):
            return True
        # How many digits the fraction of a Unix time was written with.
        if isinstance(found, float) and found < 10**13 and rule == f"{name}_unreadable":
            return True
        if isinstance(found, str) and rule in (f"{name}_negative", f"{name}_too_large", f"{name}_not_finite"):
            return True
        if not isinstance(found, str) and rule == f"{name}_too_long":
            return True
    return False


@pytest.mark.parametrize("name", EVENTS)
def test_it_is_a_schema(name):
    schema = json_schema(EVENTS[name])
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert set(schema["properties"]) == {field.name for field in EVENTS[name].fields}
    assert all(schema["properties"][field.name]["description"] == field.doc for field in EVENTS[name].fields)


@pytest.mark.parametrize("name", EVENTS)
def test_its_patterns_are_those_of_ecma_262_too(name):
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(json_schema(EVENTS[name])))
    assert patterns
    for pattern in map(json.loads, patterns):
        assert not re.search(r"\\[sSdDwWbBAZz]|\*\+|\+\+|\?\+|\(\?P|\(\?>|\$", pattern.replace("[\\s\\S]", ""))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_it_agrees_with_the_validator_on_the_cases(case):
    assert_agrees(case["topic"], case_value(case))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EVENTS)), st.integers(0, 2**64))
def test_it_agrees_with_the_validator_on_any_spelling(name, seed):
    speller = Speller(seed)
    for _ in range(3):
        assert_agrees(name, speller.record(EVENTS[name]))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([field.name for field in EVENTS["interactions"].fields]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.lists(st.text(), max_size=2),
)
def test_it_agrees_with_the_validator_on_one_arbitrary_field(name, value):
    body = {"user_id": "u", "session_id": "s", "page_url": "/", "timestamp": 1792058400, "interaction_type": "zoom"}
    assert_agrees("interactions", json.dumps(body | {name: value}).encode())
