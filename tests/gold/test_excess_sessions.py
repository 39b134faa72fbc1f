"""Which sessions of a user are too many, by what was known when they began."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from gold.training_examples import training_examples
from gold.user_history import user_history
from tests.support.gold_events import DAY, at, buy, frames, sessions_of, view

pytestmark = pytest.mark.spark


def visits(user, count, every, since=DAY):
    return [view(f"{user}/s{n}", since + every * n) for n in range(count)]


def suspects(lake, events):
    rows = sessions_of(lake, frames(lake, events), at("00:00", day=30)).where("is_suspect").collect()
    assert {row["suspect_rule"] for row in rows} <= {"too_many_sessions"}
    found: dict[str, set[int]] = {}
    for row in rows:
        found.setdefault(row["user_id"], set()).add(int(row["session_id"].removeprefix("s")))
    return found


def test_from_one_too_many_on_all_sessions_are_suspect(lake):
    minutes = timedelta(minutes=24)  # sixty of them are 24 hours
    assert suspects(lake, [
        *visits("robot", 100, timedelta(seconds=3)),
        view("robot/s200", at("00:00", day=20)),
        *visits("at its limit", 60, timedelta(seconds=3)),
        view("at its limit/s60", DAY + timedelta(hours=24, minutes=3)),
        *visits("steady", 200, minutes),
        *visits("a little faster", 62, minutes - timedelta(seconds=1)),
        *visits("in one instant", 61, timedelta(0)),
    ]) == {
        "robot": {*range(60, 100), 200},
        "a little faster": {60, 61},
        "in one instant": set(range(61)),
    }  # fmt: skip


def test_what_comes_later_makes_no_earlier_one_suspect(lake):
    chance = random.Random(5)
    events = [
        view(f"u{user}/s{n}", DAY + timedelta(seconds=chance.randrange(4 * 86_400)))
        for user in range(6)
        for n in range(30 + 50 * user)
    ]
    until = DAY + timedelta(days=2)
    known = [one for one in events if one[1]["event_at"] <= until]
    before, after = suspects(lake, known), suspects(lake, events)
    began = {(row["user_id"], int(row["session_id"][1:])) for _, row in known}
    assert {(user, n) for user, found in after.items() for n in found} & began == {
        (user, n) for user, found in before.items() for n in found
    }
    assert before != after


def test_too_many_sessions_teach_nothing(lake):
    events = [*visits("robot", 70, timedelta(minutes=1)), buy("robot/s69", at("02:00"), 20.0)]
    silver = frames(lake, events)
    made = sessions_of(lake, silver, at("00:00", day=9)).persist()
    examples = training_examples(**silver, sessions=made, user_history=user_history(made))
    assert {row["session_id"] for row in examples.collect()} == {f"s{n}" for n in range(60)}
    # A robot's session is no answer to what a person does next, either.
    last = user_history(made).where("session_id = 's59'").first()
    assert last["bought_next"] is None
    made.unpersist()
