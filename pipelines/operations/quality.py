"""Compare each day's share of quarantined records with the limits in the settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pyspark.sql import functions as F
from rich.table import Table as Grid

from gold.data_quality import ALL
from gold.data_quality import TABLE as QUALITY
from lakehouse.errors import DataError
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson


@dataclass(frozen=True)
class Day:
    """The records of one event type on one day, and whether the quarantined share is ok, warn or fail."""

    day: str
    event: str
    received: int
    kept: int
    quarantined: int
    duplicates: int
    quarantined_share: float
    verdict: str


def quality(as_json: AsJson = False) -> None:
    """Compare each day's share of quarantined records with the settings; fail where it is too high."""
    job = open_job("quality")
    days = run_quality(job)
    if as_json:
        print_json([asdict(day) for day in days])
    else:
        grid = Grid(
            "day", "event", "received", "kept", "quarantined", "duplicates", "share", "", box=None, padding=(0, 2)
        )
        for day in days:
            counts = (f"{count:,}" for count in (day.received, day.kept, day.quarantined, day.duplicates))
            grid.add_row(day.day, day.event, *counts, f"{day.quarantined_share:.2%}", day.verdict)
        out.print(grid)
    for day in days:
        if day.verdict == "warn":
            err.print(f"warning: {_sentence(day)}, above the limit of {job.settings.quality.warn:.2%} for a warning.")
    bad = [day for day in days if day.verdict == "fail"]
    if bad:
        raise DataError(
            f"{_sentence(bad[0])}, above the {job.settings.quality.fail:.2%} that CLICKSTREAM_QUALITY__FAIL allows"
            + (f"; so are {len(bad) - 1} more days." if len(bad) > 1 else "."),
            f"`clickstream quarantine list --event {bad[0].event}` shows why.",
        )


def run_quality(job: Job) -> list[Day]:
    """Every day and event type with at least one record, the oldest first."""
    job.lake.ensure(QUALITY)
    limits = job.settings.quality
    rows = job.lake.read(QUALITY).where(F.col("rule") == ALL).orderBy("arrived_on", "event").collect()
    return [
        Day(
            day=row["arrived_on"].isoformat(),
            event=row["event"],
            received=row["received"],
            kept=row["kept"],
            quarantined=row["quarantined"],
            duplicates=row["duplicates"],
            quarantined_share=row["quarantined_share"],
            verdict="fail"
            if row["quarantined_share"] > limits.fail
            else "warn"
            if row["quarantined_share"] > limits.warn
            else "ok",
        )
        for row in rows
    ]


def _sentence(day: Day) -> str:
    return f"{day.quarantined_share:.2%} of the {day.received:,} {day.event} of {day.day} are quarantined"


if __name__ == "__main__":
    call(quality)
