"""Replay or discard the records that wait in quarantine; both write silver's tables, by Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.dataframes import union
from lakehouse.errors import UsageError
from pipelines.operations.quarantine_list import Event, Rule, Since, since_instant
from pipelines.runtime.console import out, print_json
from pipelines.runtime.erased_records import drop_erased_waiting
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson
from pipelines.runtime.past_retention import PAST_RETENTION
from pipelines.runtime.pseudonym_version import mark_current_pseudonyms, require_current_pseudonyms
from pipelines.silver_writer import require_current_identities, write_silver_batch
from producers.contract.event_type import EventType
from producers.events import EVENTS, event_named
from silver.duplicates import DUPLICATES
from silver.events import SILVER, validate_records
from silver.quarantine import QUARANTINE, waiting


@dataclass(frozen=True)
class Replay:
    """What became, or would become, of the waiting records that were validated again."""

    validated: int
    good: int
    still_bad: dict[str, int]

    @property
    def waiting(self) -> int:
        """How many still break the contract."""
        return self.validated - self.good


def open_records(job: Job, event: str = "", rule: str = "", since: str = "") -> DataFrame:
    """The open rows of the quarantine that the options select.

    Raises UsageError where an option names nothing that exists.
    """
    if event:
        event_named(event)
    job.lake.ensure(QUARANTINE)
    rows = job.lake.read(QUARANTINE).where("status = 'open'")
    if event:
        rows = rows.where(F.col("topic") == event)
    if rule:
        rows = rows.where(F.array_contains("rules", rule))
    if instant := since_instant(since):
        rows = rows.where(F.col("arrived_at") >= F.lit(instant.isoformat()).cast("TIMESTAMP"))
    return rows


def replay(
    event: Event = "",
    rule: Rule = "",
    since: Since = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Validate the waiting records again under the current contract: the good ones enter silver."""
    result = run_replay(open_job("quarantine"), event=event, rule=rule, since=since, dry_run=dry_run)
    if as_json:
        print_json({"judged": result.validated, "good": result.good, "still_bad": result.still_bad, "dry_run": dry_run})
        return
    would = "would enter" if dry_run else "entered"
    out.print(f"{result.validated:,} validated again: {result.good:,} {would} silver, {result.waiting:,} still wait.")
    for name, count in result.still_bad.items():
        out.print(f"  {name} {count:,}")
    if not dry_run and result.good:
        out.print("`clickstream aggregate` updates gold with them.")


def run_replay(job: Job, *, event: str = "", rule: str = "", since: str = "", dry_run: bool = False) -> Replay:
    """Validates open rows again; the good ones enter silver, the others get their new violations. Erased stays erased.

    Safe to repeat and to interrupt: the good ones are written to silver first, which is idempotent,
    and only then the quarantine marks them as replayed.
    """
    for table in (*SILVER.values(), QUARANTINE, DUPLICATES):
        job.lake.ensure(table)
    require_current_identities(job.lake, SILVER.values())
    require_current_pseudonyms(job.lake, SILVER.values())
    if not dry_run:
        for table in SILVER.values():
            with job.lake.writing(table):
                mark_current_pseudonyms(job.lake, [table])
    # An id that no contract could read before may be one that was erased: such a record does not come back.
    erased = {name: drop_erased_waiting(job, kind, dry_run=dry_run) for name, kind in EVENTS.items()}
    rows = open_records(job, event, rule, since)
    validated, good, still_bad = 0, 0, dict[str, int]()
    for kind in EVENTS.values():
        of_kind = rows.where(F.col("topic") == kind.name)
        if dry_run and (gone := erased[kind.name]) is not None:
            of_kind = of_kind.join(job.spark.createDataFrame(gone), COORDINATE_NAMES, "left_anti")
        again = validate_records(kind)(of_kind).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            counts = again.groupBy(F.col("violations.rule").alias("rules")).count().collect()
            validated += sum(row["count"] for row in counts)
            good += sum(row["count"] for row in counts if row["rules"] is None)
            for row in counts:
                for name in set(row["rules"] or ()):
                    still_bad[name] = still_bad.get(name, 0) + row["count"]
            if counts and not dry_run:
                write_silver_batch(job.lake, kind, again.where("violations IS NULL"))
                _update_quarantine(job, kind, again)
        finally:
            again.unpersist()
    return Replay(validated, good, dict(sorted(still_bad.items(), key=lambda item: (-item[1], item[0]))))


def _update_quarantine(job: Job, event: EventType, validated: DataFrame) -> None:
    """Marks the good records as replayed, and gives the others their new violations."""
    now = F.current_timestamp()
    still_open = waiting(validated, event.version).select(
        *COORDINATE_NAMES, "rules", "sentences", F.lit("open").alias("status")
    )
    replayed = validated.where("violations IS NULL").select(
        *COORDINATE_NAMES,
        F.lit(None).cast("ARRAY<STRING>").alias("rules"),
        F.lit(None).cast("ARRAY<STRING>").alias("sentences"),
        F.lit("replayed").alias("status"),
    )
    updates = still_open.unionByName(replayed).select(
        *COORDINATE_NAMES, *(F.col(name).alias(f"_{name}") for name in ("rules", "sentences", "status"))
    )
    with job.lake.writing(QUARANTINE):
        rows = (
            job.lake.read(QUARANTINE)
            .join(updates, COORDINATE_NAMES)
            # One that lost its bytes meanwhile, by its age, is in silver all the same.
            .where(f"status = 'open' OR (discard_reason = '{PAST_RETENTION}' AND _status = 'replayed')")
            .withColumns(
                {
                    "rules": F.coalesce("_rules", "rules"),
                    "sentences": F.coalesce("_sentences", "sentences"),
                    "status": F.col("_status"),
                    "discard_reason": F.lit(None).cast("STRING"),
                    "contract_version": F.lit(event.version),
                    "last_judged_at": now,
                }
            )
            .select(*QUARANTINE.column_names)
        )
        job.lake.upsert(QUARANTINE, rows)


def half_replayed(job: Job) -> DataFrame:
    """Open rows whose records are in silver or duplicates: a replay died before it marked them as replayed."""
    for table in (*SILVER.values(), QUARANTINE, DUPLICATES):
        job.lake.ensure(table)
    written = union([job.lake.read(table).select(COORDINATE_NAMES) for table in (*SILVER.values(), DUPLICATES)])
    return job.lake.read(QUARANTINE).where("status = 'open'").join(written, COORDINATE_NAMES, "left_semi")


def finish_replay(job: Job) -> None:
    """Marks such rows as replayed."""
    with job.lake.writing(QUARANTINE):
        done = {"status": F.lit("replayed"), "last_judged_at": F.current_timestamp()}
        job.lake.upsert(QUARANTINE, half_replayed(job).withColumns(done))


def discard(
    reason: Annotated[str, typer.Option("--reason", help="Why these records stay out for good.")],
    event: Event = "",
    rule: Rule = "",
    since: Since = "",
    as_json: AsJson = False,
) -> None:
    """Decide that waiting records stay out; the rows and their bytes are kept, with the reason."""
    count = run_discard(open_job("quarantine"), reason=reason, event=event, rule=rule, since=since)
    if as_json:
        print_json({"discarded": count})
    else:
        out.print(f"{count:,} discarded; their rows and bytes stay in {QUARANTINE.name}.")


def run_discard(job: Job, *, reason: str, event: str = "", rule: str = "", since: str = "") -> int:
    """Marks open rows as discarded, and returns how many.

    Raises UsageError where the reason is blank, or where no option says which rows.
    """
    if not reason.strip():
        raise UsageError("Discarding needs a reason.", "Give it with --reason; it is kept with the records.")
    if not (event or rule or since):
        raise UsageError("Discarding everything at once is refused.", "Select records with --event, --rule or --since.")
    with job.lake.writing(QUARANTINE):
        rows = open_records(job, event, rule, since).withColumns(
            {"status": F.lit("discarded"), "discard_reason": F.lit(reason.strip())}
        )
        count = rows.count()
        if count:
            job.lake.upsert(QUARANTINE, rows)
        return count
