"""The demo as a newcomer runs it, small; and a job as a cluster runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tests.pipelines.workbook_reader import read_sheet
from tests.readme import ON_THE_DEMO

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.kafka, pytest.mark.spark]


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    return {
        **environment,
        "PATH": f"{BIN}{os.pathsep}{environment['PATH']}",
        "CLICKSTREAM_LAKE": str(folder / "lake"),
        "CLICKSTREAM_STATE": str(folder / "state"),
        "PYSPARK_PYTHON": sys.executable,
    }


def run(environment, *command):
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def rows(environment, name):
    return DeltaTable(f"{environment['CLICKSTREAM_LAKE']}/{name}").to_pyarrow_table().to_pylist()


def test_the_demo_goes_from_nothing_to_scored_sessions_and_stops_what_it_started(installation):
    done = run(installation, "clickstream", "demo", "--sessions", "300")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("Every record has one fate", "average", "The ten sessions most likely to buy", "Open next"):
        assert words in done.stdout

    heard = [row for name in ("page_views", "clicks", "interactions") for row in rows(installation, f"bronze/{name}")]
    kept = [row for name in ("page_views", "clicks", "interactions") for row in rows(installation, f"silver/{name}")]
    waiting, repeated = rows(installation, "silver/quarantine"), rows(installation, "silver/duplicates")
    assert waiting
    assert repeated
    assert len(heard) == len(kept) + len(waiting) + len(repeated)

    sessions, scores = rows(installation, "gold/sessions"), rows(installation, "gold/session_predictions")
    assert sum(row["events"] for row in sessions) == len(kept)
    assert len(scores) > 250
    assert all(0 <= row["probability"] <= 1 and row["model_version"] == "1" for row in scores)
    assert json.loads(run(installation, "clickstream", "broker", "status", "--json").stdout)["running"] is False


def test_a_job_is_a_script_for_spark_submit(installation):
    done = run(
        installation, "spark-submit", "--properties-file", "conf/spark-defaults.conf", "pipelines/refine.py", "--json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["rows"] == 0


def test_sigterm_ends_a_continuous_job_cleanly(installation):
    job = subprocess.Popen(
        [BIN / "clickstream", "refine", "--continuous", "--json"],
        env=installation,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lock = Path(installation["CLICKSTREAM_STATE"]) / "locks" / "silver.page_views.lock"
    end = time.monotonic() + 180
    while f'"pid": {job.pid}}}' not in lock.read_text():
        assert time.monotonic() < end, "the job did not take its lock"
        assert job.poll() is None, job.communicate()
        time.sleep(0.1)
    job.send_signal(signal.SIGTERM)
    output, errors = job.communicate(timeout=60)
    assert job.returncode == 0, errors
    assert json.loads(output)["rows"] == 0


def test_wrong_use_is_one_sentence_and_exit_code_two(installation):
    done = run({**installation, "CLICKSTREAM_KAFKA__PORT": "seven"}, "clickstream", "broker", "start")
    assert done.returncode == 2
    assert "CLICKSTREAM_KAFKA__PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_readmes_lines_run_on_what_the_demo_made(installation, tmp_path):
    for line in ON_THE_DEMO:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=installation,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        assert done.stdout, line
    assert (tmp_path / "sessions.csv").read_text(encoding="utf-8-sig").startswith("user_id,session_id,")
    assert len(read_sheet(tmp_path / "sessions.xlsx")[0]) == 1 + len(rows(installation, "gold/sessions"))
    assert "Clickstream report" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "powerbi" / "Clickstream.pbip").is_file()


def test_a_job_without_kafka_says_how_to_start_one(installation):
    done = run(installation, "clickstream", "produce", "simulate", "--sessions", "1")
    assert done.returncode == 3
    assert "clickstream broker start" in done.stderr
