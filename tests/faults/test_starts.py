"""Commands killed from their first second on, on an empty lake and state: plain starts bring all to its end."""

from __future__ import annotations

import random

import pytest

from tests.faults.campaign import kills, run_starts, table
from tests.faults.moments import CASES
from tests.faults.starts import Chain, Journal, Kill, Starts

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark]

TELLING = {
    "broker start": [("broker: formatted", "python"), ("broker: the server's start", "both")],
    "ingest": [("bronze.clicks: a log without a commit", "both"), ("bronze.clicks: bound", "python, then java")],
    "train": [("the store: its schema", "both"), ("the store: a model's files", "java")],
}
"""What broke once, or would without the code that is there for it."""


@pytest.fixture(scope="module")
def starts(tmp_path_factory, spark):
    made = Starts(tmp_path_factory.mktemp("starts"), seed=3, spark=spark)
    try:
        yield made
    finally:
        made.close()


def kill(starts: Starts, case: str, aims: list[tuple[str, str]]) -> Chain:
    by_name = {moment.name: moment for moment in CASES[case].moments}
    return starts.kill(case, [(by_name[name], victim) for name, victim in aims], random.Random(5))


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.long if case == "train" else ()) for case in TELLING]
)
def test_killed_while_it_creates_what_it_needs(starts, case):
    chain = kill(starts, case, TELLING[case])
    assert chain.offences == []
    assert chain.kills


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_every_command_killed_from_its_first_second_on(tmp_path, case, spark):
    chains = list(run_starts(tmp_path, 4, 2, [], [case], spark))
    assert [offence for chain in chains for offence in chain.offences] == []


def test_an_interrupted_campaign_goes_on_and_counts_all(tmp_path):
    journal = Journal(tmp_path / "campaign" / "starts-1.jsonl", resume=False)
    journal.add(Chain(0, "ingest", [Kill("a", "both", hit=True)], recovery=12.0))
    journal.add(Chain(1, "train", [Kill("b", "java", hit=False)], offences=["2 records are lost"], not_restarted=1))
    again = Journal(tmp_path / "campaign" / "starts-1.jsonl", resume=True)
    assert again.chains == journal.chains
    assert kills(again.chains) == 2
    assert "| all | 2 | 1 | 1 | 1 | 0 | 0 | 1 | 12 s | 12 s |" in table(again.chains)
