"""A login cuts sessions, and joining their parts afterwards tells rows what was not known at their cutoff."""

from __future__ import annotations

import json

import pytest

from pipelines.ml.targets import IN_SESSION
from producers.simulator.simulator import simulate
from tests.benchmarks.logins import changed_rows, counts, make, named

SESSIONS = 400


@pytest.fixture(scope="module")
def made():
    return {way: make(SESSIONS, 7, way) for way in ("device", "login", "joined")}


def test_ids_are_sent_in_one_of_three_ways():
    plain = [json.loads(value) for _, _, value, _ in simulate(7, SESSIONS)]
    for way in ("device", "login", "joined"):
        sent = [json.loads(value) for _, _, value, _ in named(simulate(7, SESSIONS), way)]
        assert [event | {"user_id": ""} for event in sent] == [event | {"user_id": ""} for event in plain]
        ids = {}
        for event, original in zip(sent, plain, strict=True):
            assert event["user_id"].removeprefix("device ").split("-")[0] == original["user_id"]
            ids.setdefault(event["session_id"], []).append(event["user_id"])
        assert {len(set(one)) for one in ids.values()} == ({1, 2} if way == "login" else {1})


def test_a_login_takes_the_buyers_from_what_is_learnt(made):
    found = counts(made["device"], made["login"], made["joined"])
    assert found["buying sessions cut in two"] > 0.8 * found["buying sessions"]
    assert found["conversion, cut"] < found["conversion"]
    assert found["… of these before the login"] < 0.2 * found["buyers' rows to learn from"]
    before = made["login"].examples
    before = before[before["user_id"].str.startswith("device") & (before["checkout_views"] > 0)]
    assert len(before)
    assert not before[IN_SESSION.label].any()


def test_a_later_join_changes_rows_at_earlier_cutoffs(made):
    assert changed_rows(made["device"], made["device"]) == 0
    assert changed_rows(made["device"], made["joined"]) > 0.05
