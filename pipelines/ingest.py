"""Kafka to bronze: every record as it was heard, exactly once."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bronze.raw_events import BRONZE, raw_events
from lakehouse.checkpoints import has_planned_batch, resumes_at
from lakehouse.signals import stopping
from lakehouse.streams import Progress, Stream, current_query_id, with_batch_metrics
from lakehouse.table import Table
from pipelines.runtime.console import call
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.stream_runner import report, run_streams
from producers import kafka

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def ingest(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Land Kafka's records in bronze, as they are."""
    began = time.monotonic()
    with stopping():
        report("ingest", run_ingest(open_job("ingest"), continuous=continuous), began, as_json=as_json)


def run_ingest(job: Job, *, continuous: bool = False) -> dict[str, Progress]:
    """Lands what Kafka holds in bronze; on and on if ``continuous``.

    Raises OutsideError where there is no Kafka or a topic is missing.
    """
    return run_streams(job, "ingest", streams(job), continuous=continuous)


def streams(job: Job) -> list[Stream]:
    """One stream for each topic."""
    servers = bootstrap_servers(job.settings)
    topics = kafka.topic_ids(servers, list(BRONZE), job.settings.kafka.client)
    return [_stream(job, table, servers, topics[name]) for name, table in BRONZE.items()]


def next_offsets(job: Job, table: Table, topic_id: str) -> dict[int, int]:
    """The offset after the highest one that bronze holds, of each partition that it has a record of."""
    from pyspark.sql import functions as F

    rows = job.lake.read(table).where(F.col("topic_id") == topic_id)
    return {row[0]: row[1] + 1 for row in rows.groupBy("partition").agg(F.max("offset")).collect()}


def offsets_after(job: Job, table: Table, topic: kafka.TopicInfo) -> dict[str, int]:
    """From where each partition of a topic goes on after what bronze holds, as Spark's Kafka source wants it."""
    after = next_offsets(job, table, topic.topic_id)
    # -2 is Kafka's word for the earliest offset that is still there.
    return {str(partition): after.get(partition, -2) for partition in range(topic.partitions)}


def java_settings(client: Mapping[str, str]) -> dict[str, str]:
    """The settings of a librdkafka client as Kafka's Java client spells them."""
    settings = {_JAVA_NAMES.get(name, name): value for name, value in client.items()}
    user, password = settings.pop("sasl.username", ""), settings.pop("sasl.password", "")
    if user:
        module = "plain.PlainLoginModule" if settings.get("sasl.mechanism") == "PLAIN" else "scram.ScramLoginModule"
        quoted = (json.dumps(text) for text in (user, password))
        settings["sasl.jaas.config"] = "org.apache.kafka.common.security.{} required username={} password={};".format(
            module, *quoted
        )
    if "ssl.truststore.location" in settings:
        settings.setdefault("ssl.truststore.type", "PEM")
    return settings


def _waits(patience_seconds: float) -> dict[str, str]:
    """How long Spark's Kafka source waits, in all, for a broker that does not answer."""
    attempts, milliseconds = 3, int(patience_seconds * 1_000)
    each = milliseconds // attempts
    return {
        "fetchOffset.numRetries": str(attempts),
        "kafka.default.api.timeout.ms": str(each),
        "kafka.request.timeout.ms": str(min(each, 30_000)),
        "kafkaConsumer.pollTimeoutMs": str(milliseconds),
    }


_JAVA_NAMES = {"sasl.mechanisms": "sasl.mechanism", "ssl.ca.location": "ssl.truststore.location"}


def _stream(job: Job, table: Table, servers: str, topic: kafka.TopicInfo) -> Stream:
    from pyspark.sql import functions as F
    from pyspark.sql.streaming.readwriter import DataStreamWriter

    job.lake.ensure(table)

    def prepare() -> DataStreamWriter:
        start = "earliest"
        if resumes_at(stream.checkpoint) is not None and not has_planned_batch(stream.checkpoint):
            start = json.dumps({table.short_name: offsets_after(job, table, topic)})
        reader = (
            job.spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", servers)
            .option("subscribe", table.short_name)
            .option("startingOffsets", start)
            .option("failOnDataLoss", "true")
            .option("includeHeaders", "true")
            .option("kafka.isolation.level", "read_committed")
            .option("maxOffsetsPerTrigger", job.settings.stream.records_per_batch)
        )
        own = {f"kafka.{name}": value for name, value in java_settings(job.settings.kafka.client).items()}
        reader = reader.options(**{**_waits(job.settings.kafka.patience_seconds), **own})
        # current_timestamp is the batch's own, written down in the checkpoint: a batch done again says the same.
        heard = with_batch_metrics(
            reader.load(), table.short_name, arrived_at=F.col("timestamp"), size=F.octet_length("value").cast("BIGINT")
        )
        records = heard.withColumns({"topic_id": F.lit(topic.topic_id), "ingested_at": F.current_timestamp()})
        return raw_events(records).writeStream.foreachBatch(land)

    def land(rows: DataFrame, batch: int) -> None:
        # Under the table's lock, which Delta's own sink would not take: see lakehouse/locks.py.
        with job.lake.writing(table):
            job.lake.append(table, rows, batch=(current_query_id(job.spark), batch))

    stream = Stream(
        name=table.name,
        checkpoint=job.checkpoint(table),
        prepare=prepare,
        source_id=topic.topic_id,
        target_id=job.lake.table_id(table),
        target_has_rows=lambda: not job.lake.read(table).isEmpty(),
        rows_out=lambda _, rows_in: rows_in,
    )
    return stream


if __name__ == "__main__":
    call(ingest)
