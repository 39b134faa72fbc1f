"""How long gold takes for a batch of 2,000 events, with a history and with ten times that history, in one run.

Run: .venv/bin/python -m tests.benchmarks.aggregating [EVENTS_OF_THE_SHORT_HISTORY]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gold.shared.clock import CLOCK
from lakehouse.incremental import refresh
from pipelines.aggregate import run_aggregate
from pipelines.gold_builder import SPAN, clock_frame, incremental_tables
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.settings import load_settings
from silver.events import SILVER

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
A_DAY = 20_000
A_VISIT = 10
VISITS_OF_A_USER = 5
BATCH = 2_000
BATCHES = 5


def events(job: Job, start: int, count: int, at: str) -> dict[str, DataFrame]:
    """Events by number: seven page views, a click and two interactions a session; ``at`` is SQL for when each is."""
    numbered = job.spark.range(start, start + count).withColumn("event_at", F.expr(at))
    kinds = {"page_views": "id % 10 < 7", "clicks": "id % 10 = 7", "interactions": "id % 10 > 7"}
    found = {}
    for name, condition in kinds.items():
        values = {
            "user_id": f"'u' || (id DIV {A_VISIT * VISITS_OF_A_USER})",
            "session_id": f"'s' || (id DIV {A_VISIT})",
            "page_url": "'https://shop.example/product/shoes/' || (id % 500)",
            "category": "element_at(array('shoes', 'bags', 'hats', 'toys'), CAST(1 + id % 4 AS INT))",
            "price": "CAST(5 + id % 90 AS DOUBLE)",
            "element_id": "if(id % 70 = 7, 'btn_buy', 'menu')",
            "interaction_type": "if(id % 30 = 8, 'add_to_cart', 'scroll')",
            "event_at": "event_at",
            "event_on": "to_date(event_at)",
            "arrived_at": "event_at",
            "topic": f"'{name}'",
            "topic_id": "'t'",
            "partition": "0",
            "offset": "id",
            "identity": "unhex(md5(CAST(id AS STRING)))",
        }
        found[name] = numbered.where(condition).select(
            *(
                F.expr(values.get(column.name, "NULL")).cast(column.type).alias(column.name)
                for column in SILVER[name].columns
            )
        )
    return found


def seconds(job: Job, history: int, folder: Path) -> list[float]:
    """What each batch takes once gold holds the history; half of a batch belongs to users who came before."""
    for name, rows in events(job, 0, history, moment("id")).items():
        job.lake.ensure(SILVER[name])
        # One file a day, as maintenance leaves them.
        days = max(history // A_DAY, 1)
        job.lake.append(SILVER[name], rows.repartitionByRange(days, "event_on"))
    began = time.monotonic()
    run_aggregate(job)
    print(f"  gold made of {history:,} events in {time.monotonic() - began:.0f} s", flush=True)
    taken = []
    now = FIRST + timedelta(days=history / A_DAY)
    for number in range(BATCHES):
        # Visits go on from the last users of the history, then from new ones.
        start = history - BATCH // 2 + number * BATCH
        batch = events(
            job, start, BATCH, f"timestamp'{now.isoformat()}' + make_interval(0, 0, 0, 0, 0, {number}, id % 50)"
        )
        changes = {f"silver.{name}": rows.persist() for name, rows in batch.items()}
        for name, rows in batch.items():
            job.lake.append(SILVER[name], rows)
        began = time.monotonic()
        refresh(
            job.lake,
            incremental_tables(),
            changes,
            also={},
            sources={CLOCK.name: clock_frame(job, now + timedelta(minutes=number))},
            span=SPAN,
            journal=folder / "refresh.json",
        )
        taken.append(time.monotonic() - began)
    return taken


def moment(number: str) -> str:
    """SQL for when an event of the history happens: evenly over its days."""
    return f"timestamp'{FIRST.isoformat()}' + make_interval(0, 0, 0, 0, 0, 0, {number} * {86_400 / A_DAY})"


def main(short: int) -> None:
    """Prints the seconds of each batch, and the ratio of the medians."""
    medians = []
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 1, 10):  # the first warms Java up
            home = Path(folder) / str(len(medians))
            job = open_job("benchmark", load_settings(lake=str(home / "lake"), state=home / "state"))
            taken = seconds(job, short * times, home)
            medians.append(statistics.median(taken))
            print(f"history of {short * times:,}: {', '.join(f'{one:.1f}' for one in taken)} s a batch", flush=True)
    print(f"ten times the history: {medians[2] / medians[1]:.2f} times as long")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
