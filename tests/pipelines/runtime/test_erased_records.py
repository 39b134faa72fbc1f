"""A person is found in a record however it was wrapped, misspelt or cut short, and in nobody else's."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.runtime.erased_records import ids_in, records_of, texts_of
from producers.events import EVENTS
from tests.support.records import NOON, value

WHO = "anna-1234"


def found(*values, who=WHO, key=None):
    """Which of these values of clicks are a person's."""
    columns = {
        "topic": ["clicks"] * len(values),
        "topic_id": ["id"] * len(values),
        "partition": pa.array([0] * len(values), pa.int32()),
        "offset": pa.array(range(len(values)), pa.int64()),
        "arrived_at": pa.array([NOON] * len(values), pa.timestamp("us", "UTC")),
        "value": pa.array(values, pa.binary()),
        "key": pa.array([key] * len(values), pa.binary()),
    }
    return records_of(EVENTS["clicks"], pa.table(columns), {who}.__contains__, texts_of([who])).to_pylist()


BODY = json.dumps({"user_id": WHO, "price": -1}).encode()


@pytest.mark.parametrize(
    "body",
    [
        value("clicks", user_id=WHO),
        BODY,
        BODY[:-3],
        gzip.compress(BODY, mtime=0),
        json.dumps(BODY.decode()).encode(),
        b"\x00\x00\x00\x00\x07" + BODY,
        b'{"schema":{},"payload":' + BODY + b"}",
        b'{"USER_ID":"' + WHO.encode() + b'"}',
        b'{"user_id":"nobody","user_id":"' + WHO.encode() + b'"}',
        b'{"user_id":"\\u0061nna-1234"}',
        b"\xff\xfe not text: " + WHO.encode() + b" \x00",
        b"https://shop.example/?u=" + WHO.encode(),
    ],
)
def test_a_record_of_the_person_is_found(body):
    assert found(body) == [True]


@pytest.mark.parametrize(
    "body",
    [
        value("clicks"),
        value("clicks", page_url=f"https://shop.example/?friend={WHO}"),  # of somebody else, who names the person
        b"anna-12345",
        b"xanna-1234",
        b"{}",
        b"",
        None,
    ],
)
def test_a_record_of_somebody_else_is_not(body):
    assert found(body) == [False]


def test_a_bad_record_is_known_by_its_key():
    assert found(b"{", key=WHO.encode()) == [True]
    assert found(value("clicks"), key=WHO.encode()) == [False]


def test_a_short_id_is_not_looked_for_among_other_bytes():
    assert found(b"price 42", value("clicks", user_id="42"), b'{"user_id": 42}', who="42") == [False, True, True]


IDS = st.text(min_size=1, max_size=20).filter(lambda one: one.strip() == one)


@given(IDS, st.booleans())
def test_every_id_is_read_from_what_can_be_parsed(who, is_ascii):
    assert who in ids_in(json.dumps({"a": [{"user_id": who}]}, ensure_ascii=is_ascii).encode("utf-8"))
