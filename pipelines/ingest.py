"""Kafka to bronze: every record as it was heard, exactly once."""

from __future__ import annotations

import time

from bronze.raw_events import BRONZE, raw_events
from lakehouse.streams import Progress, Stream
from lakehouse.table import Table
from pipelines.broker import bootstrap_servers
from pipelines.console import call
from pipelines.jobs import AsJson, Continuous, report, run_streams
from pipelines.session import Job, open_job
from producers import kafka


def ingest(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Land Kafka's records in bronze, as they are."""
    began = time.monotonic()
    report("ingest", run_ingest(open_job("ingest"), continuous=continuous), began, as_json=as_json)


def run_ingest(job: Job, *, continuous: bool = False) -> dict[str, Progress]:
    """Lands what Kafka holds in bronze; on and on if ``continuous``.

    Raises OutsideError where there is no Kafka or a topic is missing.
    """
    servers = bootstrap_servers(job.settings)
    topics = kafka.topic_ids(servers, list(BRONZE), job.settings.kafka.client)
    streams = [_stream(job, table, servers, topics[name].topic_id) for name, table in BRONZE.items()]
    return run_streams(job, "ingest", streams, continuous=continuous)


def _stream(job: Job, table: Table, servers: str, topic_id: str) -> Stream:
    from pyspark.sql import functions as F
    from pyspark.sql.streaming.readwriter import DataStreamWriter

    job.lake.ensure(table)

    def prepare() -> DataStreamWriter:
        reader = (
            job.spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", servers)
            .option("subscribe", table.short_name)
            .option("startingOffsets", "earliest")
            .option("failOnDataLoss", "true")
            .option("includeHeaders", "true")
            .option("kafka.isolation.level", "read_committed")
            .option("maxOffsetsPerTrigger", job.settings.stream.records_per_batch)
        )
        for name, value in kafka.java_settings(job.settings.kafka.client).items():
            reader = reader.option(f"kafka.{name}", value)
        # current_timestamp is the batch's own, written down in the checkpoint: a batch done again says the same.
        records = reader.load().withColumns({"topic_id": F.lit(topic_id), "ingested_at": F.current_timestamp()})
        rows = raw_events(records)
        return rows.writeStream.format("delta").outputMode("append").option("path", job.lake.path(table))

    return Stream(
        name=table.name,
        checkpoint=job.settings.checkpoints / table.layer / table.short_name,
        prepare=prepare,
        source_id=topic_id,
        target_id=job.lake.table_id(table),
        target_has_rows=lambda: not job.lake.read(table).isEmpty(),
    )


if __name__ == "__main__":
    call(ingest)
