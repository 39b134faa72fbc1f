"""Exports of other trackers become events that the contract takes; made by hand after their public schemas."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.replay.format import Unreadable
from producers.replay.formats import FORMATS
from producers.replay.formats.snowplow import _PLACES as PLACES
from producers.replay.formats.snowplow import COLUMNS

NOW = 1_792_065_600_000_000


def read(name, *rows):
    lines = [
        (number, row if isinstance(row, bytes) else json.dumps(row).encode()) for number, row in enumerate(rows, 1)
    ]
    found = list(FORMATS[name].read(iter(lines)))
    good = [one for one in found if not isinstance(one, Unreadable)]
    return [(topic, json.loads(value)) for topic, _, value, _ in good], [
        one.reason for one in found if isinstance(one, Unreadable)
    ]


def call(kind="track", name=None, properties=None, **more):
    found = {
        "type": kind,
        "anonymousId": "a-1",
        "messageId": "m-1",
        "timestamp": "2026-10-15T10:00:00.123Z",
        "context": {
            "sessionId": 1792058400123,
            "page": {"url": "https://shop.example/p/7", "referrer": "https://t.co/"},
        },
        "properties": properties or {},
        **more,
    }
    return found | ({"event": name} if name else {})


def ga4(name, params=None, **more):
    values = {
        "ga_session_id": {"int_value": "1792058400"},
        "page_location": {"string_value": "https://shop.example/p/7"},
    }
    values |= params or {}
    return {
        "event_name": name,
        "event_timestamp": "1792058400123456",
        "user_pseudo_id": "1.2",
        "event_params": [{"key": key, "value": value} for key, value in values.items()],
        **more,
    }


def kinds(events):
    return [
        (topic, event.get("element_id") or event.get("interaction_type"), event.get("price")) for topic, event in events
    ]


def test_calls_of_segment_become_events():
    events, unreadable = read(
        "segment",
        call("page"),
        call(name="Product Viewed", properties={"price": 19.99, "category": "shoes"}),
        call(name="Product Added", properties={"price": 19.99}),
        call(name="Product Removed"),
        call(name="Order Completed", properties={"revenue": 40.5, "price": 1}),
        call(name="Banner Clicked"),
        call("identify"),
    )
    assert unreadable == []
    assert kinds(events) == [
        ("page_views", None, None),
        ("page_views", None, 19.99),
        ("clicks", "btn_add_to_cart", 19.99),
        ("interactions", "remove_from_cart", None),
        ("clicks", "btn_buy", 40.5),
        ("clicks", "Banner Clicked", None),
    ]
    assert events[0][1] == {
        "user_id": "a-1", "session_id": 1792058400123, "event_id": "m-1", "page_url": "https://shop.example/p/7",
        "referrer_url": "https://t.co/", "timestamp": "2026-10-15T10:00:00.123Z",
    }  # fmt: skip


def test_a_call_without_a_session_is_of_its_users_day():
    [(_, event)], _ = read("segment", call("page", context={}))
    assert (event["session_id"], event["page_url"]) == ("a-1-2026-10-15", "https://shop.example")


@pytest.mark.parametrize("nested", [True, False])
def test_events_of_ga4_become_events(nested):
    rows = [
        ga4("page_view", {"page_referrer": {"string_value": "https://t.co/"}}),
        ga4("view_item", items=[{"price": 19.99, "item_category": "shoes"}]),
        ga4("add_to_cart", items=[{"price": 19.99}]),
        ga4("scroll"),
        ga4("purchase", ecommerce={"purchase_revenue": 40.5}, items=[{"price": 1}, {"price": 2}]),
        ga4("begin_checkout"),
        ga4("session_start"),
    ]
    if not nested:
        for row in rows:
            params = row.pop("event_params")
            row |= {param["key"]: next(iter(param["value"].values())) for param in params}
    events, unreadable = read("ga4", *rows)
    assert unreadable == []
    assert kinds(events) == [
        ("page_views", None, None),
        ("page_views", None, 19.99),
        ("clicks", "btn_add_to_cart", 19.99),
        ("interactions", "scroll", None),
        ("clicks", "btn_buy", 40.5),
        ("clicks", "begin_checkout", None),
    ]
    assert events[0][1] == {
        "user_id": "1.2", "session_id": "1792058400", "page_url": "https://shop.example/p/7",
        "referrer_url": "https://t.co/", "timestamp": "1792058400123456",
    }  # fmt: skip
    assert events[1][1]["category"] == "shoes"


@pytest.mark.parametrize("name", ["segment", "ga4"])
def test_what_they_give_is_what_the_contract_takes(name):
    made = [call("page"), call(name="Order Completed")] if name == "segment" else [ga4("page_view"), ga4("purchase")]
    for topic, event in read(name, *made)[0]:
        assert validate_record(EVENTS[topic], json.dumps(event).encode(), NOW).violations == ()


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("segment", b"{", "no JSON"),
        ("segment", [], "no JSON object"),
        ("segment", call(), "track with a name"),
        ("segment", call("page", timestamp="soon"), "no time"),
        ("snowplow", b"a\tb", "131"),
        ("snowplow", {"x": 1}, "no event"),
        ("snowplow", {"event": "page_view", "derived_tstamp": "soon"}, "no time"),
        ("ga4", {"event": "x"}, "no event_name"),
        ("ga4", ga4("page_view", event_timestamp=None), "no time"),
        (
            "ga4",
            b'{"event_name": "page_view", "event_timestamp": 1792058400123456, "user_pseudo_id": "\\ud800"}',
            "surrogate",
        ),
    ],
)
def test_what_is_no_event_says_why(name, row, words):
    good = {"ga4": ga4("scroll"), "segment": call("page"), "snowplow": snowplow("page_view")}
    events, unreadable = read(name, row, good[name])
    assert len(events) == 1
    assert words in unreadable[0]


def snowplow(kind, **more):
    return {
        "event": kind,
        "event_id": "e-1",
        "domain_userid": "d-1",
        "domain_sessionid": "s-1",
        "page_url": "https://shop.example/p/7",
        "derived_tstamp": "2026-10-15 10:00:00.123",
        **more,
    }


def enriched(row):
    cells = [""] * COLUMNS
    for name, value in row.items():
        cells[PLACES[name]] = str(value)
    return "\t".join(cells).encode()


@pytest.mark.parametrize("spell", [dict, enriched], ids=["JSON", "tabs"])
def test_enriched_events_of_snowplow_become_events(spell):
    rows = [
        snowplow("page_view", page_referrer="https://t.co/"),
        snowplow("page_ping"),
        snowplow("struct", se_category="shop", se_action="add-to-cart"),
        snowplow("struct", se_category="shop", se_action="play"),
        snowplow("unstruct", event_name="link_click"),
        snowplow("transaction", tr_total="40.5"),
        snowplow("transaction_item"),
    ]
    events, unreadable = read("snowplow", *map(spell, rows))
    assert unreadable == []
    assert kinds(events) == [
        ("page_views", None, None),
        ("interactions", "scroll", None),
        ("clicks", "btn_add_to_cart", None),
        ("clicks", "play", None),
        ("clicks", "link_click", None),
        ("clicks", "btn_buy", "40.5"),
    ]
    assert events[0][1] == {
        "user_id": "d-1", "session_id": "s-1", "event_id": "e-1", "page_url": "https://shop.example/p/7",
        "referrer_url": "https://t.co/", "timestamp": "2026-10-15 10:00:00.123",
    }  # fmt: skip
    for topic, event in events:
        assert validate_record(EVENTS[topic], json.dumps(event).encode(), NOW).violations == ()


def test_a_session_without_an_id_is_its_users_number():
    row = snowplow("page_view", domain_sessionid=None, domain_sessionidx=3)
    assert read("snowplow", row)[0][0][1]["session_id"] == "d-1-3"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["page", "track", "1792058400"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["type", "event", "event_name", "event_timestamp", "event_params", "items", "key", "value", "timestamp",
         "properties", "context", "page", "url", "int_value", "ecommerce", "userId"]), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(st.sampled_from(["segment", "ga4", "snowplow"]), anything)
def test_any_json_is_an_event_or_a_sentence(name, row):
    events, unreadable = read(name, row)
    assert len(events) + len(unreadable) <= 1
