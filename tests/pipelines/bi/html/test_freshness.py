"""The live report says how fresh gold is, of tables and batches counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from gold.pipeline_metrics import TABLE as METRICS
from pipelines.bi.html.freshness import freshness, span
from pipelines.runtime.settings import load_settings
from pipelines.runtime.stream_metrics import PendingMetrics

AT = datetime(2026, 11, 28, 10, tzinfo=UTC)


@pytest.fixture
def installation(tmp_path):
    return load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")


def note(installation, **changes):
    known = {"stream": "gold", "query_id": "q", "batch_id": 0, "run_id": "r", "started_on": AT.date().isoformat()}
    known |= {"started_at": AT.isoformat(), "ended_at": AT.isoformat()}
    PendingMetrics(installation.metrics, "gold").add({**dict.fromkeys(METRICS.column_names), **known, **changes})


def test_it_names_the_newest_record_the_lag_and_a_failure(installation):
    assert freshness(installation, AT) == ""
    write_deltalake(f"{installation.lake_root}/gold/sessions", pa.table({"last_arrived_at": [AT]}))
    now = AT + timedelta(seconds=30)
    assert freshness(installation, now) == "Fresh up to 2026-11-28 10:00:00 UTC, 30 s ago."
    note(installation, rows_in=3, lag_seconds=4.2)
    assert freshness(installation, now).endswith("The last batch ended 30 s ago, with a lag of 4 s.")
    note(installation, error="The <disk> is full.", cure="Make room.")
    assert freshness(installation, now).endswith("Gold has failed since: The <disk> is full. Make room.")


@pytest.mark.parametrize(("seconds", "says"), [(-3, "0 s"), (119, "119 s"), (150, "2 min"), (200_000, "2 d")])
def test_spans_are_written_as_people_do(seconds, says):
    assert span(seconds) == says
