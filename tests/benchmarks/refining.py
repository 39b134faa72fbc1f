"""Rows a second from bronze to silver, clean and with a tenth of them broken, in one run.

Run: .venv/bin/python tests/benchmarks/refining.py [ROWS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from bronze.raw_events import BRONZE
from lakehouse.storage import Lake
from pipelines.runtime.job import open_job
from pipelines.runtime.settings import load_settings
from pipelines.silver_writer import write_silver_batch
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


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        job = open_job("benchmark", load_settings(lake=f"{folder}/lake", state=Path(folder) / "state"))
        for table in (BRONZE[EVENT], SILVER[EVENT], QUARANTINE, DUPLICATES):
            job.lake.ensure(table)
        validate = validate_records(EVENTS[EVENT])
        start = 0
        clean = 0.0
        for name, share in (
            ("warm-up", 0.1),
            ("warm-up", 0.0),
            ("clean", 0.0),
            ("10 % bad", 0.1),
            ("clean", 0.0),
            ("10 % bad", 0.1),
        ):
            fill(job.lake, start, rows, share)
            records = job.lake.read(BRONZE[EVENT]).where(f"offset >= {start}")
            began = time.monotonic()
            counts = write_silver_batch(job.lake, EVENTS[EVENT], validate(records))
            rate = counts.received / (time.monotonic() - began)
            clean = rate if name == "clean" else clean
            ratio = f", {rate / clean:.2f} of clean" if name == "10 % bad" else ""
            print(f"{name:10} {rate:10,.0f} rows/s{ratio}  (silver holds {start + rows:,} records' worth)")
            start += rows
        job.spark.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
