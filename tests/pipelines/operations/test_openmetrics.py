"""What Prometheus is told: read by its own parser, of tables counted by hand; no Spark is started."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gold.pipeline_metrics import TABLE as METRICS
from pipelines.operations.openmetrics import KEPT_SECONDS, Family, MetricsPage, collect, exposition
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.stream_metrics import PendingMetrics
from tests.support.local_tables import make_tables

AT = datetime(2026, 11, 28, 10, tzinfo=UTC)


@pytest.fixture
def installation(tmp_path) -> Settings:
    return load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")


def write(installation: Settings, name: str, **columns) -> None:
    write_deltalake(f"{installation.lake_root}/{name.replace('.', '/')}", pa.table(columns), mode="append")


def batch(stream: str, **changes):
    known = {"stream": stream, "query_id": "q", "run_id": "r", "started_at": AT.isoformat(), "ended_at": AT.isoformat()}
    return {**dict.fromkeys(METRICS.column_names), **known, "started_on": AT.date().isoformat(), **changes}


def parsed(installation):
    """The samples by name and labels, as Prometheus reads them."""
    families = list(text_string_to_metric_families(exposition(collect(installation))))
    return {
        (sample.name.removeprefix("clickstream_"), *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


# Prometheus reads what describes a metric without blanks at its ends.
@given(
    st.text().map(str.strip),
    st.lists(st.tuples(st.text(), st.floats(allow_nan=False)), max_size=4, unique_by=lambda sample: sample[0]),
)
def test_any_text_and_number_is_read_as_it_is(says, samples):
    family = Family("a_seconds", "gauge", says, [({"error": text}, value) for text, value in samples])
    [read] = text_string_to_metric_families(exposition([family]))
    assert read.documentation == says
    assert [(sample.labels["error"], sample.value) for sample in read.samples] == samples


def test_a_lake_counted_by_hand(installation):
    now = datetime.now(UTC)
    write(installation, "bronze.clicks", arrived_at=[now - timedelta(minutes=5)] * 3)
    write(
        installation, "gold.data_quality",
        event=["clicks"] * 3, rule=["all", "all", "x"], received=[9, 8, 8], quarantined=[9, 2, 2],
        arrived_on=[AT.date() - timedelta(days=1), AT.date(), AT.date()],
    )  # fmt: skip
    make_tables(Path(installation.lake_root).parent, METRICS)
    stored = [batch("bronze.clicks", batch_id=number, rows_in=10, rows_out=10) for number in (0, 1)]
    typed = [{**row, "started_at": AT, "ended_at": AT, "started_on": AT.date()} for row in stored]
    place = f"{installation.lake_root}/gold/pipeline_metrics"
    schema = pa.schema([*make_schema()])
    write_deltalake(place, pa.Table.from_pylist(typed, schema), mode="append")
    lines = PendingMetrics(installation.metrics, "bronze.clicks")
    # The second is in the table already: the job was stopped between the two.
    lines.add(stored[1])
    lines.add(batch("bronze.clicks", batch_id=2, rows_in=5, rows_out=4, lag_seconds=3.5, duration_seconds=2.0))
    failed = PendingMetrics(installation.metrics, "gold")
    failed.add(batch("gold", batch_id=0, error='The "disk"\nis full.', cure="Make room."))
    found = parsed(installation)
    clicks = ("stream", "bronze.clicks")
    assert found["batches_total", clicks] == 3
    assert (found["rows_in_total", clicks], found["rows_out_total", clicks]) == (25, 24)
    assert (found["lag_seconds", clicks], found["last_batch_duration_seconds", clicks]) == (3.5, 2.0)
    assert found["freshness_seconds", clicks] == pytest.approx(300, abs=60)
    assert (found["failed", ("stream", "gold")], found["failed", clicks], found["needs_person",]) == (1, 0, 1)
    assert found["failed_timestamp_seconds", ("stream", "gold")] == AT.timestamp()
    error = ("error", 'The "disk"\nis full.'), ("hint", "Make room."), ("stream", "gold")
    assert found["last_error_info", *error] == 1
    assert found["quarantined_share", ("event", "clicks")] == 0.25
    assert found["table_rows", ("table", "bronze.clicks")] == 3
    assert found["table_size_bytes", ("table", "bronze.clicks")] > 0
    assert 0 < found["disk_free_bytes", ("folder", "lake")] <= found["disk_size_bytes", ("folder", "lake")]
    assert not any(math.isnan(value) for value in found.values())


def make_schema():
    from tests.support.local_tables import arrow_schema

    return arrow_schema(METRICS)


def test_damage_is_told(installation):
    for _ in range(2):
        write(installation, "bronze.clicks", arrived_at=[AT])
    (Path(installation.lake_root) / "bronze/clicks/_delta_log" / f"{1:020d}.json").write_text("")
    found = parsed(installation)
    assert found["damage", ("stream", "bronze.clicks")] == 1
    assert found["needs_person",] == 1


def test_no_lake_is_503_and_the_next_look_finds_one(installation):
    moments = [0.0]
    page = MetricsPage(installation, lambda: moments[0])
    answer = page.answer("/metrics", "")
    assert int(answer.status) == 503
    assert "There is no lake" in answer.body
    write(installation, "bronze.clicks", arrived_at=[AT])
    assert int(page.answer("/metrics", "").status) == 503
    moments[0] = KEPT_SECONDS
    assert int(page.answer("/metrics", "").status) == 200
    assert int(page.answer("/other", "").status) == 404


def test_the_command_answers_and_ends_with_0(installation):
    write(installation, "bronze.clicks", arrived_at=[AT])
    environment = {
        **os.environ,
        "CLICKSTREAM_LAKE": installation.lake_root,
        "CLICKSTREAM_STATE": str(installation.state_root),
    }
    command = [sys.executable, "-m", "pipelines.cli.serve", "metrics", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/metrics", process.stdout.readline())[0]
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - its own address
                assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
                assert list(text_string_to_metric_families(answer.read().decode()))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
    assert process.returncode == 0
