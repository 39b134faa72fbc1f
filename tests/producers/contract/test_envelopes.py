"""What an event is wrapped in is named in the sentence of its quarantine, and under the same rule as before."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract.envelopes import Envelope, envelope_of_bytes, envelope_of_text
from producers.contract.validation import validate_record
from producers.events import EVENTS
from tests.support.clicks import CLICK, TEN

BODY = json.dumps(CLICK).encode()
FRAME = b"\x00\x00\x00\x00\x2a"


def in_json(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("value", "rule", "word"),
    [
        pytest.param(FRAME + BODY, "json_invalid", "JSON in the framing of a schema registry", id="registry"),
        pytest.param(FRAME + b"\x02\xff\x10a", "utf8_invalid", "Avro, Protobuf", id="registry, Avro"),
        pytest.param(gzip.compress(BODY), "utf8_invalid", "gzip", id="gzip"),
        pytest.param(zlib.compress(BODY), "utf8_invalid", "zlib", id="zlib"),
        pytest.param(bz2.compress(BODY), "utf8_invalid", "bzip2", id="bzip2"),
        pytest.param(b"\x28\xb5\x2f\xfd\x00\x01", "utf8_invalid", "Zstandard", id="zstd"),
        pytest.param(BODY.decode().encode("utf-16"), "utf8_invalid", "UTF-16", id="UTF-16"),
        pytest.param(BODY.decode().encode("utf-16-le"), "json_invalid", "UTF-16", id="UTF-16 without a mark"),
        pytest.param(base64.b64encode(BODY), "json_invalid", "base64", id="base64"),
        pytest.param(in_json(base64.b64encode(BODY).decode()), "json_not_object", "base64", id="base64 in JSON"),
        pytest.param(in_json(BODY.decode()), "json_not_object", "encoded twice", id="twice"),
        pytest.param(in_json({"schema": None, "payload": CLICK}), "user_id_missing", "in payload", id="Connect"),
        pytest.param(
            in_json({"specversion": "1.0", "id": "1", "source": "/", "type": "click", "data": CLICK}),
            "user_id_missing",
            "CloudEvent",
            id="CloudEvents",
        ),
        pytest.param(
            in_json({"before": None, "after": CLICK, "op": "c"}), "user_id_missing", "Debezium", id="Debezium"
        ),
    ],
)
def test_an_envelope_is_named(value, rule, word):
    violations = validate_record(EVENTS["clicks"], value, TEN).violations
    assert rule in [violation.rule for violation in violations]
    assert word in violations[0].sentence
    assert not any("It looks" in violation.sentence for violation in violations[1:])


@pytest.mark.parametrize(
    "value",
    [
        b"\x00",
        b"eyJ hello",
        BODY[:-1],
        BODY.replace(b"shoes", b"sho\xffes"),
        in_json("hello"),
        in_json("[1]"),
        in_json([CLICK]),
        in_json(CLICK | {"user_id": ""}),
        in_json({"payload": CLICK}),
    ],
)
def test_what_is_in_no_envelope_is_not_said_to_be(value):
    violations = validate_record(EVENTS["clicks"], value, TEN).violations
    assert violations
    assert not any("It looks" in violation.sentence for violation in violations)


def test_a_good_event_with_the_words_of_an_envelope_stays_good():
    extra = {"schema": 1, "payload": 2, "specversion": "1.0", "id": 1, "source": "x", "type": "y"}
    assert not validate_record(EVENTS["clicks"], in_json(CLICK | extra), TEN).violations


@given(st.binary(), st.text())
def test_anything_may_be_looked_at(value, text):
    assert isinstance(envelope_of_bytes(value), Envelope)
    assert isinstance(envelope_of_text(text), Envelope)


@given(st.integers(0, 2**32 - 1))
def test_the_schema_of_a_registry_is_named(schema):
    said = envelope_of_bytes(b"\x00" + schema.to_bytes(4, "big") + BODY).sentence
    assert f"schema {schema} " in said or "UTF-16" in said
