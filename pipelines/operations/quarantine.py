"""The quarantine on the command line: what waits and why, and its way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.markup import escape
from rich.table import Table as Grid

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.dataframes import union
from lakehouse.errors import DataError, UsageError
from pipelines.runtime.completion import complete_event
from pipelines.runtime.console import out, print_json
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson
from pipelines.silver_writer import write_silver_batch
from producers.contract.event_type import EventType
from producers.events import EVENTS, event_named
from silver.duplicates import DUPLICATES
from silver.events import SILVER, validate_records
from silver.quarantine import QUARANTINE, waiting

app = typer.Typer(no_args_is_help=True, help="What broke the contract: look at it, and send it through again.")

Event = Annotated[
    str,
    typer.Option("--event", metavar="EVENT", autocompletion=complete_event, help="Only records of this kind of event."),
]
Rule = Annotated[str, typer.Option("--rule", help="Only records that break this rule.")]
Since = Annotated[str, typer.Option("--since", help="Only records that arrived at this ISO 8601 time (UTC) or later.")]


@dataclass(frozen=True)
class Replay:
    """What became, or would become, of the waiting records that were judged again."""

    judged: int
    good: int
    still_bad: dict[str, int]

    @property
    def waiting(self) -> int:
        """How many still break the contract."""
        return self.judged - self.good


def chosen(job: Job, event: str = "", rule: str = "", since: str = "") -> DataFrame:
    """The waiting rows of the quarantine that the options name.

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
    if since:
        try:
            instant = datetime.fromisoformat(since)
        except ValueError as error:
            raise UsageError(
                f"--since {since!r} is not a time.", "Write it as 2026-10-15 or 2026-10-15T12:00:00Z."
            ) from error
        rows = rows.where(F.col("arrived_at") >= F.lit(instant.isoformat()).cast("TIMESTAMP"))
    return rows


@app.command("list")
def list_(event: Event = "", rule: Rule = "", since: Since = "", as_json: AsJson = False) -> None:
    """What waits, grouped by the rule it breaks, with counts and an example."""
    job = open_job("quarantine")
    groups = grouped(chosen(job, event, rule, since), rule)
    if as_json:
        print_json(groups)
        return
    if not groups:
        out.print("Nothing waits in quarantine.")
        return
    titles = ("event", "rule", "records", "first arrived", "last arrived", "example at", "what is wrong with it")
    grid = Grid(*titles, box=None, padding=(0, 2))
    for group in groups:
        example = group["example"]
        where = f"{example['partition']} {example['offset']}"
        grid.add_row(
            group["event"],
            group["rule"],
            f"{group['records']:,}",
            group["first_arrived_at"][:19],
            group["last_arrived_at"][:19],
            where,
            escape(example["sentence"]),
        )
    out.print(grid)
    first = groups[0]
    place = f"{first['event']} {first['example']['partition']} {first['example']['offset']}"
    out.print(
        f"`clickstream quarantine show {place}` prints the first example; `replay` judges all again. Times are UTC."
    )


def grouped(rows: DataFrame, rule: str = "") -> list[dict[str, Any]]:
    """The rows by event and broken rule: how many, since when, and the first one as an example."""
    broken = rows.select(
        *COORDINATE_NAMES, "arrived_at", F.explode(F.arrays_zip("rules", "sentences")).alias("one")
    ).select(*COORDINATE_NAMES, "arrived_at", "one.rules", "one.sentences")
    if rule:
        broken = broken.where(F.col("rules") == rule)
    found = (
        broken.groupBy("topic", "rules")
        .agg(
            F.countDistinct("topic_id", "partition", "offset").alias("records"),
            F.min("arrived_at").cast("STRING").alias("first"),
            F.max("arrived_at").cast("STRING").alias("last"),
            F.min_by(
                F.struct("topic_id", "partition", "offset", "sentences"), F.struct("arrived_at", "partition", "offset")
            ).alias("example"),
        )
        .orderBy(F.desc("records"), "topic", "rules")
        .collect()
    )
    return [
        {
            "event": row["topic"],
            "rule": row["rules"],
            "records": row["records"],
            "first_arrived_at": row["first"],
            "last_arrived_at": row["last"],
            "example": {
                "topic_id": row["example"]["topic_id"],
                "partition": row["example"]["partition"],
                "offset": row["example"]["offset"],
                "sentence": row["example"]["sentences"],
            },
        }
        for row in found
    ]


@app.command()
def show(
    event: Annotated[str, typer.Argument(metavar="EVENT", autocompletion=complete_event, help="The kind of event.")],
    partition: Annotated[int, typer.Argument(help="The record's partition.")],
    offset: Annotated[int, typer.Argument(help="The record's offset.")],
    as_json: AsJson = False,
) -> None:
    """Print one record readably: its reasons, and its bytes escaped."""
    job = open_job("quarantine")
    event_named(event)
    job.lake.ensure(QUARANTINE)
    rows = (
        job.lake.read(QUARANTINE)
        .where((F.col("topic") == event) & (F.col("partition") == partition) & (F.col("offset") == offset))
        .orderBy("arrived_at")
        .withColumns({name: F.col(name).cast("STRING") for name in ("arrived_at", "first_judged_at", "last_judged_at")})
        .collect()
    )
    if not rows:
        raise DataError(
            f"The record {event}/{partition}/{offset} is not in quarantine.",
            "`clickstream quarantine list` has examples.",
        )
    records = [{**row.asDict(), "value": escaped(row["value"])} for row in rows]
    if as_json:
        print_json(records)
        return
    for record in records:
        for name in (*COORDINATE_NAMES, "status", "discard_reason", "arrived_at", "first_judged_at", "last_judged_at"):
            if record[name] is not None:
                out.print(f"{name:16} {record[name]}", markup=False)
        out.print(f"{'contract':16} {record['contract_version']}", markup=False)
        for rule, sentence in zip(record["rules"], record["sentences"], strict=True):
            out.print(f"{'breaks':16} {rule}: {sentence}", markup=False, soft_wrap=True)
        out.print(f"{'value':16} {record['value']}", markup=False, soft_wrap=True)


def escaped(value: bytes | bytearray | None) -> str:
    """Bytes as text in which nothing can be mistaken: what is not printable UTF-8 is escaped."""
    if value is None:
        return "null (a tombstone)"
    text = bytes(value).decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


@app.command()
def replay(
    event: Event = "",
    rule: Rule = "",
    since: Since = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge the waiting records again under the current contract: the good ones enter silver."""
    result = run_replay(open_job("quarantine"), event=event, rule=rule, since=since, dry_run=dry_run)
    if as_json:
        print_json({"judged": result.judged, "good": result.good, "still_bad": result.still_bad, "dry_run": dry_run})
        return
    would = "would enter" if dry_run else "entered"
    out.print(f"{result.judged:,} judged again: {result.good:,} {would} silver, {result.waiting:,} still wait.")
    for name, count in result.still_bad.items():
        out.print(f"  {name} {count:,}")
    if not dry_run and result.good:
        out.print("`clickstream aggregate` brings gold up to them.")


def run_replay(job: Job, *, event: str = "", rule: str = "", since: str = "", dry_run: bool = False) -> Replay:
    """Judges open rows again; the good ones get their fate in silver, the rest their new reasons.

    Safe to repeat and to interrupt: first the good ones are settled, which settling again does
    not change, and only then does the quarantine say so.
    """
    for table in (*SILVER.values(), QUARANTINE, DUPLICATES):
        job.lake.ensure(table)
    rows = chosen(job, event, rule, since)
    judged, good, still_bad = 0, 0, dict[str, int]()
    for kind in EVENTS.values():
        again = validate_records(kind)(rows.where(F.col("topic") == kind.name)).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            counts = again.groupBy(F.col("violations.rule").alias("rules")).count().collect()
            judged += sum(row["count"] for row in counts)
            good += sum(row["count"] for row in counts if row["rules"] is None)
            for row in counts:
                for name in set(row["rules"] or ()):
                    still_bad[name] = still_bad.get(name, 0) + row["count"]
            if counts and not dry_run:
                write_silver_batch(job.lake, kind, again.where("violations IS NULL"))
                _write_down(job, kind, again)
        finally:
            again.unpersist()
    return Replay(judged, good, dict(sorted(still_bad.items(), key=lambda item: (-item[1], item[0]))))


def _write_down(job: Job, event: EventType, judged: DataFrame) -> None:
    """Marks the good ones as replayed, and gives the rest their new reasons."""
    now = F.current_timestamp()
    new = waiting(judged, event.version).select(*COORDINATE_NAMES, "rules", "sentences", F.lit("open").alias("status"))
    replayed = judged.where("violations IS NULL").select(
        *COORDINATE_NAMES,
        F.lit(None).cast("ARRAY<STRING>").alias("rules"),
        F.lit(None).cast("ARRAY<STRING>").alias("sentences"),
        F.lit("replayed").alias("status"),
    )
    verdicts = new.unionByName(replayed).select(
        *COORDINATE_NAMES, *(F.col(name).alias(f"_{name}") for name in ("rules", "sentences", "status"))
    )
    with job.lake.writing(QUARANTINE):
        rows = (
            job.lake.read(QUARANTINE)
            .where("status = 'open'")
            .join(verdicts, COORDINATE_NAMES)
            .withColumns(
                {
                    "rules": F.coalesce("_rules", "rules"),
                    "sentences": F.coalesce("_sentences", "sentences"),
                    "status": F.col("_status"),
                    "contract_version": F.lit(event.version),
                    "last_judged_at": now,
                }
            )
            .select(*QUARANTINE.column_names)
        )
        job.lake.merge(QUARANTINE, rows)


def replayed_halfway(job: Job) -> DataFrame:
    """Open rows whose records have their place already: a replay settled them and died before it said so."""
    for table in (*SILVER.values(), QUARANTINE, DUPLICATES):
        job.lake.ensure(table)
    placed = union([job.lake.read(table).select(COORDINATE_NAMES) for table in (*SILVER.values(), DUPLICATES)])
    return job.lake.read(QUARANTINE).where("status = 'open'").join(placed, COORDINATE_NAMES, "left_semi")


def finish_replay(job: Job) -> None:
    """Says of such rows that they were replayed."""
    with job.lake.writing(QUARANTINE):
        done = {"status": F.lit("replayed"), "last_judged_at": F.current_timestamp()}
        job.lake.merge(QUARANTINE, replayed_halfway(job).withColumns(done))


@app.command()
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
    """Marks open rows as discarded, and says how many.

    Raises UsageError where the reason is blank, or where no option says which rows.
    """
    if not reason.strip():
        raise UsageError("Discarding needs a reason.", "Say it with --reason, for whoever asks later.")
    if not (event or rule or since):
        raise UsageError("Discarding everything at once is refused.", "Say which with --event, --rule or --since.")
    with job.lake.writing(QUARANTINE):
        rows = chosen(job, event, rule, since).withColumns(
            {"status": F.lit("discarded"), "discard_reason": F.lit(reason.strip())}
        )
        count = rows.count()
        if count:
            job.lake.merge(QUARANTINE, rows)
        return count
