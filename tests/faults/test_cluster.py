"""The jobs as a cluster runs them: by spark-submit, on a master and two workers, and with a driver that is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from producers.simulator.simulator import simulate
from tests.faults.audit import audit_bronze, audit_outcomes
from tests.faults.harness import Ledger
from tests.support.polling import until
from tests.support.spark_cluster import SPARK, SparkCluster

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark, pytest.mark.long]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = SparkCluster(tmp_path_factory.mktemp("spark") / "cluster")
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), "."]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=240)
    (made,) = folder.glob("*.whl")
    return made


@pytest.mark.parametrize(
    "jobs",
    [
        pytest.param([("run", "--train")], id="run"),
        pytest.param(
            [("ingest",), ("refine",), ("aggregate",), ("train", "--json"), ("score",)],
            id="each",
        ),
    ],
)
def test_jobs_run_there_and_a_killed_driver_loses_nothing(installation, cluster, wheel, jobs):
    ledger = Ledger(installation.folder / "ledger.sqlite", installation.servers)
    assert ledger.send(simulate(5, 400, dirty=0.05, duplicates=0.05)) == 0
    settings = {
        "CLICKSTREAM_ENVIRONMENT": "cluster",
        # What the executors compute is looked at here: nothing in the driver's own process.
        "CLICKSTREAM_ENGINES__IN_PROCESS_ROWS": "0",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }

    def submit(job, *arguments):
        return installation.drive(
            "--master", cluster.master, "--properties-file", f"{installation.folder}/conf/spark-defaults.conf",
            "--conf", "spark.executor.memory=1g", "--py-files", str(wheel), f"pipelines/{job}.py", *arguments,
            program=SPARK / "bin" / "spark-submit", **settings,
        )  # fmt: skip

    killed = submit("ingest")
    log = installation.table("bronze.clicks") / "_delta_log"
    until(lambda: (log / f"{1:020d}.json").exists() or not killed.alive, "a batch in bronze")
    killed.kill()
    assert list(audit_bronze(installation, ledger, complete=False)) == []

    for job, *arguments in jobs:
        before = cluster.tasks_done()
        done = submit(job, *arguments).finish()
        assert done.code == 0, done.errors
        # The tree that scores is small: the driver applies it.
        assert job == "score" or cluster.tasks_done() > before, job
    assert list(audit_bronze(installation, ledger)) == []
    assert list(audit_outcomes(installation)) == []

    checked = installation.run("verify", "--json")
    assert checked.code == 0, checked.errors
    assert [check["name"] for check in json.loads(checked.output) if not check["ok"]] == []
