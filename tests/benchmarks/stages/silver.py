"""Bronze to silver, warm, with no bad rows and with a tenth of them bad; and a small batch."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from pipelines.refine import run_refine
from pipelines.runtime.job import Job, open_job
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.benchmarks.inputs import Plan
from tests.benchmarks.lakes import BAD, bronze_lake, with_layer
from tests.benchmarks.meter import measured
from tests.benchmarks.rivals.compact import to_silver
from tests.benchmarks.rivals.course import bronze_to_parquet
from tests.benchmarks.splits import split
from tests.benchmarks.stage import COMPACT, COURSE, OURS, SPARK, Contender, Rounds, Stage


def _by_jobs(dirty: float, engines: dict[str, int]) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        lake = bronze_lake(plan, plan.events, dirty=dirty)
        settings = plan.settings("refined", engines=engines)
        spark = open_job("benchmark", settings).spark
        while True:
            shutil.rmtree(plan.folder / "refined", ignore_errors=True)
            job = Job(settings, spark)
            with_layer(job, lake, "bronze")
            for table in (*SILVER.values(), QUARANTINE, DUPLICATES):
                job.lake.ensure(table)
            with measured(plan.events) as result:
                run_refine(job)
            local = job.local_lake
            result.more["rejected"] = local.rows(QUARANTINE)
            rows = sum(local.rows(table) for table in (*SILVER.values(), QUARANTINE, DUPLICATES))
            assert rows == plan.events
            result.more |= split(local, result.seconds)
            yield result

    return run


def _compact(dirty: float) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        lake = bronze_lake(plan, plan.events, dirty=dirty)
        while True:
            shutil.rmtree(plan.folder / "compact", ignore_errors=True)
            with measured(plan.events) as result:
                to_silver(lake / "bronze", plan.folder / "compact")
            yield result

    return run


def _course(dirty: float) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        lake = bronze_lake(plan, plan.events, dirty=dirty)
        spark = open_job("benchmark", plan.settings("course")).spark
        while True:
            shutil.rmtree(plan.folder / "course" / "events", ignore_errors=True)
            with measured(plan.events) as result:
                bronze_to_parquet(spark, lake / "bronze", plan.folder / "course" / "events")
            yield result

    return run


def _stage(name: str, title: str, doc: str, dirty: float, at_least: float) -> Stage:
    def prepare(plan: Plan) -> None:
        bronze_lake(plan, plan.events, dirty=dirty)

    return Stage(
        name,
        title,
        doc,
        (
            Contender(OURS, _by_jobs(dirty, {}), "the whole contract; every record has one outcome", warm_ups=2),
            Contender(SPARK, _by_jobs(dirty, {"in_process_rows": 0}), "the same, validated and written by Spark"),
            Contender(COMPACT, _compact(dirty), "a few checks; duplicates within a batch only"),
            Contender(COURSE, _course(dirty), "no contract, no duplicates dropped, no record of what is dropped"),
        ),
        prepare=prepare,
        at_least=at_least,
    )


CLEAN = _stage(
    "silver",
    "Bronze to silver, warm, no bad rows",
    "Validated, deduplicated, typed. Spark has run the same before, and the tables exist.",
    0.0,
    120_000,
)
DIRTY = _stage(
    "silver_bad",
    "Bronze to silver, warm, a tenth of the rows bad",
    "The same with one record in ten that violates the contract, in 21 ways: as real trackers break them.",
    BAD,
    80_000,
)
