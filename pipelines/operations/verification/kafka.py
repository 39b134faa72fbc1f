"""Check bronze against Kafka: every record up to where bronze has read is there, once."""

from __future__ import annotations

from pyspark.sql import functions as F

from bronze.raw_events import BRONZE
from lakehouse.checkpoints import committed_offsets
from lakehouse.errors import OutsideError
from pipelines import ingest
from pipelines.operations.offsets import offset_gaps
from pipelines.operations.verification.result import Check, recover_stream
from pipelines.runtime.job import Job
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.past_retention import first_kept, gone_from
from producers import kafka


def why_kafka_cannot_answer(job: Job) -> str:
    """Why Kafka cannot be asked for the topics, in a sentence; empty where it can."""
    try:
        kafka.topic_ids(bootstrap_servers(job.settings), list(BRONZE), client=job.settings.kafka.client)
    except OutsideError as error:
        return error.message
    return ""


def check_kafka(job: Job, name: str, without_kafka: str = "") -> Check:
    """Bronze has every record that Kafka holds up to where it has read.

    The check is not done where Kafka cannot be asked, or where ``without_kafka`` says already why.
    """
    title = f"{name}: nothing of Kafka is missing"
    try:
        return Check.not_done(title, without_kafka) if without_kafka else _compare(job, name, title)
    except OutsideError as error:
        return Check.not_done(title, error.message)


def _compare(job: Job, name: str, title: str) -> Check:
    table, client = BRONZE[name], job.settings.kafka.client
    servers = bootstrap_servers(job.settings)
    topic_id = kafka.topic_ids(servers, [name], client=client)[name].topic_id
    ends = kafka.offsets(servers, [name], client=client)
    rows = job.lake.read(table).where(F.col("topic_id") == topic_id)
    read = (committed_offsets(job.checkpoint(table)) or [{}])[0].get(name, {})
    # A stream that was recovered has no finished batch yet, but the rows of those before.
    held = ingest.next_offsets(job, table, topic_id)
    left = first_kept(job.settings, table, topic_id)
    missing, explained, lag, offence = 0, 0, 0, ""
    for (_, partition), (earliest, end) in ends.items():
        next_offset = max(int(read.get(str(partition), 0)), held.get(partition, 0))
        lag += max(end - max(next_offset, earliest), 0)
        of_partition = rows.where(F.col("partition") == partition)
        for low, high in offset_gaps(of_partition, next_offset, left.get(partition, 0)):
            records = kafka.records_between(servers, name, partition, max(low, earliest), high, client=client)
            missing += len(records)
            explained += high - low + 1 - len(records)
            offence = offence or (f"{name}/{topic_id}/{partition}/{records[0]}" if records else "")
    figures = {"missing": missing, "gaps that Kafka explains": explained, "not read yet": lag}
    if gone := gone_from(job.settings, table):
        figures["past retention"] = sum(one.records for one in gone.values())
    return Check(title, not missing, figures, offence, fix=recover_stream(table.name))
