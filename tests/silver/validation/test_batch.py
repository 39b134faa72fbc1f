"""Batch validation gives exactly what the reference implementation gives, for any batch of records."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.contract.identity import identity
from producers.contract.pseudonyms import PLAIN, Pseudonyms
from producers.contract.timestamps import read_instant
from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.shop.addresses import addresses_of
from producers.shop.crawlers import is_known_crawler
from producers.shop.settings import current_shop
from silver.addresses import derived_columns
from silver.validation.batch import INSTANT, validate_batch, validated_schema
from silver.validation.fast_path import run_fast_path
from silver.validation.timestamps import read_instants
from tests.support.records import value as good_value
from tests.support.spellings import (
    ARRIVED_AT,
    CASES,
    EDGES,
    EPOCHS,
    GOOD,
    IDS,
    NUMBERS,
    TEXTS,
    TIMES,
    Speller,
    case_value,
)

ADDRESSES = addresses_of(current_shop())
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLICK = {
    "user_id": "u-1",
    "session_id": "s-1",
    "element_id": "btn_buy",
    "page_url": "https://shop.example/p/1",
    "category": "shoes",
    "price": 19.99,
    "timestamp": "2026-10-15T10:00:00Z",
    "x_coord": 120.5,
    "y_coord": 240,
}

values_of_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
event_names = st.sampled_from(sorted(EVENTS))


def batch_of(values: list[bytes | None]) -> pa.RecordBatch:
    count = len(values)
    return pa.record_batch(
        {
            "key": pa.nulls(count, pa.binary()),
            "value": pa.array(values, pa.binary()),
            "topic": pa.array(["clicks"] * count, pa.string()),
            "topic_id": pa.array(["an id"] * count, pa.string()),
            "partition": pa.array([3] * count, pa.int32()),
            "offset": pa.array(range(7, count + 7), pa.int64()),
            "arrived_at": pa.array([ARRIVED_AT] * count, INSTANT),
        }
    )


def derived_from(values) -> dict:
    """What silver derives from the fields of a good event, one by one."""
    page = ADDRESSES.page(values["page_url"])
    found = {"page_url": page.url, "page_host": page.host, "page_path": page.path, "page_kind": page.kind}
    if "referrer_url" in values:
        url = values["referrer_url"]
        referrer = None if url is None else ADDRESSES.referrer(url)
        found |= {
            "referrer_url": referrer and referrer.url,
            "referrer_host": referrer and referrer.host,
            "referrer_kind": ADDRESSES.referrer_kind(page, referrer),
            **{name: getattr(page, name) for name in ("campaign_source", "campaign_medium", "campaign_name")},
        }
    if "element_id" in values:
        element = values["element_id"]
        found |= {"is_purchase": element == "btn_buy", "is_cart_add": element in {"btn_add_to_cart", "add_to_cart"}}
    agent = values["user_agent"]
    return found | {"is_known_crawler": agent is not None and is_known_crawler(agent, current_shop().not_crawlers)}


def assert_like_the_reference(event, values: list[bytes | None]) -> None:
    assert_rows_like_the_reference(event, values, validate_batch(event, batch_of(values)))


def assert_rows_like_the_reference(event, values, validated: pa.RecordBatch, first_offset=7) -> None:
    assert validated.schema == validated_schema(event)
    validated.validate(full=True)
    rows = validated.to_pylist()
    assert [row["offset"] for row in rows] == list(range(first_offset, len(values) + first_offset))
    for value, row in zip(values, rows, strict=True):
        result = validate_record(event, value, ARRIVED_AT)
        names = [field.name for field in event.fields if field.name != "timestamp"]
        wanted = result.values | derived_from(result.values) if result.values else {}
        names += [column.name for column in derived_columns(event)]
        # By repr, for 0.0 equals -0.0.
        assert repr([row[name] for name in names]) == repr([wanted.get(name) for name in names]), value
        if result.violations:
            assert [tuple(rule.values()) for rule in row["violations"]] == [
                (b.rule, b.sentence) for b in result.violations
            ]
            assert row["value"] == value
            assert row["identity"] is row["event_at"] is row["event_on"] is None
        else:
            assert row["violations"] is row["value"] is None, value
            assert row["identity"] == identity(event, result.values), value
            assert row["event_at"] == EPOCH + timedelta(microseconds=result.values["timestamp"]), value
            assert row["event_on"] == row["event_at"].date()


@settings(max_examples=60, deadline=None)
@given(event_names, st.integers(0, 2**64), st.sampled_from([1, 3, 20, 150]))
def test_any_spelling_of_any_event_is_validated_alike(name, seed, count):
    event = EVENTS[name]
    speller = Speller(seed)
    assert_like_the_reference(event, [speller.record(event) for _ in range(count)])


pieces = st.sampled_from(
    [
        "https://",
        "shop.example",
        "www.google.com",
        "/",
        "/cart",
        "/p/1",
        "?token=1",
        "?utm_medium=cpc",
        "#/p/2",
        "@",
        "[",
    ]
)
urls = st.lists(pieces, min_size=1, max_size=5).map("".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(urls, st.none() | urls), min_size=1, max_size=30))
def test_addresses_are_understood_by_the_batch_as_one_by_one(pairs):
    event = {"user_id": "u", "session_id": "s", "timestamp": "2026-10-15T10:00:00Z"}
    bodies = [json.dumps({**event, "page_url": page, "referrer_url": referrer}) for page, referrer in pairs]
    assert_like_the_reference(EVENTS["page_views"], [None, *(body.encode() for body in bodies)])


@settings(max_examples=60, deadline=None)
@given(event_names, st.integers(0, 2**64))
def test_a_batch_of_one_kind_of_oddity_is_validated_alike(name, seed):
    event = EVENTS[name]
    speller = Speller(seed)
    members = dict(speller.members(event))
    odd = speller.chance.choice([field.name for field in event.fields] + ["utm", "utm2"])
    values = [speller.written(list((members | {odd: speller.anything()}).items())) for _ in range(20)]
    assert_like_the_reference(event, [value.encode("utf-8", "surrogatepass") for value in values])


@settings(max_examples=60, deadline=None)
@given(event_names, st.lists(st.binary() | st.none(), max_size=5))
def test_arbitrary_bytes_are_validated_alike(name, values):
    event = EVENTS[name]
    assert_like_the_reference(event, values)


@settings(max_examples=100, deadline=None)
@given(event_names, st.lists(values_of_json, max_size=5), st.booleans())
def test_arbitrary_json_is_validated_alike(name, values, ascii_only):
    event = EVENTS[name]
    assert_like_the_reference(
        event, [json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for value in values]
    )


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(CLICK)), values_of_json, st.dictionaries(st.text(max_size=3), values_of_json, max_size=2))
def test_an_event_with_one_arbitrary_field_is_validated_alike(name, value, unknown):
    assert_like_the_reference(EVENTS["clicks"], [json.dumps({**CLICK, **unknown, name: value}).encode()] * 2)


@settings(max_examples=150, deadline=None)
@given(st.floats(min_value=0, max_value=1e7), st.text("0123456789", max_size=30), st.integers(-330, 20))
def test_numbers_are_read_to_the_last_bit(number, more, exponent):
    texts = [repr(number), f"{number:.17f}{more}", f"{number:.3f}{more}e{exponent}", f"0.{more}1e{exponent}"]
    values = [json.dumps(CLICK | {"price": 0}).replace('"price": 0', f'"price": {text}') for text in texts]
    assert_like_the_reference(EVENTS["clicks"], [value.encode() for value in values])


@settings(max_examples=150, deadline=None)
@given(
    st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(2030, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["", "Z", "+02:00", "-18:00", "+0530", "+18:01", "+09"]),
    st.sampled_from(["T", " ", "t"]),
    st.integers(0, 10),
)
def test_times_are_read_alike(instant, zone, between, places):
    text = f"{instant:%Y-%m-%d}{between}{instant:%H:%M:%S}".rjust(19, "0")
    text += f".{instant.microsecond:06}1234"[: places + 1] if places else ""
    assert_like_the_reference(EVENTS["clicks"], [json.dumps(CLICK | {"timestamp": text + zone}).encode()])


@pytest.mark.parametrize("name", EVENTS)
def test_every_edge_in_every_field_is_validated_alike(name):
    speller = Speller(0)
    good = {field.name: GOOD[field.kind][0] for field in EVENTS[name].fields if field.required}
    texts = [json.dumps(text) for text in [*TEXTS, *IDS, *NUMBERS, *EPOCHS, *TIMES]]
    for key in [*(field.name for field in EVENTS[name].fields), "unknown"]:
        bodies = [speller.written([*(good | {key: source}).items()]) for source in EDGES + texts]
        assert_like_the_reference(EVENTS[name], [body.encode("utf-8", "surrogatepass") for body in bodies])


@pytest.mark.parametrize("first", ['"KEY":', '"KEY" :', '"ESCAPED"\n:'])
@pytest.mark.parametrize("second", ['"KEY":', '"KEY" :', '"ESCAPED"\t\n:'])
@pytest.mark.parametrize("value", ["1", '"a"', '"a" ', '" "', '"\\": \\" "', "null", "{}"])
@pytest.mark.parametrize("where", ["category", "unknown", "nested"])
def test_a_key_that_occurs_twice_is_seen_however_it_is_spelled(first, second, value, where):
    twice = f"{first} {value}, {second} {value}".replace("KEY", where)
    twice = twice.replace("ESCAPED", f"\\u{ord(where[0]):04x}{where[1:]}")
    if where == "nested":
        twice = f'"unknown": {{"y": [{{{twice}}}]}}'
    body = f'{{"user_id": 1, "session_id": 2, "page_url": "/", "timestamp": 1792058400, {twice}}}'.encode()
    assert "json_key_duplicated" in [
        violation.rule for violation in validate_record(EVENTS["page_views"], body, ARRIVED_AT).violations
    ]
    assert_like_the_reference(EVENTS["page_views"], [body] * 3)


def test_times_of_all_ages_are_read_alike():
    """Also those that no event may have, and those that no event of today may have."""
    texts = [
        *TIMES,
        *EPOCHS,
        "2100-02-29T00:00:00Z",
        "2400-02-29T00:00:00Z",
        "2100-12-31T23:59:59.9+00:59",
        "0000000000",
    ]
    for text in texts:
        instants, is_read = read_instants(pa.array([text], pa.string()))
        assert not is_read[0] or read_instant(text) == instants[0], text


@pytest.mark.parametrize("name", EVENTS)
def test_the_cases_are_validated_alike(name):
    assert_like_the_reference(EVENTS[name], [case_value(case) for case in CASES])


@pytest.mark.parametrize("name", EVENTS)
def test_an_empty_batch_gives_an_empty_batch(name):
    assert_like_the_reference(EVENTS[name], [])


def test_a_slice_and_large_binaries_are_validated_alike():
    speller = Speller(1)
    event = EVENTS["interactions"]
    values = [speller.record(event) for _ in range(50)]
    batch = batch_of([None, b"{}", *values]).slice(2)
    large = batch.set_column(1, "value", batch.column("value").cast(pa.large_binary()))
    for part in (batch, large):
        assert_rows_like_the_reference(event, values, validate_batch(event, part), first_offset=9)


def test_bytes_that_are_not_utf8_are_seen_in_unknown_fields():
    values = [
        json.dumps(CLICK | {"x": "?"}).encode().replace(b"?", other) for other in (b"\xff", b"?", b"\xed\xa0\x80")
    ]
    assert_like_the_reference(EVENTS["clicks"], values)


def test_a_character_split_between_two_records_is_no_character():
    good = json.dumps(CLICK).encode()
    assert_like_the_reference(EVENTS["clicks"], [good + b"\xc3", b"\xa9" + good, good])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"event_id": "e-1"},
        {"event_id": None, "category": None},
        {"user_id": 17},
        {"category": "  Schuhe\u00a0"},
        {"category": "日本"},
        {"price": "19.99"},
        {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"timestamp": 1792058400123},
        {"utm_source": "newsletter", "experiment": {"name": "cta", "arm": [1, 2]}},
    ],
)
def test_common_good_events_take_the_fast_path(change):
    value = json.dumps(CLICK | change, ensure_ascii=False).encode()
    batch = batch_of([value] * 3)
    assert not validate_record(EVENTS["clicks"], value, ARRIVED_AT).violations
    arrived_at = batch.column("arrived_at").cast(pa.int64()).to_numpy()
    assert run_fast_path(EVENTS["clicks"], batch.column("value"), arrived_at).is_valid.all()


@given(event_names, st.lists(st.sampled_from(["u-1", "u-2", "ü 日本", 7, "7", None, ""]), min_size=1, max_size=12))
def test_pseudonyms_stand_for_ids_and_change_nothing_else(name, users):
    event, keyed, other = EVENTS[name], Pseudonyms(b"k" * 32), Pseudonyms(b"o" * 32)
    records = batch_of([good_value(name, user_id=user) for user in users])
    plain, one, two = (validate_batch(event, records, pseudonyms=by).to_pylist() for by in (PLAIN, keyed, other))
    for before, after in zip(plain, one, strict=True):
        user = before["user_id"]
        assert after["user_id"] == (None if user is None else keyed.of(user))
        same = set(before) - {"user_id", "identity"}
        assert {column: before[column] for column in same} == {column: after[column] for column in same}
    for rows in (plain, one, two):
        # Whatever the key, the same events are the same: of one user, and of no other.
        groups = {row["identity"] for row in rows if row["user_id"] is not None}
        assert len(groups) == len({row["user_id"] for row in plain} - {None})
    # Without the key nobody can try which id an identity was made of.
    known = [{row["identity"] for row in rows} - {None} for rows in (plain, one, two)]
    assert not known[0] & known[1]
    assert not known[1] & known[2]
