"""Rows a second from bronze to silver, by Spark and in process, clean and with a tenth of them broken; and one batch.

Run: .venv/bin/python -m tests.benchmarks.refining [ROWS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from lakehouse.storage import Lake
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.settings import load_settings
from pipelines.silver_writer import write_silver_batch, write_silver_batch_in_process
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER, validate_records
from silver.quarantine import QUARANTINE
from tests.support.records import NOON, value

EVENT = "clicks"


def fill(lake: Lake, start: int, rows: int, bad: float) -> None:
    """Different clicks of about 230 bytes, a share of them with a negative price."""
    every = round(1 / bad) if bad else 0
    good = value(EVENT, session_id="@", x_coord=7).decode()
    broken = value(EVENT, session_id="@", x_coord=7, price=-1).decode()
    values = [
        (broken if every and number % every == 0 else good).replace("@", f"s{start + number}").encode()
        for number in range(rows)
    ]
    table = pa.table(
        {
            "topic": pa.array([EVENT] * rows),
            "topic_id": pa.array(["x"] * rows),
            "partition": pa.array([0] * rows, pa.int32()),
            "offset": pa.array(range(start, start + rows), pa.int64()),
            "arrived_at": pa.array([NOON] * rows, pa.timestamp("us", "UTC")),
            "value": pa.array(values, pa.binary()),
        }
    )
    frame = lake.spark.createDataFrame(table).selectExpr(
        "topic", "topic_id", "partition", "offset", "arrived_at", "CAST(NULL AS BINARY) AS key", "value",
        "CAST(NULL AS ARRAY<STRUCT<key: STRING, value: BINARY>>) AS headers", "arrived_at AS ingested_at",
        "to_date(arrived_at) AS ingested_on",
    )  # fmt: skip
    lake.append(BRONZE[EVENT], frame)


SMALL = 2_000
"""Rows of a small batch."""


def refine(job: Job, start: int, *, in_process: bool) -> tuple[int, float]:
    """Write what bronze holds from an offset on into silver; the number of rows and the seconds."""
    records = job.lake.read(BRONZE[EVENT]).where(f"offset >= {start}")
    began = time.monotonic()
    if in_process:
        read = records.select(*COORDINATE_NAMES, "arrived_at", "value").toArrow()
        counts = write_silver_batch_in_process(job.local_lake, EVENTS[EVENT], read)
    else:
        counts = write_silver_batch(job.lake, EVENTS[EVENT], validate_records(EVENTS[EVENT])(records))
    return counts.received, time.monotonic() - began


def main(rows: int) -> None:
    for engine in ("spark", "in process"):
        with tempfile.TemporaryDirectory() as folder:
            job = open_job("benchmark", load_settings(lake=f"{folder}/lake", state=Path(folder) / "state"))
            for table in (BRONZE[EVENT], SILVER[EVENT], QUARANTINE, DUPLICATES):
                job.lake.ensure(table)
            start = 0
            rounds = (("warm-up", 0.1), ("warm-up", 0.0), *(("clean", 0.0), ("10 % bad", 0.1)) * 2)
            for name, share in rounds:
                fill(job.lake, start, rows, share)
                count, seconds = refine(job, start, in_process=engine == "in process")
                print(
                    f"{engine:10} {name:10} {count / seconds:10,.0f} rows/s (bronze holds {start + rows:,})", flush=True
                )
                start += rows
            took = []
            for _ in range(7):
                fill(job.lake, start, SMALL, 0.02)
                took.append(refine(job, start, in_process=engine == "in process")[1])
                start += SMALL
            print(f"{engine:10} a batch of {SMALL:,}: {statistics.median(took) * 1_000:,.0f} ms", flush=True)
    job.spark.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
