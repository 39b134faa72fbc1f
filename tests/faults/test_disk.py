"""Disks that are full: under the tables, the checkpoints and the broker; nothing is lost, and room is the cure."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse.embedded_kafka.broker import Broker
from lakehouse.errors import OutsideError
from pipelines.refine import run_refine
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from producers.events import EVENTS
from producers.kafka import Sender, ensure_topics, offsets
from silver.events import SILVER
from tests.support.records import land, record, value

pytestmark = [pytest.mark.faults, pytest.mark.spark]


@contextmanager
def small_disk(folder: Path, size: str):
    """A disk of its own in memory; gives what makes it larger."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield lambda larger: subprocess.run(["mount", "-o", f"remount,size={larger}", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Takes all the room that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4_096)
    return filler


def send(sender: Sender, body: bytes, count: int) -> None:
    with sender:
        for number in range(count):
            sender.send("clicks", str(number).encode(), body)


@pytest.mark.parametrize("under", ["tables", "checkpoints"])
def test_a_full_disk_stops_the_job_until_there_is_room(spark, no_rows, tmp_path, under):
    disk = tmp_path / under
    with small_disk(disk, "64m"):
        lake, state = (disk, tmp_path / "state") if under == "tables" else (tmp_path / "lake", disk)
        settings = load_settings(lake=str(lake / "in"), state=state / "in")
        job = Job(settings, spark)
        shutil.copytree(no_rows, settings.lake_root)
        run_refine(job)
        land(job.lake, "clicks", [record("clicks", number, value("clicks", x_coord=number)) for number in range(500)])
        before = DeltaTable(job.lake.path(SILVER["clicks"])).version()
        filler = fill(disk)
        with pytest.raises(OutsideError, match=r"disk is full.*Make room"):
            run_refine(job)
        assert DeltaTable(job.lake.path(SILVER["clicks"])).version() == before
        filler.unlink()
        run_refine(job)
        assert DeltaTable(job.lake.path(SILVER["clicks"])).to_pyarrow_table().num_rows == 500


@pytest.mark.kafka
def test_a_full_disk_of_the_broker_loses_nothing_acknowledged(tmp_path):
    with small_disk(tmp_path / "kafka", "24m") as enlarge:
        broker = Broker(tmp_path / "kafka" / "home")
        try:
            servers = broker.start().bootstrap_servers
            ensure_topics(servers, EVENTS, 1)
            body = value("clicks", details="x" * 50_000)
            sender = Sender(servers, {"delivery.timeout.ms": "8000", "compression.type": "none"})
            send(sender, body, 2_000)
            assert sender.delivery.failed
            acknowledged = sender.delivery.total
            enlarge("256m")
            broker.stop(timeout=10)
            servers = broker.start().bootstrap_servers
            (_, end) = offsets(servers, ["clicks"])["clicks", 0]
            assert end >= acknowledged
            send(sender := Sender(servers), body, 1)
            assert sender.delivery.total == 1
        finally:
            broker.stop(timeout=10)
