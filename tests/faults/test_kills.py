"""Every window of a batch's life, hit once by SIGKILL, from Kafka to gold; nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import signal

import pytest

from gold.sessions import TABLE as SESSIONS
from tests.faults.audit import audit_bronze, audit_outcomes, audit_sessions
from tests.faults.batches import MOMENTS, Campaign
from tests.faults.harness import Window
from tests.support.polling import until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark]

WINDOWS = {
    "bronze": [Window("bronze.clicks", moment) for moment in MOMENTS],
    # Of the tables that a batch of silver writes, the first and the last.
    "silver": [Window("silver.clicks", "committed", "silver.quarantine")]
    + [Window("silver.clicks", moment) for moment in MOMENTS],
    "gold": [Window("gold", moment, SESSIONS.name) for moment in MOMENTS],
}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    made = Campaign(tmp_path_factory.mktemp("kills"), seed=11)
    try:
        yield made
    finally:
        made.installation.close()


@pytest.mark.parametrize("layer", WINDOWS)
def test_killed_in_every_window_of_a_layer(campaign, spark, layer):
    def hits(window: Window) -> bool:
        campaign.feed(layer, spark)
        return campaign.kill(layer, window, recovered_first=False)

    for window in WINDOWS[layer]:
        # A window lasts for milliseconds: on a busy machine it is missed now and then.
        assert any(hits(window) for _ in range(3)), str(window)
    assert campaign.offences == []


def test_the_audit_of_all_that_was_killed_is_green(campaign):
    campaign.settle()
    campaign.verify()
    assert campaign.offences == []


def test_after_python_alone_is_killed_java_still_holds_the_lock(campaign):
    installation = campaign.installation
    campaign.ledger.send(campaign.shoppers.take(300))
    driver = installation.drive("ingest", "--continuous")
    until(lambda: driver.writes("bronze.clicks"), "the driver's lock")
    driver.signal(signal.SIGKILL)
    driver.process.wait()
    done = installation.run("ingest", "--json")
    assert done.code == 0, done.said
    assert not driver.children()
    assert list(audit_bronze(installation, campaign.ledger)) == []


def test_java_killed_alone_is_one_sentence_and_nothing_is_lost(campaign):
    installation = campaign.installation
    campaign.ledger.send(campaign.shoppers.take(300))
    driver = installation.drive("run")
    until(lambda: driver.writes("silver.clicks"), "the second job")
    for pid in driver.children():
        os.kill(pid, signal.SIGKILL)
    done = driver.finish(60)
    assert done.code == 3
    assert "Java, which runs Spark, has ended" in done.said
    assert "Traceback" not in done.errors
    assert installation.run("run").code == 0
    assert [
        *audit_bronze(installation, campaign.ledger),
        *audit_outcomes(installation),
        *audit_sessions(installation),
    ] == []
