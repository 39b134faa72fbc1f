"""SIGTERM and SIGINT, at any moment, once and twice: the job ends by itself, and the next goes on where it stopped."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.faults.audit import audit_bronze, audit_outcomes, audit_sessions
from tests.faults.harness import Ledger, Shoppers
from tests.support.polling import pass_time, until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark]

SECONDS = 30
"""How long a job may take to end once it is told to."""


def told(installation, command, numbers, moments, chance):
    """Starts a job, and tells it to stop at a random moment; AssertionError unless it ends as it should."""
    driver = installation.drive(*command, CLICKSTREAM_STREAM__RECORDS_PER_BATCH="40")
    pass_time(chance.uniform(*moments))
    began = time.monotonic()
    for number in numbers:
        driver.signal(number)
        pass_time(0.5)
    done = driver.finish(SECONDS + 15)
    assert done.code == 0, done.said
    assert time.monotonic() - began < SECONDS
    # A Java that was just being started ends as soon as it has, for nobody talks to it any more.
    until(lambda: not driver.children(), f"the end of every child of {command}", limit=SECONDS)
    assert "Traceback" not in done.errors


def test_a_job_stopped_once_or_twice_ends_in_time_loses_nothing(installation, tmp_path):
    chance = random.Random(2)
    ledger, shoppers = Ledger(tmp_path / "ledger.sqlite", installation.servers), Shoppers(6)
    ledger.send(shoppers.take(1_000))
    told(installation, ("ingest", "--continuous"), [signal.SIGTERM], (10, 20), chance)
    told(installation, ("ingest", "--continuous"), [signal.SIGTERM, signal.SIGTERM], (10, 20), chance)
    told(installation, ("ingest",), [signal.SIGINT], (10, 20), chance)
    assert installation.run("ingest").code == 0
    assert [*audit_bronze(installation, ledger)] == []


@pytest.mark.long
def test_jobs_stopped_at_random_moments_lose_nothing(installation, tmp_path):
    chance = random.Random(2)
    ledger, shoppers = Ledger(tmp_path / "ledger.sqlite", installation.servers), Shoppers(6)
    for command, numbers, moments in (
        (("ingest", "--continuous"), [signal.SIGTERM], (1, 4)),
        (("ingest", "--continuous"), [signal.SIGTERM], (10, 35)),
        (("refine", "--continuous"), [signal.SIGTERM, signal.SIGTERM], (15, 40)),
        (("refine",), [signal.SIGINT], (15, 40)),
        (("aggregate", "--continuous"), [signal.SIGTERM], (15, 30)),  # while gold is built
        (("aggregate", "--continuous"), [signal.SIGTERM], (40, 60)),  # while it is refreshed
    ):
        ledger.send(shoppers.take(1_000))
        told(installation, command, numbers, moments, chance)
    for job in ("ingest", "refine", "aggregate"):
        assert installation.run(job).code == 0
    wrong = [*audit_bronze(installation, ledger), *audit_outcomes(installation), *audit_sessions(installation)]
    assert wrong == []


@pytest.mark.parametrize("job", ["ingest", "refine", "aggregate", "run"])
def test_a_job_stopped_while_spark_starts_ends_cleanly(installation, job):
    driver = installation.drive(job)
    until(lambda: driver.children() or not driver.alive, "Java")
    driver.signal(signal.SIGTERM)
    done = driver.finish(SECONDS + 15)
    assert done.code == 0, done.said
    assert "error" not in done.said


@pytest.mark.long
@pytest.mark.parametrize("command", [("run",), ("demo", "--sessions", "50")])
def test_a_stopped_run_of_several_jobs_starts_no_further_job(installation, tmp_path, command):
    ledger, shoppers = Ledger(tmp_path / "ledger.sqlite", installation.servers), Shoppers(8)
    ledger.send(shoppers.take(500))
    driver = installation.drive(*command, CLICKSTREAM_STREAM__RECORDS_PER_BATCH="20")
    until(lambda: driver.writes("bronze.clicks") or not driver.alive, "the first job")
    driver.signal(signal.SIGTERM)
    done = driver.finish(SECONDS)
    assert done.code == 0, done.said
    assert "stopped" in done.said
    assert not installation.table("silver.clicks").exists()
    assert installation.run("ingest").code == 0


@pytest.mark.long
def test_a_signal_to_java_as_well_is_a_clean_stop(installation, tmp_path):
    ledger, shoppers = Ledger(tmp_path / "ledger.sqlite", installation.servers), Shoppers(7)
    ledger.send(shoppers.take(500))
    driver = installation.drive("ingest", "--continuous", CLICKSTREAM_STREAM__RECORDS_PER_BATCH="20")
    until(lambda: driver.writes("bronze.clicks"), "the stream")
    os.killpg(driver.process.pid, signal.SIGTERM)
    done = driver.finish(SECONDS)
    assert done.code == 0, done.said
    assert installation.run("ingest").code == 0
    assert list(audit_bronze(installation, ledger)) == []
