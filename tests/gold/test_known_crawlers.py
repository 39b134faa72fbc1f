"""Sessions of known crawlers are suspect, teach nothing, and leave no user agent in gold; made without Spark."""

from __future__ import annotations

import json

import pytest

from gold.sessions import TABLE as SESSIONS
from gold.training_examples import TABLE as EXAMPLES
from pipelines.runtime.catalog import TABLES
from producers.record import encode
from silver.events import SILVER
from tests.support.simulated_examples import simulated_lake

AGENTS = {
    0: "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    1: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    2: "okhttp/4.9.2",
}


def kind(session_id):
    return int(session_id[1:]) % 4


def with_agents(records):
    for topic, key, value, at in records:
        event = json.loads(value)
        agent = AGENTS.get(kind(event["session_id"]))
        yield topic, key, encode(event | ({"user_agent": agent} if agent else {})), at


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return simulated_lake(tmp_path_factory.mktemp("crawlers"), 200, 7, change=with_agents)


def test_sessions_of_known_crawlers_are_suspect(lake):
    rows = lake.read(SESSIONS, ["session_id", "suspect_rule", "is_suspect"]).to_pylist()
    assert len(rows) == 200
    for row in rows:
        assert row["suspect_rule"] == ("known_crawler" if kind(row["session_id"]) == 0 else None)
        assert row["is_suspect"] == (kind(row["session_id"]) == 0)


def test_nothing_is_learnt_from_known_crawlers(lake):
    sessions = set(lake.read(EXAMPLES, ["session_id"])["session_id"].to_pylist())
    assert sessions
    assert not any(kind(session) == 0 for session in sessions)


def test_silver_says_who_is_a_known_crawler(lake):
    for table in SILVER.values():
        for row in lake.read(table, ["session_id", "user_agent", "is_known_crawler"]).to_pylist():
            assert row["user_agent"] == AGENTS.get(kind(row["session_id"]))
            assert row["is_known_crawler"] == (kind(row["session_id"]) == 0)


def test_no_table_of_gold_has_a_user_agent():
    assert not any("user_agent" in table.column_names for table in TABLES.values() if table.layer == "gold")
