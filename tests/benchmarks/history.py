"""An installation that has a history: bronze, silver, all of gold and a live model, step by step, each one measured.

A step that is done is not done again, so that a long history can be made in several runs.
"""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bronze.raw_events import BRONZE
from lakehouse.engines.local_lake import LocalLake
from pipelines.aggregate import run_aggregate
from pipelines.ml.promotion import promote_if_none
from pipelines.ml.registry import open_registry
from pipelines.refine import run_refine
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.settings import Settings
from pipelines.silver_writer import write_silver_batch_in_process
from pipelines.train import run_train
from producers.events import EVENTS
from producers.record import Record
from tests.benchmarks.inputs import Plan, events, in_bronze, records_table
from tests.benchmarks.meter import measured

SILVER_BATCHES = 5

EVENTS_TO_COME = 100_000
"""Events that the simulation has after the history: batches are taken from them."""


def home_of(plan: Plan, count: int) -> Path:
    """The folder of the installation with a history of so many events."""
    return plan.folder / f"history-{count}"


def history(plan: Plan, count: int) -> Settings:
    """Makes what is missing of the installation, up to the layer that the plan says."""
    home, settings = home_of(plan, count), plan.settings(f"history-{count}")
    if not (home / "steps.json").exists():
        shutil.rmtree(home, ignore_errors=True)
    steps = [_fill, _refine, _refine_batches, _aggregate, _train]
    wanted = steps[: {"bronze": 1, "silver": 3, "gold": 5}[plan.until]]
    job: Job | None = None
    for step in wanted:
        if step.__name__ not in done_steps(home):
            job = job or open_job("benchmark", settings)
            with measured(count) as result:
                result.more = step(job, plan, count) or {}
            _note(home, step.__name__, asdict(result))
    return settings


def done_steps(home: Path) -> dict[str, Any]:
    """The steps that are done, with their measurements."""
    file = home / "steps.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _note(home: Path, step: str, result: dict[str, Any]) -> None:
    (home / "steps.json").write_text(json.dumps({**done_steps(home), step: result}), encoding="utf-8")


def _fill(job: Job, plan: Plan, count: int) -> None:
    for table in BRONZE.values():
        job.lake.ensure(table)
    of = count + EVENTS_TO_COME
    in_bronze(job.local_lake, events(count, of=of))
    (home_of(plan, count) / "events").write_text(json.dumps({"taken": count, "of": of}), encoding="utf-8")


def _refine(job: Job, *_: object) -> None:
    run_refine(job)


def _refine_batches(job: Job, plan: Plan, count: int) -> dict[str, float]:
    """Small batches into silver, once it holds the history."""
    taken = []
    for _ in range(SILVER_BATCHES):
        parts = dict(next_events(home_of(plan, count), plan.batch))
        began = time.monotonic()
        into_silver(job.local_lake, parts)
        taken.append(time.monotonic() - began)
    return {"a batch": statistics.median(taken)}


def _aggregate(job: Job, *_: object) -> None:
    run_aggregate(job)


def _train(job: Job, *_: object) -> None:
    trained = run_train(job)
    promote_if_none(open_registry(job.settings), trained.version, "The benchmark needs one that scores.")


def next_events(home: Path, count: int) -> Iterator[tuple[str, list[tuple[int, Record]]]]:
    """The next events of the same simulation, numbered, by topic."""
    note = home / "events"
    noted = json.loads(note.read_text(encoding="utf-8"))
    start, of = noted["taken"], noted["of"]
    by_topic: dict[str, list[tuple[int, Record]]] = {name: [] for name in EVENTS}
    for number, record in enumerate(events(count, after=start, of=of), start + 1):
        by_topic[record[0]].append((number, record))
    note.write_text(json.dumps({"taken": start + count, "of": of}), encoding="utf-8")
    yield from by_topic.items()


def into_silver(lake: LocalLake, parts: dict[str, list[tuple[int, Record]]]) -> None:
    """Validates numbered records and writes them to silver, as the job does with a micro-batch."""
    for topic, records in parts.items():
        write_silver_batch_in_process(lake, EVENTS[topic], records_table(topic, records))
