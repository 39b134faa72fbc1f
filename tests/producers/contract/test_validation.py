"""The contract, rule by rule, as the reference implementation applies it."""

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
from producers.contract.identity import canonical, identity
from producers.contract.validation import validate_record
from producers.events import EVENTS
from tests.support.spellings import ARRIVED_AT, CASES, case_value

CLICK = {
    "user_id": "u-1",
    "session_id": "s-1",
    "element_id": "btn_buy",
    "page_url": "https://shop.example/p/1",
    "category": "shoes",
    "price": 19.99,
    "timestamp": "2026-10-15T10:00:00Z",
    "x_coord": 120.5,
    "y_coord": 240.0,
}
INTERACTION = {name: CLICK[name] for name in ("user_id", "session_id", "page_url", "category", "price", "timestamp")}
INTERACTION |= {"interaction_type": "scroll", "details": "down"}
TEN = 1_792_058_400_000_000  # 2026-10-15T10:00:00Z


def validated(change: dict, base: dict = CLICK, name: str = "clicks"):
    event = {key: value for key, value in (base | change).items() if value is not ...}
    return validate_record(EVENTS[name], json.dumps(event).encode(), ARRIVED_AT)


def validated_source(name: str, source: str, base: dict = CLICK, event: str = "clicks"):
    """Judge an event with a field spelled in this very way."""
    value = json.dumps(base | {name: "@@"}).replace('"@@"', source)
    return validate_record(EVENTS[event], value.encode("utf-8", "surrogatepass"), ARRIVED_AT)


def rules(result) -> list[str]:
    assert bool(result.violations) != bool(result.values)
    return [violation.rule for violation in result.violations]


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_every_case_meets_its_fate(case):
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


def test_every_broken_rule_is_told():
    result = validated({"user_id": "", "price": -5.0, "timestamp": "yesterday", "element_id": ..., "category": 7})
    assert rules(result) == [
        "user_id_blank",
        "element_id_missing",
        "category_not_text",
        "price_negative",
        "timestamp_unreadable",
    ]
    assert result.violations[3].sentence == "price is -5.0, but a price is at least 0."


def test_a_doubled_key_is_told_beside_the_other_rules_and_its_field_is_not_validated():
    value = b'{"user_id": "", "user_id": " ", "session_id": "s", "x": ' + b"[" * 100 + b"]" * 100 + b"}"
    assert rules(validate_record(EVENTS["clicks"], value, ARRIVED_AT)) == [
        *("json_too_deep", "json_key_duplicated"),
        *("element_id_missing", "page_url_missing", "timestamp_missing"),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"u-1"', "u-1"),
        ('" u-1 "', " u-1 "),
        (r'"\u0075-1"', "u-1"),
        ('"é"', "é"),
        ('"0"', "0"),
        ("17", "17"),
        ("-17", "-17"),
        ("0", "0"),
        ("-0", "-0"),
        ("9" * 1024, "9" * 1024),
        (r'"\ud83d\ude00"', "😀"),
        ('"none of them"', "none of them"),
        ('"nano"', "nano"),
        (json.dumps("x" * 1024), "x" * 1024),
        (json.dumps("😀" * 1024), "😀" * 1024),
    ],
)
@pytest.mark.parametrize("name", ["user_id", "session_id", "event_id"])
def test_an_id_is_kept_exactly(name, source, expected):
    assert validated_source(name, source).values[name] == expected


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ('""', "blank"),
        ('" \\t\u00a0"', "blank"),
        ("1.0", "not_id"),
        ("1e3", "not_id"),
        ("1E3", "not_id"),
        ("true", "not_id"),
        ("{}", "not_id"),
        ('["u-1"]', "not_id"),
        (r'"u\u0000"', "has_nul"),
        (r'"\u0000"', "has_nul"),
        (r'"u\ud800"', "not_unicode"),
        (r'"\ude00\ud83d"', "not_unicode"),
        (json.dumps("x" * 1025), "too_long"),
        ("9" * 1025, "too_long"),
        ("1" + "0" * 100_000, "too_long"),
        *(
            (json.dumps(text), "no_value")
            for text in ("undefined", "null", "None", "NaN", "nan", "NULL", "[object Object]")
        ),
        *((json.dumps(text), "no_value") for text in (" undefined ", "\u00a0none", "[OBJECT OBJECT]", "<NA>")),
    ],
)
@pytest.mark.parametrize("name", ["user_id", "session_id", "event_id"])
def test_what_is_no_id_is_refused(name, source, rule):
    assert rules(validated_source(name, source)) == [f"{name}_{rule}"]


def test_a_null_event_id_is_none_and_a_null_user_id_is_missing():
    assert validated({"event_id": None}).values["event_id"] is None
    assert rules(validated({"user_id": None})) == ["user_id_missing"]
    assert rules(validated({"user_id": ...})) == ["user_id_missing"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"shoes"', "shoes"),
        ('"  shoes\\t"', "shoes"),
        ('"\u00a0shoes\u2003"', "shoes"),
        (r'"\u001cshoes\u001f"', "shoes"),
        ('"\ufeffshoes"', "\ufeffshoes"),
        ('""', None),
        ('" \\n "', None),
        ("null", None),
        ('"null"', "null"),
        (r'"a\u0000b"', "a\ufffdb"),
        (r'"\u0000"', "\ufffd"),
        (json.dumps(" " + "é" * 1024 + " "), "é" * 1024),
        (json.dumps("😀" * 1024), "😀" * 1024),
    ],
)
def test_text_is_trimmed(source, expected):
    assert validated_source("category", source).values["category"] == expected


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("7", "not_text"),
        ("true", "not_text"),
        ("{}", "not_text"),
        ("[]", "not_text"),
        (r'"\ud800"', "not_unicode"),
        (json.dumps("x" * 1025), "too_long"),
    ],
)
def test_what_is_no_text_is_refused(source, rule):
    assert rules(validated_source("category", source)) == [f"category_{rule}"]


@pytest.mark.parametrize("value", ["", "  ", None, ...])
def test_required_text_that_is_blank_is_missing(value):
    assert rules(validated({"page_url": value})) == ["page_url_missing"]


def test_a_url_is_longer_than_other_text():
    assert not validated({"page_url": "x" * 8_192}).violations
    assert rules(validated({"page_url": "x" * 8_193})) == ["page_url_too_long"]


@pytest.mark.parametrize("text", ["scroll", " SCROLL ", "Add_To_Cart", "\tvideo_play\n", "add_to_wishlist\u00a0"])
def test_a_choice_is_compared_trimmed_in_lower_case(text):
    result = validated({"interaction_type": text}, INTERACTION, "interactions")
    assert result.values["interaction_type"] == text.strip().lower()


@pytest.mark.parametrize(
    ("value", "rule"),
    [("teleport", "unknown"), ("add to cart", "unknown"), ("", "missing"), (None, "missing"), (3, "not_text")],
)
def test_an_unknown_choice_is_refused(value, rule):
    assert rules(validated({"interaction_type": value}, INTERACTION, "interactions")) == [f"interaction_type_{rule}"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{"b" : 1,  "a":[1.0, 1e2]}', '{"b" : 1,  "a":[1.0, 1e2]}'),
        ("[ ]", "[ ]"),
        ("{}", "{}"),
        ("1.50", "1.50"),
        ("-0", "-0"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ('" a "', "a"),
        ('"  "', None),
        ('"{}"', "{}"),
        (r'"a\u0000"', "a\ufffd"),
        (r'{"a": "\u0000\ud800é"}', r'{"a": "\u0000\ud800é"}'),
        ('{"x": "' + "a" * 65_527 + '"}', '{"x": "' + "a" * 65_527 + '"}'),
    ],
)
def test_details_are_text_or_their_own_source(source, expected):
    assert validated_source("details", source, INTERACTION, "interactions").values["details"] == expected


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ('{"x": "' + "a" * 65_528 + '"}', "details_too_long"),
        (json.dumps("a" * 65_537), "details_too_long"),
        (r'"\ud800"', "details_not_unicode"),
        ('{"a": 1, "a": 2}', "json_key_duplicated"),
        ("[" * 100 + "]" * 100, "json_too_deep"),
    ],
)
def test_bad_details_are_refused(source, rule):
    assert rules(validated_source("details", source, INTERACTION, "interactions")) == [rule]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("19.99", 19.99),
        ("19.990", 19.99),
        ("0", 0.0),
        ("-0", 0.0),
        ("-0.0", 0.0),
        ("-1e-400", 0.0),
        ("1e2", 100.0),
        ("10000000", 1e7),
        ('"19.99"', 19.99),
        ('" 1E2\u00a0"', 100.0),
        ('"-0"', 0.0),
        (r'"\u0031"', 1.0),
        ("null", None),
        ("0." + "3" * 1000, 1 / 3),
    ],
)
def test_a_number_is_read(source, expected):
    price = validated_source("price", source).values["price"]
    assert repr(price) == repr(expected)


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ('""', "not_number"),
        ('" "', "not_number"),
        ('"19,99"', "not_number"),
        ('"1_000"', "not_number"),
        ('"NaN"', "not_number"),
        ('"Infinity"', "not_number"),
        ('"+1"', "not_number"),
        ('"01"', "not_number"),
        ('"1."', "not_number"),
        ('"0x1"', "not_number"),
        ('"\uff11"', "not_number"),
        ('"19.99 EUR"', "not_number"),
        ('"1\\n2"', "not_number"),
        ("true", "not_number"),
        ("{}", "not_number"),
        ("[1]", "not_number"),
        ("1e999", "not_finite"),
        ("-1e999", "not_finite"),
        ('"1e999"', "not_finite"),
        ("9" * 400, "not_finite"),
        ("-5.0", "negative"),
        ('"-0.01"', "negative"),
        ("10000000.01", "too_large"),
        ("1e308", "too_large"),
    ],
)
def test_what_is_no_good_number_is_refused(source, rule):
    assert rules(validated_source("price", source)) == [f"price_{rule}"]


def test_coordinates_have_bounds_of_their_own():
    assert not validated({"x_coord": 100_000}).violations
    assert rules(validated({"x_coord": 100_001, "y_coord": -1})) == ["x_coord_too_large", "y_coord_negative"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"2026-10-15T10:00:00Z"', TEN),
        ('"2026-10-15 10:00:00"', TEN),
        ('" 2026-10-15T10:00:00Z\\n"', TEN),
        ('"2026-10-15T12:00:00+02:00"', TEN),
        ('"2026-10-15T12:00:00+0200"', TEN),
        ('"2026-10-15T12:00:00+02"', TEN),
        ('"2026-10-15T10:00:00-00:00"', TEN),
        ('"2026-10-16T04:00:00+18:00"', TEN),
        ('"2026-10-14T16:00:00-18:00"', TEN),
        ('"2026-10-15T10:00:00.1"', TEN + 100_000),
        ('"2026-10-15T10:00:00.1234567Z"', TEN + 123_456),
        ('"2026-10-15T10:00:00.999999999Z"', TEN + 999_999),
        ("1792058400", TEN),
        ('"1792058400"', TEN),
        ("1792058400123", TEN + 123_000),
        ('" 1792058400123 "', TEN + 123_000),
        ('"2000-01-01T00:00:00Z"', 946_684_800_000_000),
        ('"1999-12-31T23:00:00-01:00"', 946_684_800_000_000),
        ('"2000-02-29T00:00:00Z"', 951_782_400_000_000),
        ('"2026-10-16T12:00:00Z"', ARRIVED_AT + 86_400_000_000),
        ('"2026-10-16T12:00:00.0000009Z"', ARRIVED_AT + 86_400_000_000),
    ],
)
def test_a_time_is_read(source, expected):
    assert validated_source("timestamp", source).values["timestamp"] == expected


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("null", "missing"),
        ('""', "missing"),
        ('"  "', "missing"),
        ("true", "unreadable"),
        ("{}", "unreadable"),
        ("1792058400.0", "unreadable"),
        ("1792058400.5", "unreadable"),
        ("1.7920584e9", "unreadable"),
        ("179205840", "unreadable"),
        ("17920584001", "unreadable"),
        ("1792058400123456", "unreadable"),
        ("-1792058400", "unreadable"),
        ('"\uff11\uff17\uff19\uff12\uff10\uff15\uff18\uff14\uff10\uff10"', "unreadable"),
        *(
            (json.dumps(text), "unreadable")
            for text in (
                *(
                    "2026-10-15",
                    "2026-10-15T10:00Z",
                    "2026-10-15T10:00:00z",
                    "2026-10-15t10:00:00Z",
                    "20261015T100000Z",
                ),
                *("2026-10-15T10:00:60Z", "2026-10-15T24:00:00Z", "2026-10-15T10:60:00Z", "2026-02-30T10:00:00Z"),
                *("2026-02-29T10:00:00Z", "1900-02-29T10:00:00Z", "2026-13-01T10:00:00Z", "2026-00-01T10:00:00Z"),
                *("2026-10-00T10:00:00Z", "0000-01-01T00:00:00Z", "2026-10-15T10:00:00.Z", "2026-10-15T10:00:00,5Z"),
                *("2026-10-15T10:00:00.1234567890Z", "2026-10-15T10:00:00 Z", "2026-10-15T10:00:00+2:00", "1 Oct 2026"),
                *("2026-10-15T10:00:00+18:01", "2026-10-15T10:00:00+19:00", "2026-10-15T10:00:00+02:60", "now"),
                *(
                    "2026-10-15T10:00:00\u2212\u0030\u0032:00",
                    "10/15/2026 10:00:00 AM",
                    "\u0000",
                    "2026-10-15  10:00:00",
                ),
                *("+2026-10-15T10:00:00Z", "12026-10-15T10:00:00Z", "2026-10-15T10:00:00UTC", "2026-10-15T10:00:00ZZ"),
            )
        ),
        (r'"\ud800"', "unreadable"),
        ('"1999-12-31T23:59:59.999999Z"', "too_old"),
        ('"2000-01-01T00:00:00+00:01"', "too_old"),
        ('"0000000001"', "too_old"),
        ('"0001-01-01T00:00:00+18:00"', "too_old"),
        ('"2026-10-16T12:00:00.000001Z"', "in_future"),
        ("9999999999", "in_future"),
        ('"9999-12-31T23:59:59-18:00"', "in_future"),
    ],
)
def test_what_is_no_good_time_is_refused(source, rule):
    assert rules(validated_source("timestamp", source)) == [f"timestamp_{rule}"]


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


def test_the_identity_of_known_events_never_changes():
    event = EVENTS["clicks"]
    values = validated({}).values
    assert canonical(event, values) == (
        b"fields\0clicks\0category,element_id,page_url,price,session_id,timestamp,user_id,x_coord,y_coord\0"
        b"shoes\0btn_buy\0https://shop.example/p/1\x004033fd70a3d70a3d\0s-1\x0000065dde1c594800\0u-1\0"
        b"405e200000000000\x00406e000000000000"
    )
    assert identity(event, values).hex() == "2e8636a93325ce1c7a2ccca5f2dcb96e"
    assert canonical(event, validated({"event_id": "e-é"}).values) == "event_id\0clicks\0e-é".encode()
    assert identity(event, validated({"event_id": "e-é"}).values).hex() == "e666507afaf4883ba5304d1318827ed6"
    bare = {"user_id": 7, "session_id": "s", "page_url": "/", "timestamp": 1792058400}
    values = validated(bare, {}, "page_views").values
    assert identity(EVENTS["page_views"], values).hex() == "c209d976ef7c03ca9a2ace150a76e722"


def test_the_same_event_id_on_another_topic_is_another_event():
    body = {"event_id": "e", **CLICK, **INTERACTION}
    identities = {identity(EVENTS[name], validated({}, body, name).values) for name in EVENTS}
    assert len(identities) == len(EVENTS)


def test_identity_is_the_event_id_or_else_all_fields():
    def of(change):
        return identity(EVENTS["clicks"], validated(change).values)

    assert of({"event_id": "e", "price": 1}) == of({"event_id": "e", "price": 2, "user_id": "u-2"})
    changes = [{}, {"price": 19.98}, {"price": None}, {"category": None}, {"category": "bags"}, {"user_id": "u-2"}]
    changes += [{"timestamp": "2026-10-15T10:00:00.000001Z"}, {"x_coord": 240.0, "y_coord": 120.5}, {"x_coord": None}]
    changes += [{"element_id": "s-1", "session_id": "btn_buy"}]
    assert len({of(change) for change in changes}) == len(changes)
