import hashlib
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.record import Record
from producers.simulator.corruption import INVALID, UNUSUAL
from producers.simulator.simulator import UNTIL, simulate

BUY = b'"element_id":"btn_buy"'
DAY = 86_400_000_000


def digest(records: list[Record]) -> str:
    return hashlib.sha256(repr(records).encode()).hexdigest()


def by_session(records: list[Record]) -> dict[bytes, list[Record]]:
    sessions = defaultdict(list)
    for record in records:
        sessions[record[1] or b""].append(record)
    return sessions


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(simulate(7, 4_000))


def test_the_same_arguments_give_the_same_bytes(records: list[Record]) -> None:
    assert digest(list(simulate(7, 4_000))) == digest(records)
    assert digest(list(simulate(8, 4_000))) != digest(records)


def test_the_default_end_is_a_fixed_instant() -> None:
    assert datetime(2026, 11, 1, tzinfo=UTC) == UNTIL


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(),
    sessions=st.integers(0, 120),
    dirty=st.sampled_from([0.0, 0.3, 1.0]),
    duplicates=st.sampled_from([0.0, 0.4]),
    event_ids=st.booleans(),
)
def test_streams_alone_are_the_streams_of_a_full_run(
    seed: int, sessions: int, dirty: float, duplicates: float, event_ids: bool
) -> None:
    def run(only: str | None) -> list[Record]:
        return list(simulate(seed, sessions, dirty=dirty, duplicates=duplicates, only=only, event_ids=event_ids))

    full = run(None)
    for topic in EVENTS:
        assert run(topic) == [record for record in full if record[0] == topic]


def test_every_session_is_there_in_the_order_of_time(records: list[Record]) -> None:
    assert set(by_session(records)) == {f"s{number:08d}".encode() for number in range(4_000)}
    times = [record[3] for record in records]
    assert times == sorted(times)
    end = int(UNTIL.timestamp() * 1_000_000)
    assert end - 14 * DAY <= times[0]
    assert times[-1] < end


def test_a_session_that_is_open_at_the_end_is_cut_there(records: list[Record]) -> None:
    lengths = [len(events) for events in by_session(list(simulate(7, 500, days=0.001))).values()]
    assert len(lengths) == 500
    assert sum(lengths) / 500 < 0.8 * len(records) / 4_000  # few sessions are over within a minute and a half


def test_clean_events_keep_the_contract_and_all_differ(records: list[Record]) -> None:
    identities = set()
    for topic, _, value, at in records:
        result = validate_record(EVENTS[topic], value, at)
        assert result.violations == (), value
        identities.add((topic, value))
    assert len(identities) == len(records)


def test_records_say_when_and_in_which_session(records: list[Record]) -> None:
    for _, key, value, at in records[::50]:
        event = json.loads(value or b"")
        assert event["session_id"].encode() == key
        assert datetime.fromisoformat(event["timestamp"]) == datetime.fromtimestamp(at / 1_000_000, UTC)


@pytest.mark.parametrize("buy_rate", [0.05, 0.15, 0.4])
def test_so_many_of_the_sessions_that_reach_a_third_event_buy(buy_rate: float) -> None:
    sessions = [s for s in by_session(list(simulate(3, 4_000, buy_rate=buy_rate))).values() if len(s) >= 3]
    bought = sum(any(BUY in (value or b"") for _, _, value, _ in session) for session in sessions)
    assert bought / len(sessions) == pytest.approx(buy_rate, rel=0.15)


def test_visitors_come_back_and_look_around(records: list[Record]) -> None:
    events = [json.loads(record[2] or b"") for record in records]
    users = defaultdict(set)
    for event in events:
        users[event["user_id"]].add(event["session_id"])
    assert 0.2 < sum(len(sessions) > 1 for sessions in users.values()) / len(users) < 0.8
    assert {event.get("interaction_type") for event in events} >= {"search", "zoom", "hover", "remove_from_cart"}
    assert {event.get("referrer_url") for event in events} >= {None, "https://www.google.com/"}
    after = [s for s in by_session(records).values() if any(BUY in (v or b"") for _, _, v, _ in s[:-1])]
    assert after  # events follow a purchase


def test_evenings_are_busier_than_nights(records: list[Record]) -> None:
    hours = [datetime.fromtimestamp(events[0][3] / 1_000_000, UTC).hour for events in by_session(records).values()]
    assert sum(18 <= hour < 22 for hour in hours) > 5 * sum(1 <= hour < 5 for hour in hours)


def test_no_pause_is_long_enough_to_close_a_session(records: list[Record]) -> None:
    for events in by_session(records).values():
        assert all(late[3] - early[3] < 1_800_000_000 for early, late in pairwise(events))


def sessions_of(records: list[Record]) -> dict[str, list[list[Record]]]:
    users = defaultdict(list)
    for events in by_session(records).values():
        users[json.loads(events[0][2] or b"")["user_id"]].append(events)
    return users


def test_visitors_come_back_after_days_and_never_twice_at_once(records: list[Record]) -> None:
    pairs = [pair for sessions in sessions_of(records).values() for pair in pairwise(sessions)]
    gaps = sorted((late[0][3] - early[-1][3]) / DAY for early, late in pairs)
    assert gaps[0] > 1 / 24
    assert 1 < gaps[len(gaps) // 2] < 4


def test_what_is_left_in_the_cart_waits_there(records: list[Record]) -> None:
    begins = [session[0][2] or b"" for sessions in sessions_of(records).values() for session in sessions[1:]]
    in_cart = sum(b'"page_url":"https://shop.example/cart"' in begin for begin in begins)
    assert 0.02 < in_cart / len(begins) < 0.3


def test_weekends_are_busier_than_tuesdays(records: list[Record]) -> None:
    days = [datetime.fromtimestamp(events[0][3] / 1_000_000, UTC).weekday() for events in by_session(records).values()]
    assert days.count(6) > 1.2 * days.count(1)


def test_a_visitor_keeps_his_device_and_phones_cannot_hover(records: list[Record]) -> None:
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for event in (json.loads(record[2] or b"") for record in records):
        if event.get("element_id") == "btn_add_to_cart":
            seen[event["user_id"]].add("phone" if event["x_coord"] < 400 else "desktop")
        elif event.get("interaction_type") == "hover":
            seen[event["user_id"]].add("desktop")
    assert {len(devices) for devices in seen.values()} == {1}
    assert {device for devices in seen.values() for device in devices} == {"phone", "desktop"}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_broken_breaks_the_contract(name: str, records: list[Record]) -> None:
    for topic, _, value, at in records[:300]:
        assert validate_record(EVENTS[topic], INVALID[name](value or b""), at).violations, (name, value)


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_odd_keeps_it(name: str, records: list[Record]) -> None:
    for topic, _, value, at in records[:300]:
        assert validate_record(EVENTS[topic], UNUSUAL[name](value or b""), at).violations == ()


def test_shares_of_corruption_and_duplicates_are_as_asked_for(records: list[Record]) -> None:
    dirty = list(simulate(7, 4_000, dirty=0.1))
    assert len(dirty) == len(records)
    changed = sum(one != other for one, other in zip(dirty, records, strict=True))
    broken = sum(validate_record(EVENTS[topic], value, at).violations != () for topic, _, value, at in dirty)
    assert changed / len(records) == pytest.approx(0.1, rel=0.1)
    assert broken / len(records) == pytest.approx(0.075, rel=0.1)
    twice = list(simulate(7, 4_000, duplicates=0.1))
    assert len(twice) / len(records) == pytest.approx(1.1, rel=0.01)
    sent_twice = len(twice) - len(
        {(topic, json.dumps(json.loads(text or b""), sort_keys=True)) for topic, _, text, _ in twice}
    )
    assert sent_twice == len(twice) - len(records)


def test_late_records_come_late_and_all_others_in_order(records: list[Record]) -> None:
    late = list(simulate(7, 4_000, late=0.1))
    assert sorted(late) == sorted(records)
    newest, behind = 0, []
    for *_, at in late:
        if at < newest:
            behind.append((newest - at) / 60_000_000)
        newest = max(newest, at)
    assert len(behind) / len(records) == pytest.approx(0.1, rel=0.1)
    assert 7 < sorted(behind)[len(behind) // 2] < 14


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 9), late=st.floats(0, 1), duplicates=st.sampled_from([0.0, 0.5]))
def test_lateness_loses_nothing_and_changes_nothing(seed: int, late: float, duplicates: float) -> None:
    in_time = list(simulate(seed, 60, duplicates=duplicates))
    assert sorted(simulate(seed, 60, duplicates=duplicates, late=late)) == sorted(in_time)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sessions": -1}, "-1 sessions"),
        ({"only": "purchases"}, "purchases"),
        ({"dirty": 1.5}, "dirty"),
        ({"duplicates": float("nan")}, "duplicates"),
        ({"late": -0.1}, "late"),
        ({"buy_rate": 0.99}, "buy"),
        ({"days": 0}, "days"),
        ({"until": UNTIL.replace(tzinfo=None)}, "time zone"),
        ({"until": datetime(2000, 1, 3, tzinfo=UTC)}, "2000"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_at_once(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        simulate(**arguments)  # type: ignore[arg-type]


def test_it_works_in_a_short_time_and_in_another_zone() -> None:
    zone = datetime(2026, 11, 1, 2, tzinfo=UTC).astimezone()
    assert list(simulate(1, 50, zone)) == list(simulate(1, 50, datetime(2026, 11, 1, 2, tzinfo=UTC)))
    assert list(simulate(1, 3, UNTIL - timedelta(microseconds=1), days=0.01))
