"""`up --demo`: a broker, a shop, a model and its scores, the probe beside it, and a clean end of it all."""

from __future__ import annotations

import json
import re
import signal
import urllib.request

import pytest

from tests.faults.harness import Installation
from tests.support.polling import until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark, pytest.mark.long]

SECONDS = 30
"""How long it may take to end once it is told to."""


@pytest.fixture
def without_broker(tmp_path):
    """An installation whose broker does not run."""
    made = Installation(tmp_path)
    yield made
    made.close()


def sessions_on(address):
    """How many sessions the report at that address shows; 0 while it has none."""
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - on this machine
        html = answer.read().decode()
    shown = re.search(r"<dt>Sessions</dt><dd><span>([\d,]+)", html)
    return int(shown[1].replace(",", "")) if shown else 0


def test_the_demo_runs_on_its_own_and_ends_with_its_broker(without_broker):
    installation = without_broker
    up = installation.drive(
        "up", "--demo", "--rate", "10", "--report", "0", CLICKSTREAM_SCORES__TOPIC="purchase_scores"
    )

    def says(text):
        return text in up.ended(-1).said

    until(lambda: not up.alive or says("the report is at http://127.0.0.1:"), "the report")
    address = re.search(r"the report is at (http://127\.0\.0\.1:\d+/)", up.ended(-1).said)[1]
    shown = [0]

    def shows_more():
        shown.append(sessions_on(address) if up.alive else 0)
        return not up.alive or shown[-1] > shown[-2]

    until(shows_more, "the first sessions on the report", limit=400, step=2)
    until(shows_more, "a later commit on the report", limit=200, step=2)

    until(lambda: not up.alive or says("up: train: "), "a first model", limit=400)
    assert up.alive, up.ended(-1).said
    until(lambda: not up.alive or says("% for "), "a line with the newest buyer", limit=200)
    assert says(" wait in quarantine; newest buyer: ")

    asked = ("latency", "--json", "--per-second", "5", "--minutes", "0.1", "--among-others", "--goal", "60")
    done = installation.run(*asked, CLICKSTREAM_SCORES__TOPIC="purchase_scores")
    found = {one["where"]: one for one in json.loads(done.output)["measures"]}
    assert [*found][-2:] == ["gold.session_predictions", "topic"]
    assert {(one["probes"], one["seen"]) for one in found.values()} == {(30, 30)}, done.output
    assert done.code == 0, done.output

    up.signal(signal.SIGTERM)
    ended = up.finish(SECONDS)
    assert ended.code == 0, ended.said
    assert "Traceback" not in ended.errors
    assert not installation.broker.status().running


def test_the_demo_sends_nothing_to_somebodys_kafka(without_broker):
    refused = without_broker.run("up", "--demo", CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS="kafka.example:9092")
    assert refused.code == 2
    assert "gets no made-up events" in refused.said
