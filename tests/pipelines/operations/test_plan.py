"""What so many events a second need: never less for more of them, and each figure with its assumptions."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.operations.plan import CLUSTER, ONE_MACHINE, PLANNED, assumptions, measured_rates, plan_for

RATES, DAYS = st.integers(1, 2_000_000), st.integers(1, 3_650)


def needs(rate, days):
    found = asdict(plan_for(rate, days))
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


@given(RATES, DAYS)
def test_the_printed_parts_add_up_to_the_printed_sums(rate, days):
    shown = CliRunner().invoke(app, ["plan", "--events-per-second", str(rate), "--days", str(days)]).output
    sums, part = {}, re.compile(r"^  ( *)(.+?) {2,}([\d,.]+) GB *$")
    for line in shown.partition("Assumptions")[0].splitlines():
        if found := part.match(line):
            indent, name, figure = found[1], found[2], float(found[3].replace(",", ""))
            if indent:
                sums[list(sums)[-1]].append(figure)
            else:
                sums[name] = [figure]
    assert {"memory", "disk of Kafka", "disk of the lake"} <= sums.keys()
    assert {name: sum(parts) for name, (_, *parts) in sums.items() if parts} == {
        name: pytest.approx(whole, abs=0.01) for name, (whole, *parts) in sums.items() if parts
    }


@given(RATES, RATES, DAYS, DAYS)
def test_more_events_or_days_never_need_less(rate, more_events, days, more_days):
    less, more = needs(rate, days), needs(rate + more_events, days + more_days)
    assert {name: (less[name], more[name]) for name in less if more[name] < less[name]} == {}


@given(RATES, DAYS)
def test_every_plan_can_be_bought(rate, days):
    found = plan_for(rate, days)
    assert found.cores >= 2
    assert found.partitions_per_topic >= 2
    assert found.memory_gb >= 2
    assert (found.executors > 0) == (found.runs_on == CLUSTER)
    assert found.executors * 4 in {0, found.cores}


def test_a_thousand_a_second_fit_on_two_cores_and_4_gb():
    found = plan_for(1_000, 365)
    assert (found.runs_on, found.cores) == (ONE_MACHINE, 2)
    assert found.memory_gb == 4, "which the README says"
    assert found.core_hours_per_month == 2 * 24 * 30
    assert found.events_in_all == 31_536_000_000
    assert plan_for(1_000_000, 1).runs_on == CLUSTER


def test_assumptions_say_what_is_no_measurement():
    said = " ".join(assumptions(1_000))
    rates = measured_rates()
    for part in (rates["measured_on"], rates["machine"], "Assumed, not measured", "No prices"):
        assert part in said
    assert "smallest machine" not in said
    assert "thought through" not in said
    assert "the smallest machine is planned" in assumptions(PLANNED[0] - 1)[0]
    assert "nothing was thought through" in assumptions(PLANNED[1] + 1)[0]
    assert all(assumptions(1_000))
    assert "in an earlier run" in said, "docs/benchmarks.md has no stage from Kafka to bronze"


def test_the_command_prints_a_plan():
    shown = CliRunner().invoke(app, ["plan", "--events-per-second", "1000"])
    assert shown.exit_code == 0, shown.output
    as_json = CliRunner().invoke(app, ["plan", "--events-per-second", "1000", "--days", "30", "--json"])
    assert json.loads(as_json.output)["days"] == 30
    assert CliRunner().invoke(app, ["plan", "--events-per-second", "0"]).exit_code == 2
