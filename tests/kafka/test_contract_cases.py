"""Every case of the contract through Kafka and the jobs: each record ends where the case says, and gold agrees."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bronze.raw_events import BRONZE
from gold.sessions import TABLE as SESSIONS
from pipelines.aggregate import run_aggregate
from pipelines.ingest import run_ingest
from pipelines.operations.verify import run_verify
from pipelines.refine import run_refine
from pipelines.runtime.job import Job
from producers.kafka import Sender
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.gold_tables import with_upstream
from tests.support.installation import installation
from tests.support.spellings import CASES, case_value

pytestmark = [pytest.mark.kafka, pytest.mark.spark]


@pytest.fixture(scope="module")
def cases_lake(spark, empty_topics, tmp_path_factory):
    """A lake with all cases, sent in the order of their batches, and the coordinates and value of each."""
    # In one partition, records arrive in the order in which they are sent, so the first arrival is known.
    job = installation(spark, tmp_path_factory.mktemp("cases"), empty_topics(1))
    for batch in sorted({case.get("batch", 1) for case in CASES}):
        with Sender(job.settings.kafka.bootstrap_servers) as sender:
            for case in CASES:
                if case.get("batch", 1) == batch:
                    sender.send(case["topic"], case["case"].encode(), case_value(case))
        assert not sender.delivery.failed
        run_ingest(job)
        run_refine(job)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.gold_builder.incremental_tables", lambda: with_upstream(SESSIONS))
        run_aggregate(job)
    coordinates = {
        bytes(row["key"]).decode(): (name, row["partition"], row["offset"])
        for name in BRONZE
        for row in job.lake.read(BRONZE[name]).collect()
    }
    return job, coordinates


def outcome(job: Job, coordinates) -> tuple[str, dict]:
    """Where a record ended, and its row there."""
    tables = {"silver": SILVER[coordinates[0]], "quarantine": QUARANTINE, "dedup": DUPLICATES}
    outcomes = [
        (title, row)
        for title, table in tables.items()
        for row in rows_of(job, table)
        if (row["topic"], row["partition"], row["offset"]) == coordinates
    ]
    assert len(outcomes) == 1, (coordinates, outcomes)
    return outcomes[0]


_rows: dict[str, list] = {}


def rows_of(job: Job, table):
    key = job.lake.path(table)
    if key not in _rows:
        _rows[key] = [row.asDict() for row in job.lake.read(table).collect()]
    return _rows[key]


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_case_has_the_outcome_that_it_expects(cases_lake, case):
    job, coordinates = cases_lake
    title, row = outcome(job, coordinates[case["case"]])
    allowed = {case["expect"], *case.get("also_ok", "").split(" ", 1)[:1]}
    assert title in allowed, (case["why"], row)
    if title == "quarantine":
        assert row["value"] == case_value(case)
        assert row["rules"]
    if title == "silver":
        for name, value in case.get("expect_value", {}).items():
            if name == "event_time":
                assert row["event_at"].replace(tzinfo=UTC) == datetime.fromisoformat(value)
            elif name == "details_json":
                assert json.loads(row["details"]) == value
            elif not name.startswith("gold_"):
                assert row[name] == value, name


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if any("gold_" in name for name in case.get("expect_value", {}))],
    ids=lambda case: case["case"],
)
def test_gold_has_what_the_case_expects(cases_lake, case):
    job, _ = cases_lake
    session = json.loads(case["value"])["session_id"]
    rows = [row for row in rows_of(job, SESSIONS) if row["session_id"] == session]
    want = case["expect_value"]
    assert len(rows) == want.get("gold_rows", 1)
    assert rows[0]["duration_seconds"] == want.get("gold_duration_s", rows[0]["duration_seconds"])
    assert rows[0]["page_views"] == want.get("gold_page_views", rows[0]["page_views"])


def test_gold_has_the_figures_of_the_cases(cases_lake):
    job, _ = cases_lake
    by_session = {row["session_id"]: row for row in rows_of(job, SESSIONS)}
    assert by_session["s-b68b"]["cart_adds"] == 1
    assert by_session["s-b48"]["revenue"] == Decimal("19.99")
    assert by_session["s-b44"]["page_views"] == 1
    assert by_session["s-b21"]["price_mean"] == 10.0
    assert by_session["s-b64"]["landing_page"].endswith("b64-first")
    assert by_session["s-b64"]["exit_page"].endswith("b64-last")
    assert by_session["s-b62"]["started_on"].isoformat() == "2026-10-14"


def test_verify_passes_on_the_cases(cases_lake, gold_of):
    gold_of(SESSIONS)
    assert [check for check in run_verify(cases_lake[0]) if not check.ok] == []
