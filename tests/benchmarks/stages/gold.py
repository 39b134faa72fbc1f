"""Silver to gold, warm: the whole history at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from pipelines.gold_builder import build_all, incremental_tables
from pipelines.runtime.job import Job, open_job
from tests.benchmarks.inputs import Plan, kafka
from tests.benchmarks.lakes import silver_lake, with_layer
from tests.benchmarks.meter import measured
from tests.benchmarks.rivals import compact, course, duckdb_alone
from tests.benchmarks.stage import COMPACT, COURSE, DUCKDB, OURS, SPARK, Contender, Rounds, Stage

TOPICS = ("page_views", "clicks", "interactions")


def _by_jobs(engines: dict[str, int]) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        lake = silver_lake(plan, plan.events)
        with kafka(plan.folder / "kafka") as servers:
            settings = plan.settings("built", engines=engines, kafka={"bootstrap_servers": servers})
            spark = open_job("benchmark", settings).spark
            while True:
                shutil.rmtree(plan.folder / "built", ignore_errors=True)
                job = Job(settings, spark)
                with_layer(job, lake, "silver")
                for table in incremental_tables():
                    job.lake.ensure(table)
                with measured(plan.events) as result:
                    build_all(job)
                    job.lake.make_durable(*incremental_tables())
                yield result

    return run


def _compact(plan: Plan) -> Rounds:
    lake = silver_lake(plan, plan.events)
    while True:
        shutil.rmtree(plan.folder / "compact", ignore_errors=True)
        with_silver = plan.folder / "compact"
        with_silver.mkdir(parents=True)
        (with_silver / "silver").symlink_to(lake / "silver")
        with measured(plan.events) as result:
            assert compact.to_gold(with_silver) == plan.events
        yield result


def _course(plan: Plan) -> Rounds:
    lake = silver_lake(plan, plan.events)
    spark = open_job("benchmark", plan.settings("course")).spark
    while True:
        with measured(plan.events) as result:
            tables = [spark.read.format("delta").load(str(lake / "silver" / topic)) for topic in TOPICS]
            course.gold(tables, plan.folder / "course" / "gold")
        yield result


def _duckdb(plan: Plan) -> Rounds:
    lake = silver_lake(plan, plan.events)
    while True:
        shutil.rmtree(plan.folder / "duckdb", ignore_errors=True)
        with measured(plan.events) as result:
            duckdb_alone.gold(lake, plan.folder / "duckdb")
        yield result


STAGE = Stage(
    "gold",
    "Silver to all of gold, warm, the whole history",
    "Built for the first time, or again. Spark has run the same before, and the tables exist.",
    (
        Contender(OURS, _by_jobs({}), "eleven tables, each in one commit"),
        Contender(SPARK, _by_jobs({"in_process_rows": 0}), "the same tables by Spark"),
        Contender(DUCKDB, _duckdb, "the same SQL into plain Parquet files"),
        Contender(COMPACT, _compact, "six tables of simple sums, nothing to learn from"),
        Contender(COURSE, _course, "three tables of simple sums"),
    ),
    prepare=lambda plan: (silver_lake(plan, plan.events), None)[1],
    at_least=60_000,
)
