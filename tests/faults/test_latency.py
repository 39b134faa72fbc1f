"""The probe beside a real `up`: each layer shows its events, and it says what it cannot measure."""

from __future__ import annotations

import json
import signal

import pytest

from pipelines.operations.stream_tables import stream_tables
from tests.faults.harness import Ledger, Shoppers
from tests.support.polling import until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark, pytest.mark.long]


def test_the_probe_measures_each_layer_beside_up(installation, tmp_path):
    idle = installation.run("latency")
    assert idle.code == 3
    assert "Start `clickstream up` beside it." in idle.said

    up = installation.drive("up", CLICKSTREAM_STREAM__TRIGGER_SECONDS="0.5")
    until(lambda: not up.alive or all(map(up.writes, stream_tables())), "the start of all streams")
    done = installation.run("latency", "--json", "--per-second", "10", "--minutes", "0.1", "--tables-goal", "0.001")
    assert done.code == 1, done.said
    found = json.loads(done.output)
    assert (found["sent"], found["not_acknowledged"]) == (60, 0)
    assert [one["where"] for one in found["measures"]] == ["bronze", "silver", "gold.sessions", "gold.page_performance"]
    assert [(one["probes"], one["seen"]) for one in found["measures"]] == [(60, 60)] * 4
    medians = [one["median_seconds"] for one in found["measures"]]
    assert 0 < medians[0] <= medians[1] <= medians[2]
    assert found["goals_missed"] == ["gold.sessions", "gold.page_performance"]
    users = (installation.state / "latency" / f"{found['run']}.txt").read_text().split()
    assert len(users) == len(set(users)) == 20

    unscored = installation.run("latency", "--goal", "5")
    assert unscored.code == 2
    assert "No model is live" in unscored.said

    Ledger(tmp_path / "ledger.sqlite", installation.servers).send(Shoppers(9).take(50))
    until(lambda: "--among-others" in installation.run("latency", "--minutes", "0.01").said, "the refusal")
    up.signal(signal.SIGTERM)
    assert up.finish(30).code == 0
