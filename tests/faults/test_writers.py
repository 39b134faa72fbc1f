"""Two writers: of one stream the second is refused, and of one table neither loses a commit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from deltalake import DeltaTable

from bronze.raw_events import BRONZE
from lakehouse.storage import Lake
from lakehouse.table import Table
from pipelines.operations.maintain import run_maintain
from silver.events import SILVER
from tests.faults.harness import ROOT, Ledger, Shoppers
from tests.support.records import bronze_rows, record, refine_only, value

pytestmark = [pytest.mark.faults, pytest.mark.spark]


@pytest.mark.kafka
def test_of_two_drivers_started_together_one_is_refused(installation, tmp_path):
    Ledger(tmp_path / "ledger.sqlite", installation.servers).send(Shoppers(8).take(600))
    both = [installation.drive("ingest", CLICKSTREAM_STREAM__RECORDS_PER_BATCH="30") for _ in range(2)]
    done = [driver.finish() for driver in both]
    assert sorted(one.code for one in done) == [0, 3], [one.said for one in done]
    (refused,) = [one for one in done if one.code]
    assert "already" in refused.said
    assert "never write the same stream" in refused.said


def offsets(lake: Lake, table: Table) -> list[int]:
    return sorted(row["offset"] for row in lake.read(table).collect())


APPEND = """
from tests.support.records import land, record, value
from pipelines.runtime.job import open_job
from bronze.raw_events import BRONZE

job = open_job("append", short=True)
print("ready", flush=True)
for number in range(1_000, 1_006):
    with job.lake.writing(BRONZE["clicks"]):
        land(job.lake, "clicks", [record("clicks", number, value("clicks", x_coord=number))])
    print(number, flush=True)
"""


def test_a_job_beside_a_compaction_loses_no_commit(job, tables):
    table = BRONZE["clicks"]
    environment = {
        "CLICKSTREAM_LAKE": job.settings.lake_root,
        "CLICKSTREAM_STATE": str(job.settings.state_root),
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(
        [sys.executable, "-c", APPEND],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as other:
        assert other.stdout.readline() == "ready\n"
        written = 0
        while other.poll() is None:
            with tables.writing(table):
                row = record("clicks", written, value("clicks", y_coord=written))
                tables.append(table, bronze_rows(tables, "clicks", [row]))
                tables.compact(table)
            written += 1
    assert other.returncode == 0
    assert written > 2
    assert offsets(tables, table) == [*range(written), *range(1_000, 1_006)]
    log = DeltaTable(tables.path(table))
    assert log.version() == len(log.history()) - 1


def test_maintenance_and_readers_while_silver_is_written(job, tables):
    stop = threading.Event()
    counts = []

    def read() -> None:
        while not stop.is_set():
            counts.append(DeltaTable(tables.path(SILVER["clicks"])).to_pyarrow_table().num_rows)
            stop.wait(0.2)

    with ThreadPoolExecutor() as threads:
        reader = threads.submit(read)
        try:
            for step in range(3):
                new = [record("clicks", step * 10 + n, value("clicks", x_coord=step * 10 + n)) for n in range(10)]
                tables.append(BRONZE["clicks"], bronze_rows(tables, "clicks", new))
                upkeep = threads.submit(run_maintain, job, [SILVER["clicks"]])
                refine_only(job, "clicks")
                upkeep.result(240)
        finally:
            stop.set()
        reader.result(60)
    assert len(counts) > 3
    assert counts == sorted(counts)
    assert offsets(tables, SILVER["clicks"]) == list(range(30))
