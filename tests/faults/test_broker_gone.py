"""A broker that is killed, frozen or away, while events are produced and landed."""

from __future__ import annotations

import signal
import threading

import pytest

from tests.faults.audit import audit_bronze
from tests.faults.harness import Ledger, Shoppers
from tests.support.polling import pass_time, until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark]


BRISK = {
    "CLICKSTREAM_STREAM__RECORDS_PER_BATCH": "200",
    "CLICKSTREAM_STREAM__TRIGGER_SECONDS": "0.5",
    "CLICKSTREAM_KAFKA__PATIENCE_SECONDS": "15",
}
"""Many batches, soon one after another, and little patience."""


def landed(installation, ledger) -> bool:
    return not list(audit_bronze(installation, ledger))


@pytest.fixture
def landing(installation, tmp_path):
    """Records that were sent, a driver that has landed them, and more to send."""
    ledger, shoppers = Ledger(tmp_path / "ledger.sqlite", installation.servers), Shoppers(5)
    ledger.send(shoppers.take(300))
    driver = installation.drive("ingest", "--continuous", **BRISK)
    until(lambda: installation.table("bronze.clicks").exists() and landed(installation, ledger), "the first landing")
    return ledger, shoppers, driver


def test_producer_and_ingest_survive_a_frozen_or_killed_broker(installation, landing):
    ledger, shoppers, driver = landing
    for fault in (freeze, kill):
        records = shoppers.take(2_000)
        hurt = threading.Timer(0.3, fault, [installation])
        hurt.start()
        failed = ledger.send(slowly(records))
        hurt.join()
        assert failed == 0
        ingest = driver
        until(lambda ingest=ingest: landed(installation, ledger) or not ingest.alive, f"the landing after {fault}")
        if not driver.alive:
            done = driver.finish()
            assert done.code == 3
            assert "Kafka" in done.said
            assert "clickstream" in done.said
            driver = installation.drive("ingest", "--continuous", **BRISK)
            until(lambda: landed(installation, ledger), "the landing after the restart")
        assert list(audit_bronze(installation, ledger)) == []


def test_ingest_gives_up_on_an_absent_broker_and_loses_nothing(installation, landing):
    ledger, shoppers, driver = landing
    installation.signal_broker(signal.SIGKILL)
    done = driver.finish(400)
    assert done.code == 3
    assert "Kafka did not answer" in done.said
    assert "clickstream broker start" in done.said
    assert "Traceback" not in done.errors
    installation.start_broker()
    ledger.send(shoppers.take(100))
    assert installation.run("ingest").code == 0
    assert list(audit_bronze(installation, ledger)) == []


def slowly(records):
    for number, record in enumerate(records):
        if not number % 20:
            pass_time(0.02)
        yield record


def freeze(installation) -> None:
    installation.signal_broker(signal.SIGSTOP)
    pass_time(8)
    installation.signal_broker(signal.SIGCONT)


def kill(installation) -> None:
    installation.signal_broker(signal.SIGKILL)
    pass_time(2)
    installation.start_broker()
