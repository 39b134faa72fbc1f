"""Rounds are counted as the docs say, and the events of a batch go on where those before it ended."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks.history import next_events
from tests.benchmarks.inputs import Plan, events
from tests.benchmarks.meter import Measured, measured
from tests.benchmarks.stage import COMPACT, OURS, Contender, run_contender


def rounds(*seconds, closed=None):
    def run(_):
        try:
            for one in seconds:
                yield Measured(10, one, one * 2, 100, {"planning s": one / 2})
        finally:
            (closed if closed is not None else []).append(True)

    return run


def plan(**options):
    return Plan(Path("nowhere"), **options)


def test_the_median_is_of_the_rounds_after_the_warm_up():
    closed = []
    result = run_contender(Contender(OURS, rounds(9.0, 3.0, 1.0, 2.0, 7.0, closed=closed)), plan(rounds=3))
    assert (result["seconds"], result["cpu_seconds"], result["more"]) == (2.0, 4.0, {"planning s": 1.0})
    assert [one["seconds"] for one in result["rounds"]] == [3.0, 1.0, 2.0]
    assert closed


def test_a_slow_rival_has_no_further_round():
    slow = rounds(50.0, 50.0, 50.0, 50.0)
    assert len(run_contender(Contender(COMPACT, slow, warm_ups=0), plan(seconds=40.0))["rounds"]) == 1
    assert len(run_contender(Contender(OURS, slow, warm_ups=0), plan(rounds=4, seconds=40.0))["rounds"]) == 4


def test_a_batch_goes_on_where_the_one_before_it_ended(tmp_path):
    whole = list(events(600, of=600))
    (tmp_path / "events").write_text(json.dumps({"taken": 200, "of": 600}))
    parts = [dict(next_events(tmp_path, 150)) for _ in range(2)]
    taken = sorted(pair for part in parts for records in part.values() for pair in records)
    assert [number for number, _ in taken] == list(range(201, 501))
    assert [record for _, record in taken] == whole[200:500]
    assert list(events(600)) == whole


def test_the_meter_counts_time_of_the_processor_and_memory():
    with measured(5) as result:
        held = [number * number for number in range(1_000_000)]
    assert held
    assert result.events == 5
    assert result.seconds > 0
    assert result.cpu_seconds > 0
    assert result.peak_bytes > 10_000_000
