"""The rules of each kind of field: which values are refused, and what the others become."""

from __future__ import annotations

import json

import pytest

from producers.contract.field_rules import NO_EVENT_ID
from tests.support.clicks import INTERACTION, TEN, rules, validated, validated_source
from tests.support.spellings import ARRIVED_AT


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
@pytest.mark.parametrize("name", ["user_id", "session_id"])
def test_what_is_no_id_is_refused(name, source, rule):
    assert rules(validated_source(name, source)) == [f"{name}_{rule}"]


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("1.0", "not_id"),
        ("true", "not_id"),
        ("{}", "not_id"),
        (r'"u\u0000"', "has_nul"),
        (r'"u\ud800"', "not_unicode"),
        (json.dumps("x" * 1025), "too_long"),
        (json.dumps(" " * 1021 + "null"), "too_long"),
    ],
)
def test_what_is_no_event_id_is_refused(source, rule):
    assert rules(validated_source("event_id", source)) == [f"event_id_{rule}"]


@pytest.mark.parametrize("text", [*sorted(NO_EVENT_ID), *(one.upper() for one in sorted(NO_EVENT_ID))])
def test_an_event_id_that_says_no_value_is_none(text):
    for spelled in (text, f" {text}\u00a0"):
        assert validated_source("event_id", json.dumps(spelled)).values["event_id"] is None


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
        ("1792058400.1234567891", "unreadable"),
        ("179205840012345.5", "unreadable"),
        ("1.7920584e9", "unreadable"),
        ("179205840", "unreadable"),
        ("17920584001", "unreadable"),
        ("17920584001234567", "unreadable"),
        ("-1792058400", "unreadable"),
        ('"\uff11\uff17\uff19\uff12\uff10\uff15\uff18\uff14\uff10\uff10"', "unreadable"),
        *(
            (json.dumps(text), "unreadable")
            for text in (
                *(
                    "2026-10-15",
                    "2026-10-15T10Z",
                    "2026-10-15T10:00:00[UTC]",
                    "20261015T100000Z",
                ),
                *("2026-10-15T10:00:60Z", "2026-10-15T24:00:00Z", "2026-10-15T10:60:00Z", "2026-02-30T10:00:00Z"),
                *("2026-02-29T10:00:00Z", "1900-02-29T10:00:00Z", "2026-13-01T10:00:00Z", "2026-00-01T10:00:00Z"),
                *("2026-10-00T10:00:00Z", "0000-01-01T00:00:00Z", "2026-10-15T10:00:00.Z", "2026-10-15T10:00,5Z"),
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
