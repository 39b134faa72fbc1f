"""A lake in S3, on a local server: a driver is killed amid a commit, and nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.engines.opened_table import dataset, open_table
from producers.events import EVENTS
from producers.simulator.simulator import simulate
from tests.faults.harness import Driver, Installation, Ledger, digest
from tests.support.polling import until
from tests.support.s3_server import BUCKET, Held, s3_server

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark, pytest.mark.long]

LAKE = f"s3a://{BUCKET}/lake"


@pytest.fixture
def shop(installation, tmp_path_factory, monkeypatch) -> Iterator[tuple[Installation, Held]]:
    """An installation whose lake is in S3, and what its server keeps back."""
    folder = tmp_path_factory.mktemp("s3")
    with s3_server(folder) as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)  # for this process, which reads the lake too
        installation.environment |= {**environ, "CLICKSTREAM_LAKE": LAKE}
        yield installation, Held(folder)


def killed_at(shop: Installation, held: Held, job: str, commit: str) -> None:
    """Kills a job and its Java when the commit that it has sent is on its way."""
    held.ask(commit)
    driver: Driver = shop.drive(job)
    until(lambda: held.is_kept() or not driver.alive, f"the commit of {job}", limit=600)
    assert held.is_kept(), driver.ended(-1).said
    driver.kill()


def audit(ledger: Ledger) -> list[str]:
    """What is wrong with bronze, by readers that are not Spark."""
    wrong = []
    for topic in EVENTS:
        table = open_table(f"{LAKE}/bronze/{topic}")
        assert table is not None
        rows = dataset(table).to_table(columns=["topic_id", "partition", "offset", "value"]).to_pydict()
        places = Counter(zip(rows["topic_id"], rows["partition"], rows["offset"], strict=True))
        stored = dict(zip(places, map(digest, rows["value"]), strict=False))
        if stored != ledger.acknowledged(topic) or max(places.values()) > 1:
            wrong.append(topic)
    return wrong


def test_a_late_commit_of_a_killed_driver_is_refused(shop, tmp_path: Path):
    shop, held = shop
    ledger = Ledger(tmp_path / "ledger.sqlite", shop.servers)
    assert ledger.send(simulate(5, 60, dirty=0.05, duplicates=0.05)) == 0

    killed_at(shop, held, "ingest", r"/bronze/clicks/_delta_log/0+1\.json$")
    again = shop.run("ingest", limit=600)
    assert again.code == 0, again.said
    # Only now it reaches the store, where the next driver has committed that number.
    assert held.let_go().startswith("412")
    assert audit(ledger) == []
    said = [file.read_text(errors="replace") for file in shop.state.glob("logs/*.log")]
    assert said
    assert "secret-of-tests" not in "".join(said)
