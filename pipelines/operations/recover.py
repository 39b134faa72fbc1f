"""Recover streams whose checkpoints are lost or do not fit: each continues from what its tables hold."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bronze.raw_events import BRONZE
from lakehouse.checkpoints import bind_checkpoint, check_checkpoint, resume_from
from lakehouse.errors import LakehouseError, UsageError
from lakehouse.locks import WriterLock
from lakehouse.streams import Stream
from pipelines import aggregate, ingest, refine
from pipelines.operations import quarantine
from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.options import AsJson
from producers import kafka
from silver.quarantine import QUARANTINE


@dataclass(frozen=True)
class Finding:
    """What is wrong with a stream, and the remedy; both are empty where nothing is wrong."""

    stream: str
    problem: str = ""
    remedy: str = ""


def recover(
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else only say what would be done.")] = False,
    stream: Annotated[str, typer.Option("--stream", help="Only this stream, even if nothing is wrong with it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what is wrong with each stream; with --apply, continue from what the tables hold."""
    findings = run_recover(open_job("recover"), apply=apply, only=stream)
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    for finding in findings:
        out.print(f"{finding.stream}: {escape(finding.problem or 'nothing is wrong')}")
        if finding.remedy:
            out.print(f"  {'done' if apply else 'would be done'}: {escape(finding.remedy)}")
    if any(finding.remedy for finding in findings) and not apply:
        out.print("`clickstream recover --apply` does it.")


def run_recover(job: Job, *, apply: bool = False, only: str = "") -> list[Finding]:
    """Examines every stream, and repairs those with a problem if ``apply``.

    A checkpoint that does not fit is moved aside, never deleted. Bronze continues after the highest
    offset that it holds of each partition; a recreated topic is read from its start, and its rows
    have its own topic id. Silver and gold process everything again; rows that are right do not change.

    Raises OutsideError where a stream runs, UsageError where ``only`` names none.
    """
    streams = all_streams(job)
    if only and only not in {stream.name for stream in streams}:
        raise UsageError(
            f"There is no stream {only!r}.", f"The streams are {', '.join(stream.name for stream in streams)}."
        )
    findings = []
    with ExitStack() as held:
        for stream in streams:
            held.callback(WriterLock(job.settings.locks, stream.name, job.spark).release)
        for stream in streams:
            problem = f"chosen by --stream {only}" if stream.name == only else _problem(stream)
            if not problem or (only and stream.name != only):
                findings.append(Finding(stream.name))
                continue
            remedy = _plan(job, stream)
            if apply:
                _move_aside(stream.checkpoint)
                resume_from(stream.checkpoint, "")
                bind_checkpoint(stream)
            findings.append(Finding(stream.name, problem, remedy))
        findings.append(_replay(job, apply=apply))
    return findings


def _replay(job: Job, *, apply: bool) -> Finding:
    """Whether a replay from quarantine was interrupted. It is finished if ``apply``."""
    count = quarantine.half_replayed(job).count()
    if not count:
        return Finding(QUARANTINE.name)
    if apply:
        quarantine.finish_replay(job)
    problem = f"a replay was interrupted: {count:,} records are in silver and still open here"
    return Finding(QUARANTINE.name, problem, "they are marked as replayed")


def all_streams(job: Job) -> list[Stream]:
    """Every stream that has a checkpoint."""
    return [*ingest.streams(job), *refine.streams(job), *aggregate.streams(job)]


def _problem(stream: Stream) -> str:
    try:
        check_checkpoint(stream)
    except LakehouseError as error:
        return error.message
    return ""


def _plan(job: Job, stream: Stream) -> str:
    """From where a stream will continue, in words."""
    layer, _, name = stream.name.partition(".")
    if layer != "bronze":
        return "the checkpoint is moved aside; everything is processed again, and rows that exist stay as they are"
    info = kafka.topic_ids(bootstrap_servers(job.settings), [name], client=job.settings.kafka.client)[name]
    offsets = ingest.offsets_after(job, BRONZE[name], info)
    words = ", ".join(f"partition {number} at {'the earliest' if at < 0 else at}" for number, at in offsets.items())
    return f"the checkpoint is moved aside; bronze continues with {words}"


def _move_aside(checkpoint: Path) -> None:
    if checkpoint.exists():
        number = 1
        while (aside := checkpoint.with_name(f"{checkpoint.name}.aside-{number}")).exists():
            number += 1
        checkpoint.rename(aside)


if __name__ == "__main__":
    call(recover)
