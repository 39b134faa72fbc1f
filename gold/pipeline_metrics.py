"""Declare what the streams did, batch by batch; every streaming job writes it."""

from __future__ import annotations

from lakehouse.table import Column, Format, Table

TABLE = Table(
    name="gold.pipeline_metrics",
    doc="One row per (stream, query_id, batch_id, run_id): a batch that was done, once, or a run that failed at one. "
    "Append-only, written by every streaming job; a batch without rows has none.",
    columns=(
        Column(
            "query_id",
            "STRING",
            "The stream's own id, new with each checkpoint; empty before it had one.",
            True,
            format=Format.ID,
        ),
        Column(
            "batch_id", "BIGINT", "The number of the batch, from 0 in each checkpoint.", required=True, format=Format.ID
        ),
        Column(
            "run_id",
            "STRING",
            "Of the run of the job that wrote the row; its streams share it.",
            required=True,
            format=Format.ID,
        ),
        Column("stream", "STRING", "The table that the stream feeds; gold for the one that feeds all of gold.", True),
        Column("rows_in", "BIGINT", "Rows read; null for a failure, and for a batch whose driver died before it said."),
        Column("rows_out", "BIGINT", "Rows given to the stream's table; null for gold, whose stream feeds several."),
        Column(
            "engine", "STRING", "What computed and wrote the batch: spark; in process, which is the job's own; or both."
        ),
        Column("bytes_in", "BIGINT", "Bytes of the values of Kafka's records that were read; null beyond silver."),
        Column("rows_per_second", "DOUBLE", "rows_in by duration_seconds."),
        Column(
            "offsets_behind",
            "BIGINT",
            "Offsets that Kafka had and the batch did not take; null beyond bronze.",
            additive=False,
        ),
        Column("lag_seconds", "DOUBLE", "From the oldest row's arrival in Kafka to the batch's end, in seconds."),
        Column(
            "state_bytes",
            "BIGINT",
            "What Spark remembers from batch to batch; 0 for streams without state.",
            additive=False,
        ),
        Column("duration_seconds", "DOUBLE", "The whole batch, in seconds; null for a failure."),
        Column("offsets_seconds", "DOUBLE", "Of it, asking the source what is new."),
        Column("planning_seconds", "DOUBLE", "Of it, planning what to read."),
        Column("work_seconds", "DOUBLE", "Of it, reading, computing and writing."),
        Column("checkpoint_seconds", "DOUBLE", "Of it, writing down the plan and the end."),
        Column("error", "STRING", "What the run failed of, in a sentence; null for a batch that was done."),
        Column("cure", "STRING", "What to do about the error."),
        Column("started_on", "DATE", "The day of started_at, in UTC.", required=True),
        Column("started_at", "TIMESTAMP", "When the batch began, or the run failed, by this machine's clock.", True),
        Column("ended_at", "TIMESTAMP", "When the batch ended, or the run failed, by this machine's clock.", True),
    ),
    key=("stream", "query_id", "batch_id", "run_id"),
    rules={
        "a_failure_has_no_rows": "error IS NULL OR rows_in IS NULL",
        "a_batch_ends_after_it_began": "ended_at >= started_at",
    },
)
