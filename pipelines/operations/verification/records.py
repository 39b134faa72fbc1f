"""Check that every record is accounted for: once in bronze and, once processed, in silver, quarantine or duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from lakehouse.dataframes import union
from lakehouse.table import Table
from pipelines.operations.offsets import rows_read, silver_offset
from pipelines.operations.verification.result import (
    REBUILD_SILVER,
    Check,
    check_no_rows,
    format_coordinates,
    recover_stream,
    tried,
)
from pipelines.runtime.job import Job
from pipelines.runtime.past_retention import SENTENCE, Gone, Partition, gone_from, is_gone_sql
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE

_PLACES = ("bronze", "processed", "silver", "quarantine", "duplicates")

_OFFENCES = {
    "bronze has each offset once": ("doubled", "bronze > 1"),
    "every processed record is in silver, quarantine or duplicates": ("without", "processed > 0 AND outcomes = 0"),
    "no record has two outcomes": ("with several", "outcomes > 1"),
    "no outcome is without a bronze record": ("invented", "outcomes > 0 AND bronze = 0 AND NOT is_gone"),
}
"""For each check the name of its figure, and the SQL condition of the records that offend it."""
_FIXES = {
    "bronze has each offset once": "no command deletes rows of bronze: look at them first",
    "every processed record is in silver, quarantine or duplicates": recover_stream("silver.{}"),
    "no record has two outcomes": REBUILD_SILVER,
    "no outcome is without a bronze record": recover_stream("bronze.{}"),
}
"""What to run where one of these checks fails, by the name of the event."""

_QUARANTINE = "{}: quarantine has bronze's bytes"
_DUPLICATES = "{}: silver has the first arrival of each duplicate"


def check_records(job: Job, name: str) -> Iterator[Check]:
    """One topic, record by record."""
    yield from tried(f"{name}: every record is accounted for", lambda: _check_outcomes(job, name))
    yield from check_past_retention(job, name)
    yield from tried(_QUARANTINE.format(name), lambda: [_check_quarantine(job, name)])
    yield from tried(_DUPLICATES.format(name), lambda: [_check_duplicates(job, name)])


def check_record_sums(job: Job, name: str) -> Check:
    """One topic, partition by partition: as many outcomes as processed records, and the same sum of offsets."""
    by = ["topic_id", "partition"]

    def sums(rows: DataFrame, prefix: str) -> DataFrame:
        return rows.groupBy(*by).agg(
            F.count("*").alias(f"{prefix}_rows"), F.sum(F.col("offset").cast("DECIMAL(38,0)")).alias(f"{prefix}_sum")
        )

    # Those that left bronze by their age are counted against their outcomes by a check of their own.
    kept = f"NOT ({is_gone_sql(gone_from(job.settings, BRONZE[name]))})"
    processed, ended = (rows.where(kept) for rows in (processed_records(job, name), outcomes(job, name)))
    both = sums(processed, "processed").join(sums(ended, "outcome"), by, "full_outer")
    wrong = both.where("NOT (processed_rows <=> outcome_rows AND processed_sum <=> outcome_sum)").collect()
    offence = f"{name}/{wrong[0]['topic_id']}/{wrong[0]['partition']}" if wrong else ""
    figures = {"partitions": both.count(), "wrong": len(wrong)}
    return Check(f"{name}: outcomes add up", not wrong, figures, offence, fix=recover_stream(SILVER[name].name))


def check_past_retention(job: Job, name: str) -> Iterator[Check]:
    """Of each record that left bronze by its age, the outcome is there still: as many as bronze had."""
    gone = gone_from(job.settings, BRONZE[name])
    if gone:
        title = f"{name}: every record past retention has its outcome"
        yield from tried(title, lambda: [_check_past_retention(job, name, gone, title)])


def _check_past_retention(job: Job, name: str, gone: Mapping[Partition, Gone], title: str) -> Check:
    of_place = outcomes(job, name).where(is_gone_sql(gone)).groupBy("topic_id", "partition").count().collect()
    found = {(row["topic_id"], row["partition"]): row["count"] for row in of_place}
    wrong = {place: one.records - found.get(place, 0) for place, one in gone.items()}
    figures = {"past retention": sum(one.records for one in gone.values()), "outcomes": sum(found.values())}
    offence = "; ".join(
        f"{name}/{topic_id}/{partition} {'lacks' if count > 0 else 'has too many:'} {abs(count):,}"
        for (topic_id, partition), count in sorted(wrong.items())
        if count
    )
    fix = "no command brings back what bronze no longer has: restore silver's tables from a backup"
    return Check(title, not offence, figures, offence, fix=fix)


def outcomes(job: Job, name: str) -> DataFrame:
    """The coordinates of one topic's records, once for each place where they ended."""

    def part(table: Table, place: str, condition: str = "true") -> DataFrame:
        rows = job.lake.read(table).where(condition)
        return rows.where(F.col("topic") == name).select(*COORDINATE_NAMES, F.lit(place).alias("place"))

    return union(
        [
            part(SILVER[name], "silver"),
            part(QUARANTINE, "quarantine", "status != 'replayed'"),
            part(DUPLICATES, "duplicates"),
        ]
    )


def processed_records(job: Job, name: str) -> DataFrame:
    """The bronze rows that silver's stream has read: those of the versions below the one it reads next."""
    table = BRONZE[name]
    offset = silver_offset(job.settings, name)
    return rows_read(job, table, offset) if offset else job.lake.empty(table)


def _check_outcomes(job: Job, name: str) -> Iterator[Check]:
    """Every record is in bronze once, has exactly one outcome once it is processed, and none is invented."""
    totals, first = _count_offences(_places_per_record(job, name))
    for number, (title, (figure, _)) in enumerate(_OFFENCES.items()):
        # The totals stand beside the first check; `judged` is a key of the JSON answer, and keeps its name.
        figures = {"judged" if place == "processed" else place: totals[place] for place in _PLACES if not number}
        held, fix = not totals[title], _FIXES[title].format(name)
        yield Check(f"{name}: {title}", held, {**figures, figure: totals[title]}, first[title], fix=fix)


def _places_per_record(job: Job, name: str) -> DataFrame:
    """One row per record: how often it is in each place, and how many outcomes it has."""
    marked = union(
        [
            job.lake.read(BRONZE[name]).select(*COORDINATE_NAMES, F.lit("bronze").alias("place")),
            processed_records(job, name).select(*COORDINATE_NAMES, F.lit("processed").alias("place")),
            outcomes(job, name),
        ]
    )
    return (
        marked.groupBy(*COORDINATE_NAMES)
        .agg(*(F.count_if(F.col("place") == place).alias(place) for place in _PLACES))
        .withColumn("outcomes", F.expr("silver + quarantine + duplicates"))
        .withColumn("is_gone", F.expr(is_gone_sql(gone_from(job.settings, BRONZE[name]))))
    )


def _count_offences(records: DataFrame) -> tuple[dict[str, int], dict[str, str]]:
    """The rows of each place and the records that offend each check, in one pass; and the first of these."""
    struct = f"struct({', '.join(COORDINATE_NAMES)})"
    row = records.agg(
        *(F.sum(place).alias(place) for place in _PLACES),
        *(F.count_if(F.expr(sql)).alias(title) for title, (_, sql) in _OFFENCES.items()),
        *(F.min(F.expr(f"if({sql}, {struct}, NULL)")).alias(f"{title} first") for title, (_, sql) in _OFFENCES.items()),
    ).first()
    found = row.asDict() if row else {}
    first = {title: found.get(f"{title} first") for title in _OFFENCES}
    return (
        {name: int(found.get(name) or 0) for name in (*_PLACES, *_OFFENCES)},
        {title: format_coordinates(record) if record else "" for title, record in first.items()},
    )


def _check_quarantine(job: Job, name: str) -> Check:
    received = job.lake.read(BRONZE[name]).select(*COORDINATE_NAMES, F.col("value").alias("_received"))
    held = job.lake.read(QUARANTINE).where(F.col("topic") == name)
    # The bytes of those past retention are gone here, however long bronze keeps them.
    has_bytes = f"NOT (value IS NULL AND array_contains(sentences, '{SENTENCE}'))"
    altered = held.where(has_bytes).join(received, COORDINATE_NAMES).where("NOT (value <=> _received)")
    return check_no_rows(_QUARANTINE.format(name), altered, "altered", REBUILD_SILVER)


def _check_duplicates(job: Job, name: str) -> Check:
    columns = {f"kept_{column}": F.col(column) for column in COORDINATE_NAMES} | {"identity": F.col("identity")}
    kept = job.lake.read(SILVER[name]).select(*(column.alias(alias) for alias, column in columns.items()))
    orphans = job.lake.read(DUPLICATES).where(F.col("topic") == name).join(kept, list(columns), "left_anti")
    return check_no_rows(_DUPLICATES.format(name), orphans, "orphans", REBUILD_SILVER)
