"""Verify the lake: bronze against Kafka, silver against bronze, gold against a rebuild, tables against their rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as Grid
from rich.text import Text

from bronze.raw_events import BRONZE
from lakehouse.engines.small_reads import SmallReadsLake
from lakehouse.errors import DataError, LakehouseError, OutsideError
from lakehouse.parallel import run_in_parallel
from lakehouse.storage import Lake
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.operations.verification.checkpoints import check_checkpoints
from pipelines.operations.verification.files import check_files
from pipelines.operations.verification.gold import check_gold
from pipelines.operations.verification.kafka import check_kafka, why_kafka_cannot_answer
from pipelines.operations.verification.records import check_past_retention, check_record_sums, check_records
from pipelines.operations.verification.result import RECOVER, Check, tried
from pipelines.operations.verification.tables import check_tables
from pipelines.operations.verification.topics import check_topics
from pipelines.query.delta_reader import no_lake
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.console import out, print_json, spinner
from pipelines.runtime.job import Job, has_few_rows, open_job
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.table_damage import has_tables


def verify(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="For big lakes: compare sums per partition, and skip the keys and the rebuild of gold.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that every record is in bronze once and accounted for, that tables keep their rules, and gold is right."""
    settings = load_settings()
    require_lake(settings)
    checks = run_verify(open_job("verify", settings, short=has_few_rows(settings, *TABLES.values())), quick=quick)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        show(checks)
    problem = find_problem(checks)
    if problem is not None:
        raise problem
    if not as_json:
        out.print(f"All {len(checks)} checks hold: every record is there once and accounted for.")


def require_lake(settings: Settings) -> None:
    """Raises OutsideError where no table is: a check of all would create them, and prove nothing."""
    root = settings.lake_root
    # A folder's table may have lost its whole log, which is for the checks to say.
    if not has_tables(root) and ("://" in root or not any(Path(root).glob("*/*/_delta_log"))):
        raise no_lake(settings)


def find_problem(checks: Sequence[Check]) -> LakehouseError | None:
    """What the checks come to: DataError where one fails, else OutsideError where one was not done."""
    failed = [check.name for check in checks if check.done and not check.ok]
    if failed:
        return DataError(
            f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}.",
            f"To fix that: {fixes(checks)}.",
        )
    not_done = [check for check in checks if not check.done]
    if not_done:
        first = not_done[0]
        said = f"{len(not_done)} of {len(checks)} checks were not done, and the others hold. {first.offence}"
        return OutsideError(said, first.fix)
    return None


def fixes(checks: Sequence[Check]) -> str:
    """What to run for the checks that fail, each command once, those that others may depend on first."""
    found = list(dict.fromkeys(check.fix for check in checks if check.done and not check.ok and check.fix))
    # It repairs tables and streams together, from the first layer on; what it leaves, the next `verify` says.
    return RECOVER if RECOVER in found else "; ".join(found) or "look at the rows that it names"


def show(checks: Sequence[Check]) -> None:
    """The checks as a table for people."""
    grid = Grid("", "check", "figures", "first offence", box=None, padding=(0, 2))
    for check in checks:
        figures = ", ".join(
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in check.figures.items()
        )
        state = (
            Text("ok", "green") if check.ok else Text("NO", "bold red") if check.done else Text("not done", "yellow")
        )
        grid.add_row(state, check.name, figures, check.offence)
    out.print(grid)
    for check in checks:
        if check.done and not check.ok and check.fix:
            out.print(f"{check.name}. To fix that: {check.fix}", soft_wrap=True)


class _CheckedJob(Job):
    """A job whose tables are read once for all checks, where they are small."""

    @cached_property
    def lake(self) -> Lake:
        return SmallReadsLake(self.spark, self.settings.lake_root, self.settings.locks)


def run_verify(job: Job, *, quick: bool = False) -> list[Check]:
    """All checks, in their order; what needs Kafka is not done where Kafka does not answer."""
    job = _CheckedJob(job.settings, job.spark)
    checks: list[Check] = []
    with spinner() as progress:
        task = progress.add_task("verify: files and checkpoints")
        checks += check_files(job.settings, TABLES.values())
        without_kafka = why_kafka_cannot_answer(job)
        checks += check_checkpoints(job, without_kafka)
        checks += check_topics(job, without_kafka)
        progress.update(task, description="verify: records")
        checks += _check_topics_records(job, without_kafka, quick=quick)
        progress.update(task, description="verify: rules of the tables")
        checks += check_tables(job, list(TABLES.values()), quick=quick)
        if not quick:
            progress.update(task, description="verify: gold against a rebuild")
            tables = gold_builder.incremental_tables()
            checks += tried("gold: equals a rebuild", lambda: check_gold(job, tables))
    return checks


def _check_topics_records(job: Job, without_kafka: str, *, quick: bool) -> list[Check]:
    """Each topic's records, topics side by side: each query is mostly planning, in one thread."""
    found: dict[str, list[Check]] = {}

    def check(table: Table) -> None:
        name = table.short_name
        checks = list(tried(f"{name}: nothing of Kafka is missing", partial(_kafka, job, name, without_kafka)))
        if quick:
            checks += tried(f"{name}: outcomes add up", partial(_sums, job, name))
            checks += check_past_retention(job, name)
        else:
            checks += check_records(job, name)
        found[name] = checks

    run_in_parallel(job.spark, list(BRONZE.values()), check)
    return [check for name in BRONZE for check in found[name]]


def _kafka(job: Job, name: str, without_kafka: str) -> Iterator[Check]:
    yield check_kafka(job, name, without_kafka)


def _sums(job: Job, name: str) -> Iterator[Check]:
    yield check_record_sums(job, name)
