"""The audit: Kafka against bronze, bronze against the fates, gold against a rebuild, checkpoints against tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.markup import escape
from rich.table import Table as Grid

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from lakehouse.dataframes import row_differences, union
from lakehouse.errors import DataError, LakehouseError, OutsideError
from lakehouse.incremental import localize_small
from lakehouse.parallel import run_in_parallel
from lakehouse.streams import check_checkpoint, committed_offsets
from lakehouse.table import Table
from pipelines import aggregate, gold_builder, ingest, refine
from pipelines.runtime.console import out, print_json, spinner
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.options import AsJson
from producers import kafka
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE


@dataclass(frozen=True)
class Check:
    """One check: what it looked at, whether it holds, its figures, and the first offence."""

    name: str
    ok: bool
    figures: dict[str, Any] = field(default_factory=dict)
    offence: str = ""


def verify(
    quick: Annotated[bool, typer.Option("--quick", help="Compare sums per partition; for big lakes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that every record is in bronze once, has one fate, and that gold equals a rebuild."""
    checks = run_verify(open_job("verify"), quick=quick)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        show(checks)
    bad = [check.name for check in checks if not check.ok]
    if bad:
        raise DataError(
            f"{len(bad)} of {len(checks)} checks failed: {', '.join(bad)}.",
            "`clickstream recover` mends streams; `clickstream rebuild silver` and `rebuild gold` make tables anew.",
        )
    if not as_json:
        out.print(f"All {len(checks)} checks hold: every record is there once and has one fate.")


def show(checks: list[Check]) -> None:
    """The checks as a table for people."""
    grid = Grid("", "check", "figures", "first offence", box=None, padding=(0, 2))
    for check in checks:
        figures = ", ".join(
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in check.figures.items()
        )
        grid.add_row(
            "[green]ok[/]" if check.ok else "[bold red]NO[/]", check.name, escape(figures), escape(check.offence)
        )
    out.print(grid)


def run_verify(job: Job, *, quick: bool = False) -> list[Check]:
    """All checks, in their order."""
    found = []
    with spinner() as shown:
        task = shown.add_task("verify: checkpoints")
        found += list(check_checkpoints(job))
        for name in BRONZE:
            shown.update(task, description=f"verify: {name}")
            found.append(check_kafka(job, name))
            found += list(_fates_quick(job, name) if quick else _fates(job, name))
        if not quick:
            shown.update(task, description="verify: gold against a rebuild")
            found += check_gold(job, gold_builder.incremental_tables())
    return found


def _coordinates(row: Any) -> str:
    return "/".join(str(row[name]) for name in COORDINATE_NAMES)


def _none(name: str, rows: DataFrame, what: str) -> Check:
    """A check that there are no such rows; the first one is its offence."""
    count = rows.count()
    row = rows.orderBy(*COORDINATE_NAMES).first() if count else None
    return Check(name, not count, {what: count}, _coordinates(row) if row else "")


def check_checkpoints(job: Job) -> Iterator[Check]:
    """Each stream's checkpoint, its source and its table belong together."""
    for of_job in (ingest.streams, refine.streams, lambda job: [aggregate.stream(job)]):
        try:
            streams = of_job(job)
        except OutsideError:  # no Kafka: the check that needs it says so
            for table in BRONZE.values():
                job.lake.ensure(table)
            continue
        for stream in streams:
            try:
                check_checkpoint(stream)
            except LakehouseError as error:
                yield Check(f"{stream.name}: checkpoint", ok=False, offence=error.message)
            else:
                yield Check(f"{stream.name}: checkpoint", ok=True)


def check_kafka(job: Job, name: str) -> Check:
    """Bronze has every record that Kafka holds up to where it has read."""
    table = BRONZE[name]
    title = f"{name}: nothing of Kafka is missing"
    try:
        servers = bootstrap_servers(job.settings)
        topic_id = kafka.topic_ids(servers, [name], client=job.settings.kafka.client)[name].topic_id
        ends = kafka.offsets(servers, [name], client=job.settings.kafka.client)
    except OutsideError as error:
        return Check(title, ok=False, offence=f"Kafka could not be asked: {error}")
    rows = job.lake.read(table).where(F.col("topic_id") == topic_id)
    read = (committed_offsets(job.checkpoint(table)) or [{}])[0].get(name, {})
    # A stream that was recovered has no finished batch yet, but the rows of those before.
    held = ingest.next_offsets(job, table, topic_id)
    missing, explained, lag, offence = 0, 0, 0, ""
    for (_, partition), (earliest, end) in ends.items():
        next_offset = max(int(read.get(str(partition), 0)), held.get(partition, 0))
        lag += max(end - max(next_offset, earliest), 0)
        for low, high in _gaps(rows.where(F.col("partition") == partition), next_offset):
            there = kafka.records_between(
                servers, name, partition, max(low, earliest), high, client=job.settings.kafka.client
            )
            missing += len(there)
            explained += high - low + 1 - len(there)
            offence = offence or (f"{name}/{topic_id}/{partition}/{there[0]}" if there else "")
    figures = {"missing": missing, "gaps that Kafka explains": explained, "not read yet": lag}
    return Check(title, not missing, figures, offence)


def _gaps(rows: DataFrame, end: int) -> list[tuple[int, int]]:
    """The spans of offsets below ``end`` that the rows of one partition lack, both ends included."""
    from pyspark.sql import Window

    after = F.lead("offset", 1, end).over(Window.orderBy("offset"))
    found = (
        rows.select("offset")
        .distinct()
        .where(F.col("offset") < end)
        .select("offset", after.alias("next"))
        .where("next > offset + 1")
        .select(F.expr("offset + 1").alias("low"), F.expr("next - 1").alias("high"))
    )
    gaps = [(row["low"], row["high"]) for row in found.collect()]
    first = rows.agg(F.min("offset")).first()
    start = first[0] if first and first[0] is not None else end
    return ([(0, start - 1)] if start > 0 else []) + gaps


def _fate_rows(job: Job, name: str) -> DataFrame:
    """The coordinates of one topic's records, once for each fate that they have."""

    def part(table: Table, fate: str, condition: str = "true") -> DataFrame:
        rows = job.lake.read(table).where(condition)
        return rows.where(F.col("topic") == name).select(*COORDINATE_NAMES, F.lit(fate).alias("fate"))

    return union(
        [
            part(SILVER[name], "silver"),
            part(QUARANTINE, "quarantine", "status != 'replayed'"),
            part(DUPLICATES, "duplicates"),
        ]
    )


def _judged(job: Job, name: str) -> DataFrame:
    """The bronze rows that silver's stream has read: those of the versions below the one it reads next."""
    table = BRONZE[name]
    at = refine.position(job.settings, name)
    return _up_to(job, table, at) if at else job.lake.empty(table)


def _up_to(job: Job, table: Table, offset: dict[str, Any], *, at_least: int = -1) -> DataFrame:
    """The table as of the last version that a stream at this offset has read to its end."""
    # An index of -1 stands before a version's first file; any other one may stand amid its files.
    version = min(max(offset["reservoirVersion"] - 1, at_least), job.lake.version(table))
    return job.lake.read(table, version) if version >= 0 else job.lake.empty(table)


def _fates(job: Job, name: str) -> Iterator[Check]:
    """Every bronze row is there once, every one that was judged has exactly one fate, and none is invented."""
    bronze = job.lake.read(BRONZE[name])
    marked = union(
        [
            bronze.select(*COORDINATE_NAMES, F.lit("bronze").alias("fate")),
            _judged(job, name).select(*COORDINATE_NAMES, F.lit("judged").alias("fate")),
            _fate_rows(job, name),
        ]
    )
    kinds = ("bronze", "judged", "silver", "quarantine", "duplicates")
    each = (
        marked.groupBy(*COORDINATE_NAMES)
        .agg(*(F.count_if(F.col("fate") == kind).alias(kind) for kind in kinds))
        .withColumn("fates", F.expr("silver + quarantine + duplicates"))
    )
    offences = {
        "bronze has each offset once": ("doubled", "bronze > 1"),
        "every judged row has a fate": ("without", "judged > 0 AND fates = 0"),
        "no row has two fates": ("with several", "fates > 1"),
        "no fate is without a bronze row": ("invented", "fates > 0 AND bronze = 0"),
    }
    found = each.agg(
        *(F.sum(kind).alias(kind) for kind in kinds),
        *(F.count_if(F.expr(sql)).alias(title) for title, (_, sql) in offences.items()),
        *(
            F.min(F.expr(f"if({sql}, struct({', '.join(COORDINATE_NAMES)}), NULL)")).alias(f"{title} first")
            for title, (_, sql) in offences.items()
        ),
    ).first()
    if found is None:
        return
    totals = {kind: int(found[kind] or 0) for kind in kinds}
    for number, (title, (what, _)) in enumerate(offences.items()):
        first = found[f"{title} first"]
        figures = {**(totals if not number else {}), what: found[title]}
        yield Check(f"{name}: {title}", not found[title], figures, _coordinates(first) if first else "")
    heard = bronze.select(*COORDINATE_NAMES, F.col("value").alias("_heard"))
    waiting = job.lake.read(QUARANTINE).where(F.col("topic") == name)
    yield _none(
        f"{name}: quarantine has bronze's bytes",
        waiting.join(heard, COORDINATE_NAMES).where("NOT (value <=> _heard)"),
        "altered",
    )
    kept = job.lake.read(SILVER[name]).select(
        *(F.col(one).alias(f"kept_{one}") for one in COORDINATE_NAMES), "identity"
    )
    yield _none(
        f"{name}: what a duplicate repeats is kept",
        job.lake.read(DUPLICATES)
        .where(F.col("topic") == name)
        .join(kept, [*(f"kept_{one}" for one in COORDINATE_NAMES), "identity"], "left_anti"),
        "orphans",
    )


def _fates_quick(job: Job, name: str) -> Iterator[Check]:
    """Per partition, as many fates as judged rows, and the same sum of offsets."""
    by = ["topic_id", "partition"]

    def sums(rows: DataFrame, name: str) -> DataFrame:
        return rows.groupBy(*by).agg(
            F.count("*").alias(f"{name}_rows"), F.sum(F.col("offset").cast("DECIMAL(38,0)")).alias(f"{name}_sum")
        )

    both = sums(_judged(job, name), "bronze").join(sums(_fate_rows(job, name), "fates"), by, "full_outer")
    wrong = both.where("NOT (bronze_rows <=> fates_rows AND bronze_sum <=> fates_sum)").collect()
    offence = f"{name}/{wrong[0]['topic_id']}/{wrong[0]['partition']}" if wrong else ""
    yield Check(f"{name}: fates add up", not wrong, {"partitions": both.count(), "wrong": len(wrong)}, offence)


def check_gold(job: Job, tables: Sequence[Table]) -> list[Check]:
    """Each of these gold tables equals what its declaration makes of all of silver, row for row."""
    # All that gold has read of silver, and the time that its sessions were closed by.
    read = {table.name: localize_small(_taken(job, table)) for table in gold_builder.upstream_tables()} | {
        CLOCK.name: _clock(job)
    }
    checks: dict[str, Check] = {}

    def check(table: Table) -> None:
        checks[table.name] = _equals_a_rebuild(job, table, read)

    run_in_parallel(job.spark, tables, check)
    return [checks[table.name] for table in tables]


def _equals_a_rebuild(job: Job, table: Table, read: Mapping[str, DataFrame]) -> Check:
    rows, key = job.lake.read(table), table.key
    # A row that the table has and a rebuild has not is wrong; the other way round, it is lacking.
    found = (
        row_differences(gold_builder.build_table(job, table, read), rows, table.column_names)
        .agg(
            F.sum(F.greatest("_more", F.lit(0))).alias("wrong"),
            F.sum(F.greatest(-F.col("_more"), F.lit(0))).alias("lacking"),
            F.min(F.struct(*key)).alias("first"),
        )
        .first()
    )
    figures = {"rows": rows.count(), **{name: int((found and found[name]) or 0) for name in ("wrong", "lacking")}}
    first = found and found["first"]
    offence = ", ".join(f"{name} {first[name]}" for name in key) if first else ""
    return Check(f"{table.name}: equals a rebuild", not first, figures, offence)


def _clock(job: Job) -> DataFrame:
    """The latest time that gold's own rows tell of: the last session that was closed."""
    closed = job.lake.read(SESSIONS).where("is_closed").agg(F.max("closes_at").alias("as_of"))
    seconds = job.settings.sessions.closes_after_minutes * 60.0
    never = F.lit("1970-01-01").cast("TIMESTAMP")
    return closed.select(F.coalesce("as_of", never).alias("as_of"), F.lit(seconds).alias("closes_after_seconds"))


def _taken(job: Job, table: Table) -> DataFrame:
    """The rows of a silver table that gold's stream has read."""
    at = gold_builder.read_offsets(job.settings).get(table.name)
    built = gold_builder.base_versions(job.settings).get(table.name, -1)
    if at:
        return _up_to(job, table, at, at_least=built)
    return job.lake.read(table, built) if built >= 0 else job.lake.empty(table)
