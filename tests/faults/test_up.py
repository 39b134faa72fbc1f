"""All streams in one application: a broker that goes and comes, a training, a damaged table, and a signal."""

from __future__ import annotations

import signal

import pytest
from deltalake import DeltaTable

from producers.events import EVENTS
from tests.faults.audit import audit_bronze, audit_outcomes, audit_sessions
from tests.faults.harness import Ledger, Shoppers
from tests.support.polling import until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark, pytest.mark.long]

SECONDS = 30
"""How long it may take to end once it is told to."""

BRISK = {"CLICKSTREAM_STREAM__TRIGGER_SECONDS": "0.5", "CLICKSTREAM_KAFKA__PATIENCE_SECONDS": "6"}


def says(driver, text):
    return text in driver.ended(-1).said


def wait_for(driver, condition, what):
    until(lambda: condition() or not driver.alive, what, limit=400)
    assert driver.alive, driver.ended(-1).said


def stop(driver):
    driver.signal(signal.SIGTERM)
    done = driver.finish(SECONDS)
    assert "Traceback" not in done.errors
    return done


def test_up_makes_room_for_an_erasure_and_goes_on(installation, tmp_path):
    ledger, shoppers = Ledger(tmp_path / "ledger.sqlite", installation.servers), Shoppers(9)
    ledger.send(shoppers.take(200))
    driver = installation.drive("up", **BRISK)
    wait_for(driver, lambda: people(installation), "a user in gold")
    who = people(installation)[0]
    erased = installation.run("erase", who)
    assert erased.code == 0, erased.said
    wait_for(driver, lambda: says(driver, "up: all streams go on."), "the streams")
    assert says(driver, "up: all streams have ended, and wait for `clickstream erase`.")
    ledger.send(shoppers.take(100))
    arrived = sum(len(ledger.acknowledged(name)) for name in EVENTS)
    wait_for(driver, lambda: sum(rows(installation, f"bronze.{name}") for name in EVENTS) == arrived, "the landing")
    assert stop(driver).code == 0
    for job in ("refine", "aggregate", "verify"):
        done = installation.run(job)
        assert done.code == 0, done.said + done.output
    assert who not in people(installation)


def people(installation):
    """The users in gold."""
    folder = installation.table("gold.users")
    if not DeltaTable.is_deltatable(str(folder)):
        return []
    return sorted(DeltaTable(str(folder)).to_pyarrow_table(columns=["user_id"])["user_id"].to_pylist())


def rows(installation, name):
    """How many rows a table has."""
    return DeltaTable(str(installation.table(name))).to_pyarrow_dataset().count_rows()


def test_up_goes_on_whatever_goes_and_comes(installation, tmp_path):
    ledger, shoppers = Ledger(tmp_path / "ledger.sqlite", installation.servers), Shoppers(9)
    ledger.send(shoppers.take(300))
    driver = installation.drive("up", "--train-every", "45s", CLICKSTREAM_UP__MAINTAIN_EVERY_HOURS="0.02", **BRISK)
    wait_for(driver, lambda: installation.table("gold.sessions").exists(), "gold")
    wait_for(driver, lambda: says(driver, "up: train: "), "a training, or why there is none")
    wait_for(driver, lambda: says(driver, "up: maintain: "), "a maintenance")
    assert "data files are" in driver.ended(-1).said
    installation.signal_broker(signal.SIGKILL)
    wait_for(driver, lambda: says(driver, "bronze.clicks failed, and starts again in 1 s."), "a restart")
    installation.start_broker()
    ledger.send(shoppers.take(200))
    wait_for(driver, lambda: says(driver, "bronze.clicks runs again."), "the recovery")
    wait_for(driver, lambda: list(audit_bronze(installation, ledger)) == [], "the landing")
    done = stop(driver)
    assert done.code == 0, done.said
    for job in ("refine", "aggregate"):
        assert installation.run(job).code == 0
    wrong = [*audit_bronze(installation, ledger), *audit_outcomes(installation), *audit_sessions(installation)]
    assert wrong == []

    next(installation.table("silver.clicks").rglob("*.parquet")).unlink()
    driver = installation.drive("up", **BRISK)
    wait_for(driver, lambda: says(driver, "silver.clicks stays stopped, the other streams go on."), "the refusal")
    ledger.send(shoppers.take(100))
    wait_for(driver, lambda: list(audit_bronze(installation, ledger)) == [], "the landing beside it")
    done = stop(driver)
    assert done.code == 3, done.said
    assert "clickstream recover" in done.said
