"""`status` says by its exit code whether a person is needed; `--watch` looks again, and says so when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from gold.pipeline_metrics import TABLE as METRICS
from pipelines.runtime.settings import load_settings
from pipelines.runtime.stream_metrics import PendingMetrics

AT = datetime(2026, 11, 28, 10, tzinfo=UTC)


@pytest.fixture
def installation(tmp_path):
    found = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")
    write_deltalake(f"{found.lake_root}/bronze/clicks", pa.table({"arrived_at": [AT]}))
    return found


def note(installation, **changes):
    known = {"stream": "gold", "query_id": "q", "batch_id": 0, "run_id": "r", "started_on": AT.date().isoformat()}
    known |= {"started_at": AT.isoformat(), "ended_at": AT.isoformat()}
    PendingMetrics(installation.metrics, "gold").add({**dict.fromkeys(METRICS.column_names), **known, **changes})


def start(installation, *options):
    environment = {
        **os.environ,
        "CLICKSTREAM_LAKE": installation.lake_root,
        "CLICKSTREAM_STATE": str(installation.state_root),
    }
    command = [sys.executable, "-m", "pipelines.operations.status", *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def test_the_exit_code_says_whether_a_person_is_needed(installation):
    assert ended(start(installation))[0] == 0
    note(installation, error="The disk is full.", cure="Make room.")
    code, said = ended(start(installation))
    assert code == 1
    assert "The disk is full. Make room." in said
    code, said = ended(start(installation, "--json"))
    assert (code, {one["error"] for one in json.loads(said)}) == (1, {"", "The disk is full."})
    note(installation, batch_id=1, rows_in=1)
    assert ended(start(installation))[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_looks_again_until_it_is_told_to_end(number, installation):
    with start(installation, "--watch", "--json", "--every", "0.2") as process:
        try:
            assert not json.loads(process.stdout.readline())["needs_person"]
            note(installation, error="The disk is full.")
            looks = (json.loads(line) for line in process.stdout)
            seen = next(look for look in looks if look["needs_person"])
            assert {one["error"] for one in seen["streams"]} == {"", "The disk is full."}
        finally:
            process.send_signal(number)
            process.communicate(timeout=60)
    assert process.returncode == 1


def test_it_waits_for_a_lake(tmp_path):
    missing = load_settings(lake=str(tmp_path / "none"), state=tmp_path / "state")
    with start(missing, "--watch", "--every", "0.2") as process:
        try:
            assert any("There is no lake" in process.stdout.readline() for _ in range(4))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert process.returncode == 1
