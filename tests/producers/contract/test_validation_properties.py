"""What holds of the reference implementation whatever it is given."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.contract.identity import identity
from producers.contract.strict_json import NotJsonError, read_json
from producers.contract.validation import validate_record
from producers.events import EVENTS
from tests.support.spellings import ARRIVED_AT, Speller

event_names = st.sampled_from(sorted(EVENTS))
values_of_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
good_events = st.fixed_dictionaries(
    {
        "user_id": words.filter(str.strip).map("u-{}".format),
        "session_id": st.integers() | words.map("s-{}".format),
        "interaction_type": st.sampled_from(["scroll", "zoom", "search"]),
        "page_url": words.map("/{}|".format),
        "timestamp": st.datetimes(datetime(2000, 1, 2), datetime(2026, 10, 15), timezones=st.just(UTC)),  # noqa: DTZ001
    },
    optional={
        "event_id": words.map("e-{}".format),
        "category": words.map("c-{}-".format),
        "price": st.floats(0, 10_000_000),
        "details": words.map("d-{}-".format),
    },
)


def check(name: str, value: bytes | None, arrived_at: int = ARRIVED_AT) -> None:
    event = EVENTS[name]
    result = validate_record(event, value, arrived_at)
    assert bool(result.violations) != bool(result.values)
    for violation in result.violations:
        assert violation.rule
        assert violation.sentence.isprintable()
    if result.values:
        assert list(result.values) == [field.name for field in event.fields]
        assert all(result.values[field.name] is not None for field in event.fields if field.required)
        assert not any("\0" in found for found in result.values.values() if isinstance(found, str))
        assert len(identity(event, result.values)) == 16


@given(event_names, st.binary() | st.none(), st.integers())
def test_arbitrary_bytes_are_validated(name, value, arrived_at):
    check(name, value, arrived_at)


@given(event_names, values_of_json)
def test_arbitrary_json_is_validated(name, value):
    check(name, json.dumps(value).encode())


@settings(max_examples=300)
@given(event_names, st.integers(0, 2**64))
def test_any_spelling_of_any_event_is_validated(name, seed):
    check(name, Speller(seed).record(EVENTS[name]))


@settings(max_examples=200)
@given(values_of_json, st.booleans(), st.sampled_from([None, 1]))
def test_json_is_read_as_json(value, ascii_only, indent):
    """Each member's source says what the standard library's reader says."""
    text = json.dumps({"it": value}, ensure_ascii=ascii_only, indent=indent)
    document = read_json(text)
    assert json.loads(document.members["it"].source) == value
    assert document.duplicated == ()


@settings(max_examples=300)
@given(st.integers(0, 2**64))
def test_what_is_read_as_json_is_what_the_standard_library_reads(seed):
    speller = Speller(seed)
    text = speller.written(speller.members(EVENTS["interactions"]))
    place = speller.chance.randrange(len(text))
    for spelled in (text, text[:place] + speller.chance.choice('"\\{}[]:,0-.eE') + text[place + 1 :]):
        try:
            json.loads(spelled, parse_constant=refuse, parse_int=str, parse_float=str)
            expected = True
        except RecursionError:
            continue
        except ValueError:
            expected = False
        assert reads(spelled) is expected, spelled


def refuse(constant: str) -> None:
    raise ValueError(constant)


def reads(text: str) -> bool:
    try:
        read_json(text)
    except NotJsonError as error:
        return error.position > len(text)
    return True


@settings(max_examples=200)
@given(good_events, st.integers(0, 2**64), st.integers(-18 * 60, 18 * 60))
def test_every_spelling_of_an_event_has_the_same_identity(body, seed, minutes):
    event, speller, chance = EVENTS["interactions"], Speller(seed), Speller(seed).chance
    plain = {**body, "timestamp": body["timestamp"].isoformat()}
    first = validate_record(event, json.dumps(plain).encode(), ARRIVED_AT)
    assert not first.violations

    at = body["timestamp"].astimezone(timezone(timedelta(minutes=minutes)))
    between, nanoseconds = chance.choice("T "), chance.choice(["", "0", "999"])
    spelled = {
        **{name: speller.text(text) for name, text in body.items() if isinstance(text, str)},
        "session_id": speller.text(str(body["session_id"])),
        "page_url": speller.text(f" {body['page_url']}\t"),
        "interaction_type": speller.text(body["interaction_type"].upper()),
        "timestamp": speller.text(f"{at:%Y-%m-%d}{between}{at:%H:%M:%S.%f}{nanoseconds}{at.isoformat()[-6:]}"),
    }
    for name in ("event_id", "category", "details", "price"):
        if name not in body and chance.random() < 0.5:
            spelled[name] = "null"
    if "event_id" not in body and chance.random() < 0.5:
        spelled["event_id"] = speller.text(chance.choice(["", " (Not set)", "00000000-0000-0000-0000-000000000000"]))
    if "category" not in body:
        spelled["category"] = speller.text(chance.choice(["", "  "]))
    if "price" in body:
        price = repr(body["price"]) + ("" if "e" in repr(body["price"]) else "000")
        spelled["price"] = price if chance.random() < 0.5 else speller.text(price)
    members = [*spelled.items(), ("unknown", speller.text("x"))]
    chance.shuffle(members)
    second = validate_record(event, speller.written(members).encode(), ARRIVED_AT)
    assert not second.violations
    assert identity(event, second.values) == identity(event, first.values)


@settings(max_examples=200)
@given(good_events, good_events)
def test_different_events_have_different_identities(one, other):
    event = EVENTS["interactions"]
    for body in (one, other):
        body["timestamp"] = str(body["timestamp"])
    first, second = (validate_record(event, json.dumps(body).encode(), ARRIVED_AT).values for body in (one, other))
    assert (first == second) == (identity(event, first) == identity(event, second))
