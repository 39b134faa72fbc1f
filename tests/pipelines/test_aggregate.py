"""Aggregate scores what it refreshes, once, whatever dies, and never loses gold for a score."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.sessions import TABLE as SESSIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.streams import IN_PROCESS, SPARK
from pipelines.aggregate import run_aggregate
from pipelines.gold_builder import incremental_tables
from pipelines.operations.verification.gold import check_gold
from pipelines.run import STEPS
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.runtime.stream_metrics import PendingMetrics
from pipelines.score import run_score
from tests.pipelines.test_score import TAUGHT
from tests.support.gold_events import at, keep, view
from tests.support.gold_sessions import ANNA_BUYS, BEN_BOUNCES
from tests.support.training import fill, train_live

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def taught(spark, no_rows, tmp_path_factory):
    """An installation without events, but with a champion."""
    home = tmp_path_factory.mktemp("taught")
    shutil.copytree(no_rows, home / "lake")
    job = Job(load_settings(lake=str(home / "lake"), state=home / "state"), spark)
    fill(job, TAUGHT)
    train_live(job, max_depth=2)
    job.lake.overwrite(EXAMPLES, job.lake.empty(EXAMPLES))
    return job


@pytest.fixture
def job(taught, tmp_path):
    """Another one with the same champion, and gold of no events."""
    shutil.copytree(taught.settings.lake_root, tmp_path / "lake")
    shutil.copytree(taught.settings.state_root, tmp_path / "state")
    job = Job(load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state"), taught.spark)
    run_aggregate(job)
    return job


def scores(job):
    """User, session and cut of each score; each is logged once, and each session has its newest."""
    logged = job.local_lake.read(LOG).to_pylist()
    keys = [tuple(row[name] for name in LOG.key) for row in logged]
    assert len(keys) == len({*keys})
    rows = sorted(job.local_lake.read(PREDICTIONS).to_pylist(), key=str)
    assert all(row in logged for row in rows)
    found = [(row["user_id"], row["session_id"], row["cut"]) for row in rows]
    assert len(found) == len({one[:2] for one in found})
    return found


def test_a_refresh_scores_the_sessions_that_it_touches(job):
    assert scores(job) == []
    keep(job.lake, ANNA_BUYS[:5])
    run_aggregate(job)
    assert scores(job) == [("anna", "s1", 5)]
    keep(job.lake, BEN_BOUNCES)
    run_aggregate(job)
    assert scores(job) == [("anna", "s1", 5), ("ben", "s1", 1)]
    before = [job.lake.version(table) for table in (LOG, PREDICTIONS)]
    run_aggregate(job)
    assert run_score(job).scored == 0
    assert [job.lake.version(table) for table in (LOG, PREDICTIONS)] == before


def test_run_and_demo_score_once_after_their_steps(job):
    keep(job.lake, ANNA_BUYS[:5])
    dict(STEPS)["aggregate"](job)
    assert scores(job) == []
    assert run_score(job).scored == 1


@pytest.mark.long
def test_what_spark_refreshes_is_scored_too(job, gold_of):
    gold_of(*(table for table in incremental_tables() if table.short_name in ("sessions", "user_history")), EXAMPLES)
    home = job.settings
    settings = load_settings(lake=home.lake, state=home.state, engines={"in_process_rows": 0})
    by_spark = Job(settings, job.spark)
    run_aggregate(by_spark)
    keep(job.lake, ANNA_BUYS[:5])
    run_aggregate(by_spark)
    assert scores(job) == [("anna", "s1", 5)]
    assert engine_of_gold(job) == SPARK


def engine_of_gold(job):
    return PendingMetrics(job.settings.metrics, "gold").state().done["engine"]


def test_the_metrics_name_the_engine_that_ran(job):
    keep(job.lake, ANNA_BUYS[:5])
    run_aggregate(job)
    assert engine_of_gold(job) == IN_PROCESS


def test_gold_is_kept_where_its_scores_fail(job, capsys):
    keep(job.lake, ANNA_BUYS[:5])
    run_aggregate(job)
    (file,) = job.local_lake.folder(PREDICTIONS).glob("*.parquet")
    whole = file.read_bytes()
    file.write_bytes(b"damaged")
    keep(job.lake, [view("ben/s1", at("12:00"))])
    run_aggregate(job)
    file.write_bytes(whole)
    assert "its scores are not" in capsys.readouterr().err
    assert sorted(row["user_id"] for row in job.local_lake.read(SESSIONS).to_pylist()) == ["anna", "ben"]
    run_aggregate(job)
    assert [user for user, *_ in scores(job)] == ["anna", "ben"]


DIES = """
import os, signal, sys
from lakehouse.engines.local_lake import LocalLake
from pipelines import aggregate

def dies_at(name, table):
    write = getattr(LocalLake, name)
    def writes(lake, written, *rows, **options):
        if written.name == table:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(lake, written, *rows, **options)
    setattr(LocalLake, name, writes)

dies_at(*sys.argv[1:])
aggregate.aggregate()
"""


def test_a_kill_between_gold_and_its_scores_is_made_up_for(job):
    keep(job.lake, [*ANNA_BUYS[:5], *BEN_BOUNCES])
    for write in (("append", LOG.name), ("merge", PREDICTIONS.name)):
        place = {"CLICKSTREAM_LAKE": job.settings.lake_root, "CLICKSTREAM_STATE": str(job.settings.state_root)}
        died = subprocess.run([sys.executable, "-c", DIES, *write], env=os.environ | place, cwd=ROOT, check=False)
        assert died.returncode == -signal.SIGKILL
        assert scores(job) == []
    assert job.local_lake.rows(LOG) == 2
    logged = job.local_lake.read(LOG)
    run_aggregate(job)
    assert scores(job) == [("anna", "s1", 5), ("ben", "s1", 1)]
    assert job.local_lake.read(LOG) == logged
    assert [check for check in check_gold(job, [SESSIONS, EXAMPLES]) if not check.ok] == []
