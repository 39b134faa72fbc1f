"""Public samples of exports become events that the contract takes; tests/data/README.md says whose they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.replay.format import Unreadable
from producers.replay.formats import FORMATS

FOLDER = Path(__file__).parents[2] / "data" / "trackers"
NOW = 1_792_065_600_000_000


def read(name, file):
    lines = enumerate((FOLDER / file).read_bytes().splitlines(), 1)
    found = list(FORMATS[name].read(iter(lines)))
    assert not any(isinstance(one, Unreadable) for one in found)
    return [(topic, value) for topic, _, value, _ in found]


def violated(records):
    return [[v.rule for v in validate_record(EVENTS[topic], value, NOW).violations] for topic, value in records]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("snowplow", "snowplow_enriched.tsv"),
        ("snowplow", "snowplow_sdk.jsonl"),
        ("segment", "segment_calls.jsonl"),
        ("segment", "rudderstack_calls.jsonl"),
    ],
)
def test_a_public_sample_is_valid(name, file):
    records = read(name, file)
    assert violated(records) == [[]] * len(records)


def test_an_enriched_event_is_alike_between_tabs_and_as_json():
    (tabs,), (sdk,) = read("snowplow", "snowplow_enriched.tsv"), read("snowplow", "snowplow_sdk.jsonl")
    one, other = (validate_record(EVENTS[topic], value, NOW).values for topic, value in (tabs, sdk))
    assert one == other
    assert (tabs[0], one["user_id"], one["session_id"], one["page_url"]) == (
        "page_views",
        "bc2e92ec6c204a14",
        "2b15e5c8-d3b1-11e4-b9d6-1681e6b88ec1",
        "http://www.snowplowanalytics.com",
    )


@pytest.mark.parametrize("file", ["segment_calls.jsonl", "rudderstack_calls.jsonl"])
def test_calls_of_a_visit_stay_one_visit_through_the_login(file):
    events = [(topic, json.loads(value)) for topic, value in read("segment", file)]
    assert len({(event["user_id"], event["session_id"]) for _, event in events}) == 1
    assert [
        (topic, event.get("element_id") or event.get("interaction_type"), event.get("price")) for topic, event in events
    ] == [
        ("page_views", None, None),
        ("page_views", None, 18.99),
        ("clicks", "btn_add_to_cart", 18.99),
        ("clicks", "btn_buy", 25.0),
        ("interactions", "search", None),
    ]
    assert all("Firefox" in event["user_agent"] for _, event in events)
    assert not any("someone@mail.example" in json.dumps(event) for _, event in events)


def test_rows_of_ga4_without_a_user_wait_in_quarantine():
    records = read("ga4", "ga4_events.jsonl")
    assert violated(records) == [["user_id_missing"]] * 3 + [[]] * 3
    assert [json.loads(value)["session_id"] for _, value in records[3:]] == ["1675704511", "1675704511", "1675704981"]
