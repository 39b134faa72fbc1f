"""Kafka to bronze, warm: what Kafka holds becomes rows of tables."""

from __future__ import annotations

import shutil
import uuid

from bronze.raw_events import BRONZE
from pipelines.ingest import run_ingest
from pipelines.runtime.job import Job, open_job
from tests.benchmarks.inputs import Plan, in_kafka, kafka
from tests.benchmarks.meter import measured
from tests.benchmarks.rivals.compact import to_bronze
from tests.benchmarks.rivals.course import kafka_to_parquet
from tests.benchmarks.splits import split
from tests.benchmarks.stage import COMPACT, COURSE, OURS, Contender, Rounds, Stage


def ours(plan: Plan) -> Rounds:
    with kafka(in_kafka(plan.folder, plan.events)) as servers:
        settings = plan.settings("ours", kafka={"bootstrap_servers": servers})
        spark = open_job("benchmark", settings).spark
        while True:
            shutil.rmtree(plan.folder / "ours", ignore_errors=True)
            job = Job(settings, spark)
            for table in BRONZE.values():
                job.lake.ensure(table)
            with measured(plan.events) as result:
                rows = sum(one.rows for one in run_ingest(job).values())
            assert rows == plan.events
            result.more = split(job.local_lake, result.seconds)
            yield result


def compact(plan: Plan) -> Rounds:
    with kafka(in_kafka(plan.folder, plan.events)) as servers:
        while True:
            shutil.rmtree(plan.folder / "compact", ignore_errors=True)
            with measured(plan.events) as result:
                rows = to_bronze(servers, plan.folder / "compact", group=uuid.uuid4().hex)
            assert rows == plan.events
            yield result


def course(plan: Plan) -> Rounds:
    with kafka(in_kafka(plan.folder, plan.events)) as servers:
        spark = open_job("benchmark", plan.settings("course")).spark
        while True:
            shutil.rmtree(plan.folder / "course" / "events", ignore_errors=True)
            with measured(plan.events) as result:
                kafka_to_parquet(spark, servers, plan.folder / "course" / "events")
            yield result


STAGE = Stage(
    "bronze",
    "Kafka to bronze, warm",
    "Three topics, read side by side. Spark has run the same before, and the tables exist.",
    (
        Contender(OURS, ours, "Spark does it; exactly once", warm_ups=3),
        Contender(COMPACT, compact, "at least once"),
        Contender(COURSE, course, "parses at once with from_json, and keeps no bytes", warm_ups=3),
    ),
    prepare=lambda plan: (in_kafka(plan.folder, plan.events), None)[1],
    at_least=250_000,
)
