"""What the settings unwrap is validated as if it had come alone; what they do not is left as it is."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from producers.contract.strict_json import NotJsonError, read_json
from producers.contract.unwrapping import MAX_LAYERS, MAX_UNPACKED, unwrapped
from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.shop.settings import current_shop
from silver.validation import batch as batches
from silver.validation.batch import INSTANT, validate_batch
from tests.support.clicks import CLICK, TEN, rules
from tests.support.envelopes import ALL, BOM, CLOUD_EVENT, WRAPS, unwrap
from tests.support.spellings import ARRIVED_AT, Speller

BODY = json.dumps(CLICK).encode()
many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def wrapped(value: bytes, names: list[str]) -> bytes | None:
    """The value in these envelopes, the last outermost; None where one of them cannot hold it."""
    for name in names:
        try:
            if name in ("connect", "cloud_event"):
                read_json(value.removeprefix(BOM).decode())
            value = WRAPS[name](value)
        except (UnicodeDecodeError, NotJsonError):
            return None
    return value


def outcome(event, value):
    result = validate_record(event, value, ARRIVED_AT)
    return result.values, [violation.rule for violation in result.violations]


def in_batch(event, values, shop=None):
    columns = {"topic": "t", "topic_id": "i", "partition": pa.scalar(0, pa.int32()), "offset": pa.scalar(1)}
    columns |= {"arrived_at": pa.scalar(ARRIVED_AT, INSTANT)}
    repeated = {name: pa.repeat(value, len(values)) for name, value in columns.items()}
    return validate_batch(
        event, pa.record_batch({**repeated, "value": pa.array(values, pa.binary())}), shop
    ).to_pylist()


@many
@given(
    st.sampled_from(sorted(EVENTS)),
    st.integers(0, 2**64),
    st.lists(st.sampled_from(sorted(WRAPS)), max_size=MAX_LAYERS),
)
@example("clicks", 0, ["gzip", "schema_registry"])
@example("clicks", 1, ["double_encoding", "connect", "cloud_event ", "gzip"])
def test_a_wrapped_event_has_the_outcome_of_it_alone(monkeypatch, tmp_path, name, seed, names):
    event, value = EVENTS[name], Speller(seed).record(EVENTS[name]) or b"{}"
    monkeypatch.delenv("CLICKSTREAM_CONF", raising=False)
    alone, whole = outcome(event, value), wrapped(value, names)
    assume(whole is not None)
    unwrap(monkeypatch, tmp_path)
    assert outcome(event, whole) == alone
    row, same = in_batch(event, [whole, value])
    if alone[0]:
        assert row == same
    else:
        assert row["value"] == whole
        said = validate_record(event, whole, ARRIVED_AT).violations
        assert row["violations"] == [{"rule": each.rule, "sentence": each.sentence} for each in said]


@many
@given(st.binary() | st.sampled_from(sorted(WRAPS)).map(lambda name: WRAPS[name](BODY)), st.binary(max_size=4))
def test_any_bytes_are_unwrapped_or_left(value, more):
    for whole in (value, value + more, value[:-1]):
        inner, layers = unwrapped(whole, ALL)
        assert (inner == whole) if not layers else len(layers) <= MAX_LAYERS
        assert unwrapped(whole, ()) == (whole, ())


def test_a_valid_event_with_the_words_of_an_envelope_stays(monkeypatch, tmp_path):
    words = {"schema": 1, "payload": {}, "specversion": "1.0", "id": 1, "source": "x", "type": "y", "data": CLICK}
    value = json.dumps({**CLICK, **words, "user_id": "u-2"}).encode()
    unwrap(monkeypatch, tmp_path)
    assert validate_record(EVENTS["clicks"], value, TEN).values["user_id"] == "u-2"
    assert in_batch(EVENTS["clicks"], [value])[0]["user_id"] == "u-2"


@pytest.mark.parametrize("name", sorted(WRAPS))
def test_nothing_is_unwrapped_as_shipped_and_the_cure_is_said(name):
    violations = validate_record(EVENTS["clicks"], WRAPS[name](BODY), TEN).violations
    assert f'`clicks = ["{name.strip()}"]` below [envelopes] in conf/shop.toml' in violations[0].sentence
    assert "quarantine replay" in violations[0].sentence
    assert in_batch(EVENTS["clicks"], [WRAPS[name](BODY)])[0]["violations"][0]["sentence"] == violations[0].sentence


@pytest.mark.parametrize("name", sorted(WRAPS))
def test_only_the_named_envelope_is_unwrapped(monkeypatch, tmp_path, name):
    unwrap(monkeypatch, tmp_path, (name.strip(),))
    good = [other for other, wrap in WRAPS.items() if not validate_record(EVENTS["clicks"], wrap(BODY), TEN).violations]
    assert {other.strip() for other in good} == {name.strip()}


@pytest.mark.parametrize(
    "value",
    [
        gzip.compress(BODY, mtime=0)[:-9],
        gzip.compress(BODY, mtime=0) + b"rest",
        gzip.compress(b" " * MAX_UNPACKED + BODY, mtime=0),
        (CLOUD_EVENT % '"data": {}, "data_base64": "e30="').encode(),
        (CLOUD_EVENT % '"data": {}, "data": {}').encode(),
        (CLOUD_EVENT % '"data_base64": "e30"').encode(),
    ],
)
def test_what_cannot_be_unwrapped_waits_with_a_sentence(monkeypatch, tmp_path, value):
    unwrap(monkeypatch, tmp_path)
    result = validate_record(EVENTS["clicks"], value, TEN)
    assert "conf/shop.toml unwraps it, but" in result.violations[0].sentence
    assert in_batch(EVENTS["clicks"], [value])[0]["value"] == value


def test_what_is_bad_inside_says_what_it_was_inside(monkeypatch, tmp_path):
    unwrap(monkeypatch, tmp_path)
    result = validate_record(EVENTS["clicks"], gzip.compress(WRAPS["connect"](b'{"user_id": ""}')), TEN)
    assert "unwrapped from gzip, in it Kafka Connect's schema and payload" in result.violations[0].sentence
    assert "element_id_missing" in rules(result)
    assert rules(validate_record(EVENTS["clicks"], None, TEN)) == ["value_null"]


def test_little_bytes_that_hold_many_fill_no_memory(monkeypatch, tmp_path):
    bomb = gzip.compress(b" " * (200 << 20), 9)
    assert len(bomb) < MAX_UNPACKED
    tracemalloc.start()
    assert unwrapped(bomb, ALL) == (bomb, ())
    assert tracemalloc.get_traced_memory()[1] < 4 * MAX_UNPACKED
    tracemalloc.stop()
    # What unpacks to no more than it may is validated in parts, to the same rows.
    values = [gzip.compress(b" " * 9_000 + BODY)] * 30 + [BODY, None]
    unwrap(monkeypatch, tmp_path)
    whole = in_batch(EVENTS["clicks"], values)
    monkeypatch.setattr(batches, "UNWRAPPED_AT_ONCE", 20_000)
    assert in_batch(EVENTS["clicks"], values) == whole
    assert [row["user_id"] for row in whole] == ["u-1"] * 31 + [None]


def test_a_mark_in_front_of_an_envelope_is_tolerated(monkeypatch, tmp_path):
    unwrap(monkeypatch, tmp_path)
    for name in ("connect", "double_encoding", "cloud_event"):
        assert outcome(EVENTS["clicks"], BOM + b" " + WRAPS[name](BODY)) == outcome(EVENTS["clicks"], BODY)
    assert base64.b64encode(BODY) not in unwrapped(WRAPS["cloud_event "](BODY), ALL)


def test_unwrapping_is_part_of_the_topics_contract_alone(monkeypatch, tmp_path):
    versions = {name: event.version for name, event in EVENTS.items()}
    shipped = current_shop()
    unwrap(monkeypatch, tmp_path, ("gzip",), ("clicks",))
    changed = {name for name, event in EVENTS.items() if event.version != versions[name]}
    assert changed == {"clicks"}
    assert current_shop().silver_version == shipped.silver_version


def test_workers_unwrap_by_the_settings_that_they_are_given():
    shop = replace(current_shop(), envelopes=(("clicks", ("gzip",)),))
    assert in_batch(EVENTS["clicks"], [gzip.compress(BODY)], shop)[0]["user_id"] == "u-1"
    assert in_batch(EVENTS["clicks"], [gzip.compress(BODY)])[0]["user_id"] is None
