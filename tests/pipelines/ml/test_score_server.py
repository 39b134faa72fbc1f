"""The shop asks for one session over HTTP: odd ids, no score, no table, and gold's newest commit."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import datetime
from urllib.parse import urlencode

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ml.score_index import ScoreIndex
from pipelines.ml.score_message import schema
from pipelines.ml.score_server import answer
from tests.support.polling import until
from tests.support.pseudonyms import pseudonymise
from tests.support.scores import score_lake, scores, write_scores

ODD = ["a/b", "../..", "a b+c", "ü 日本", "a&user_id=x", "%2F", "?", "#", "\x00", "'; --", '"', "a\r\nb", "\U0001f600"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    lake = score_lake(tmp_path_factory.mktemp("odd"))
    write_scores(lake, scores(*((one, one[::-1]) for one in ODD)))
    index = ScoreIndex(lake.root)
    index.refresh()
    return index


def told(index, query, path="/scores"):
    found = answer(index, path, query)
    return int(found.status), json.loads(found.body)


@pytest.mark.parametrize("one", ODD)
def test_odd_ids_are_found(odd, one):
    status, body = told(odd, urlencode({"user_id": one, "session_id": one[::-1]}))
    assert status == 200
    jsonschema.validate(body, schema())
    assert (body["user_id"], body["session_id"]) == (one, one[::-1])
    assert body["age_seconds"] > 0
    assert datetime.fromisoformat(body["read_at"]) >= datetime.fromisoformat(body["scored_at"])


def test_the_shop_asks_by_its_own_id(tmp_path, monkeypatch):
    by = pseudonymise(monkeypatch, tmp_path)
    lake = score_lake(tmp_path)
    write_scores(lake, scores((by.of("u 1"), "s")))
    index = ScoreIndex(lake.root)
    index.refresh()
    status, body = told(index, urlencode({"user_id": "u 1", "session_id": "s"}))
    assert (status, body["user_id"]) == (200, "u 1")
    assert told(index, urlencode({"user_id": by.of("u 1"), "session_id": "s"}))[0] == 404


@given(st.text(), st.text())
def test_any_request_gets_an_answer_in_words(path, query):
    index = ScoreIndex("nowhere")
    status, body = told(index, query, f"/{path}")
    assert status in {400, 404, 503}
    assert body["error"].endswith(".")


@pytest.mark.parametrize(
    "query",
    ["", "user_id=a", "user_id=a&session_id=b&user_id=c", "user_id=a&session_id=b&x=1", "user_id=%ff&session_id=b"],
)
def test_a_query_that_is_not_clear_is_refused(odd, query):
    status, body = told(odd, query)
    assert status == 400
    assert "user_id=…&session_id=…" in body["error"]


def test_no_score_is_404_and_no_table_503(odd, tmp_path):
    status, body = told(odd, "user_id=a&session_id=b")
    assert status == 404
    assert "no score" in body["error"]
    assert body["read_at"]
    index = ScoreIndex(str(tmp_path))
    index.refresh()
    status, body = told(index, "user_id=a&session_id=b")
    assert (status, told(index, "", "/health")[0]) == (503, 503)
    assert "gold.session_predictions" in body["error"]
    assert told(odd, "", "/health")[0] == 200
    assert told(odd, "", "/schema")[1] == schema()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_follows_gold_and_ends_with_0(number, tmp_path):
    lake = score_lake(tmp_path)
    environment = {**os.environ, "CLICKSTREAM_LAKE": lake.root, "CLICKSTREAM_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-m", "pipelines.cli.serve", "scores", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = "".join(process.stdout.readline() for _ in range(4))
            address = re.search(r"http://127\.0\.0\.1:\d+/", said)[0]
            asked = f"{address}scores?user_id=u&session_id=s"
            assert _status(asked) == 404
            write_scores(lake, scores(("u", "s")))
            until(lambda: _status(asked) == 200, "the score", limit=60)
            assert _status(asked, Host="evil.example") == 403
        finally:
            process.send_signal(number)
            process.communicate(timeout=30)
    assert process.returncode == 0


def _status(address, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as found:  # noqa: S310
            return found.status
    except urllib.error.HTTPError as error:
        return error.code
