"""A record against the contract, as the reference implementation validates it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from producers.contract.event_type import (
    EventType,
    choice,
    details,
    event_id,
    session_id,
    text,
    timestamp,
    user_id,
)
from producers.contract.validation import validate_record
from producers.events import EVENTS
from tests.support.clicks import CLICK, TEN, rules, validated, validated_source
from tests.support.spellings import ARRIVED_AT, CASES, case_value


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_every_case_goes_where_it_says(case):
    result = validate_record(EVENTS[case["topic"]], case_value(case), ARRIVED_AT)
    assert ("quarantine" if result.violations else "silver") == case["expect"].replace("dedup", "silver")
    for name, expected in case.get("expect_value", {}).items():
        if name == "event_time":
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=result.values["timestamp"])
            assert at.isoformat(timespec="microseconds").replace("+00:00", "Z") == expected
        elif name == "details_json":
            assert json.loads(result.values["details"]) == expected
        elif not name.startswith("gold_"):
            assert result.values[name] == expected


GOOD_BODY = json.dumps(CLICK).encode()


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (None, "value_null"),
        (b"", "body_empty"),
        (b" \r\n\t", "body_empty"),
        (b"\xef\xbb\xbf", "body_empty"),
        (b"\xef\xbb\xbf  ", "body_empty"),
        (GOOD_BODY.replace(b"shoes", b"sho\xffes"), "utf8_invalid"),
        (GOOD_BODY.replace(b"{", b'{"x": "\xed\xa0\x80", '), "utf8_invalid"),
        (GOOD_BODY.replace(b"{", b'{"x\xc0\x80": 1, '), "utf8_invalid"),
        (GOOD_BODY.decode().encode("utf-16"), "utf8_invalid"),
        (GOOD_BODY.decode().encode("utf-16-le"), "json_invalid"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD_BODY, "json_invalid"),
        (GOOD_BODY + b"x", "json_invalid"),
        (GOOD_BODY + GOOD_BODY, "json_invalid"),
        (GOOD_BODY + b"\n" + GOOD_BODY, "json_invalid"),
        (GOOD_BODY + b"\0", "json_invalid"),
        (b"\x0c" + GOOD_BODY, "json_invalid"),
        ("\u00a0".encode() + GOOD_BODY, "json_invalid"),
        (GOOD_BODY[:-1], "json_invalid"),
        (GOOD_BODY[:40], "json_invalid"),
        (GOOD_BODY[:-1] + b",}", "json_invalid"),
        (GOOD_BODY.replace(b", ", b",, ", 1), "json_invalid"),
        (GOOD_BODY.replace(b": ", b" ", 1), "json_invalid"),
        (GOOD_BODY.replace(b'"', b"'"), "json_invalid"),
        (GOOD_BODY.replace(b"{", b"{// hello\n"), "json_invalid"),
        (GOOD_BODY.replace(b"{", b"{/**/"), "json_invalid"),
        (GOOD_BODY.replace(b"shoes", b"sho\x1fes"), "json_invalid"),
        (GOOD_BODY.replace(b"shoes", rb"sho\es"), "json_invalid"),
        (GOOD_BODY.replace(b"shoes", rb"sho\u12"), "json_invalid"),
        (GOOD_BODY.replace(b"shoes", rb"sho\u12G4"), "json_invalid"),
        (GOOD_BODY.replace(b'"shoes"', b"shoes"), "json_invalid"),
        (GOOD_BODY.replace(b'"shoes"', b"None"), "json_invalid"),
        (GOOD_BODY.replace(b'"shoes"', b"True"), "json_invalid"),
        (GOOD_BODY.replace(b'"category"', b"category"), "json_invalid"),
        (b'{"a":[1}', "json_invalid"),
        (b'{"a":{"b":1]}', "json_invalid"),
        (b"[1,]", "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b"null", "json_not_object"),
        (b"42", "json_not_object"),
        (b"-0.5e-7", "json_not_object"),
        (b' "hello" ', "json_not_object"),
        (b"true", "json_not_object"),
        (b"[" + GOOD_BODY + b"]", "json_not_object"),
        (b"[" * 100_000 + b"]" * 100_000, "json_not_object"),
        (GOOD_BODY.replace(b"{", b'{"user_id": "u-1", '), "json_key_duplicated"),
        (GOOD_BODY.replace(b"{", b'{"user\\u005fid": "u-1", '), "json_key_duplicated"),
        (GOOD_BODY.replace(b"{", b'{"x": 1, "x": 1, '), "json_key_duplicated"),
        (GOOD_BODY.replace(b"{", b'{"x": [{"a": 1, "\\u0061": 2}], '), "json_key_duplicated"),
        (GOOD_BODY.replace(b"{", b'{"x": ' + b"[" * 100 + b"]" * 100 + b", "), "json_too_deep"),
        (GOOD_BODY.replace(b"{", b'{"x": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b", "), "json_too_deep"),
    ],
)
def test_a_body_that_is_not_one_object_is_refused(value, rule):
    assert rules(validate_record(EVENTS["clicks"], value, ARRIVED_AT)) == [rule]


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "01", "-01", "+1", ".5", "1.", "0x1", "1e", "1_0", "-"]
)
def test_what_is_no_json_number_is_no_json(number):
    assert rules(validated_source("price", number)) == ["json_invalid"]


@pytest.mark.parametrize(
    "value",
    [
        b"\xef\xbb\xbf" + GOOD_BODY,
        b"\xef\xbb\xbf \n" + GOOD_BODY + b"\r\n\t ",
        GOOD_BODY.replace(b": ", b" \n:\t").replace(b", ", b"\r, "),
        GOOD_BODY.replace(b"{", b'{"x": ' + b"[" * 99 + b"]" * 99 + b", "),
        GOOD_BODY.replace(b"{", b'{"x": {"a": 1}, "y": {"a": 1}, "z": [{"a": 1}, {"a": 1}], '),
        GOOD_BODY.replace(b"{", b'{"User_ID": null, "user_id ": 7, "x": "\\ud800", "n": 1e999, '),
        GOOD_BODY.replace(b'"user_id"', b'"\\u0075ser_id"'),
    ],
)
def test_white_space_unknown_keys_and_escapes_change_nothing(value):
    assert validate_record(EVENTS["clicks"], value, ARRIVED_AT) == validated({})


def test_every_violation_is_reported():
    result = validated({"user_id": "", "price": -5.0, "timestamp": "yesterday", "element_id": ..., "category": 7})
    assert rules(result) == [
        "user_id_blank",
        "element_id_missing",
        "category_not_text",
        "price_negative",
        "timestamp_unreadable",
    ]
    assert result.violations[3].sentence == "price is -5.0, but a price is at least 0."


def test_a_duplicate_key_is_reported_and_its_field_skipped():
    value = b'{"user_id": "", "user_id": " ", "session_id": "s", "x": ' + b"[" * 100 + b"]" * 100 + b"}"
    assert rules(validate_record(EVENTS["clicks"], value, ARRIVED_AT)) == [
        *("json_too_deep", "json_key_duplicated"),
        *("element_id_missing", "page_url_missing", "timestamp_missing"),
    ]


def test_the_arrival_may_be_any_number():
    for arrived_at in (-(10**30), -1, 0, 10**30):
        validate_record(EVENTS["clicks"], GOOD_BODY, arrived_at)


@pytest.mark.parametrize("name", [*CLICK, "event_id"])
@pytest.mark.parametrize("text", ["\x1b[31m\n" * 500, "\ud800\u202e\0" * 500])
def test_a_sentence_is_short_and_printable(name, text):
    for violation in validated({name: text}).violations:
        assert len(violation.sentence) < 700
        assert violation.sentence.isprintable()


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 10**6,
        b'{"a":' * 10**5,
        b'"' + rb"\u0041" * 10**6,
        b'{"a":"' + b"\\" * 10**6,
        b" " * 10**6 + b"x",
        b'{"price":' + b"9" * 10**6 + b"}",
        b'{"user_id":' + b"9" * 10**6 + b"}",
        b'{"timestamp":' + b"1" * 10**6 + b"}",
        b'{"price":"' + b" " * 10**6 + b'1"}',
        b'{"price":"' + b"1" * 10**6 + b'e"}',
        b'{"price":0.' + b"0" * 10**6 + b"1e1000001}",
        b'{"category":"' + "\u00a0".encode() * 10**6 + b'"}',
        b"{" + b",".join(b'"%d":1' % number for number in range(10**5)) + b"}",
        b"{" + b",".join([b'"a":1'] * 10**5) + b"}",
    ],
)
def test_a_megabyte_is_validated_in_moments(value):
    start = time.process_time()
    assert validate_record(EVENTS["clicks"], value, ARRIVED_AT).violations
    assert time.process_time() - start < 30  # a square of it would take hours


def test_optional_choices_and_lower_bounds_work():
    event = EventType(
        "things",
        "One row per thing.",
        (
            user_id(),
            session_id(),
            event_id(),
            timestamp(),
            text("note", "A note."),
            details(),
            choice("kind", "Its kind.", choices=("a", "b")),
        ),
    )
    body = {"user_id": "u", "session_id": "s", "timestamp": "2026-10-15T10:00:00Z", "kind": "A"}
    result = validate_record(event, json.dumps(body).encode(), ARRIVED_AT)
    assert result.values == {
        "user_id": "u",
        "session_id": "s",
        "event_id": None,
        "timestamp": TEN,
        "note": None,
        "details": None,
        "kind": "a",
    }
