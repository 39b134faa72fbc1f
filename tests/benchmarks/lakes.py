"""Lakes that are made once for several stages: bronze, or bronze and silver, straight from simulated events."""

from __future__ import annotations

import shutil
from pathlib import Path

from bronze.raw_events import BRONZE
from pipelines.refine import run_refine
from pipelines.runtime.job import Job, open_job
from tests.benchmarks.inputs import Plan, events, in_bronze, link_tables

BAD = 0.1 / 0.75
"""The simulator's share of dirty records of which a tenth violate the contract: a quarter of the dirty are unusual."""


def bronze_lake(plan: Plan, count: int, *, dirty: float = 0.0) -> Path:
    """The folder of a lake whose bronze holds so many events."""
    return _made(plan, f"bronze-{count}{'-dirty' if dirty else ''}", count, dirty, refined=False)


def silver_lake(plan: Plan, count: int) -> Path:
    """The folder of a lake whose silver holds so many events."""
    return _made(plan, f"silver-{count}", count, 0.0, refined=True)


def _made(plan: Plan, name: str, count: int, dirty: float, *, refined: bool) -> Path:
    home = plan.folder / name
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        job = open_job("benchmark", plan.settings(name))
        for table in BRONZE.values():
            job.lake.ensure(table)
        in_bronze(job.local_lake, events(count, dirty=dirty))
        if refined:
            run_refine(job)
        (home / "complete").touch()
    return home / "lake"


def with_layer(job: Job, lake: Path, layer: str) -> None:
    """Gives an empty installation the tables of one layer of a lake."""
    link_tables(lake / layer, Path(job.settings.lake_root) / layer)
