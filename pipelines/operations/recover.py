"""Recover what is damaged or lost: first the tables' logs, then the streams, each from what the layer before holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from bronze.raw_events import BRONZE
from lakehouse.checkpoints import bind_checkpoint, check_checkpoint, mark_recovering, resume_from
from lakehouse.delta_log import is_repairable, repair
from lakehouse.errors import LakehouseError, TableDamageError, UsageError
from lakehouse.locks import WriterLock
from lakehouse.streams import Stream
from pipelines import aggregate, gold_builder, ingest, refine
from pipelines.operations import quarantine
from pipelines.operations.refill import Hole, find_holes, in_words, refill
from pipelines.operations.stream_tables import checkpoint_of, stream_problem, stream_tables
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.erased_records import drop_erased_again
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.options import AsJson
from pipelines.runtime.table_damage import damaged_tables, folders, note_versions
from producers import kafka
from producers.events import EVENTS
from silver.events import SILVER
from silver.quarantine import QUARANTINE


@dataclass(frozen=True)
class Finding:
    """What is wrong with a stream or a table, the remedy, and what it came to; each is empty where there is none."""

    stream: str
    problem: str = ""
    remedy: str = ""
    result: str = ""


def recover(
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else only say what would be done.")] = False,
    stream: Annotated[str, typer.Option("--stream", help="Only this stream, even if nothing is wrong with it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what is wrong with each table and stream; with --apply, repair it, from what the layer before holds."""
    findings = run_recover(open_job("recover"), apply=apply, only=stream)
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    for finding in findings:
        out.print(f"{finding.stream}: {finding.problem or 'nothing is wrong'}", soft_wrap=True)
        if finding.remedy:
            out.print(f"  {'done' if apply else 'would be done'}: {finding.remedy}", soft_wrap=True)
        if finding.result:
            out.print(f"  {finding.result}", soft_wrap=True)
    if any(finding.remedy for finding in findings) and not apply:
        out.print("`clickstream recover --apply` does it.")


def run_recover(job: Job, *, apply: bool = False, only: str = "") -> list[Finding]:
    """Examines every table and stream, and repairs those with a problem if ``apply``.

    A table's log is made readable; what is replaced is kept in the state folder. A checkpoint that does not fit is
    moved aside, never deleted. Bronze gets from Kafka the records that it lacks, and continues after them; a
    recreated topic is read from its start, and its rows have their own topic id. Then silver processes all of
    bronze again, and gold is rebuilt; rows that are right do not change. A recovery that is interrupted keeps its
    streams from starting until it is done again.

    Raises OutsideError where a stream runs, UsageError where ``only`` names none.
    """
    if only and only not in stream_tables():
        raise UsageError(f"There is no stream {only!r}.", f"The streams are {', '.join(stream_tables())}.")
    with ExitStack() as held:
        for name in stream_tables():
            held.callback(WriterLock(job.settings.locks, name, job.spark).release)
        recovery = _Recovery(job, only)
        findings = recovery.apply() if apply else recovery.plan()
    if apply:
        # Their locks are theirs now: they bring back what was lost, so that nothing is missing at the end.
        if any(name in recovery.problems for name in _silver_streams()):
            refine.run_refine(job)
        if gold_builder.STREAM in recovery.problems:
            aggregate.run_aggregate(job)
    if not any(name in recovery.damaged and not apply for name in TABLES if TABLES[name].layer == "silver"):
        findings.append(_replay(job, apply=apply))
    return findings


class _Recovery:
    """One recovery, while the locks of all streams are held."""

    def __init__(self, job: Job, only: str) -> None:
        self._job = job
        damaged = damaged_tables(job.settings)
        if only:
            tables = stream_tables()[only]
            for table in (*tables.written, *tables.reads):
                if table.name in damaged:  # other streams of it would not know what they lost
                    raise damaged[table.name]
        self.damaged: Mapping[str, TableDamageError] = {} if only else damaged
        self._streams: dict[str, Stream] = {}
        self._holes: dict[str, list[Hole]] = {}
        # All of them before anything is changed: a bronze table that is refilled would hide what silver lacks.
        self.problems = {only: f"chosen by --stream {only}"} if only else self._find_problems()

    def _find_problems(self) -> dict[str, str]:
        found = {name: self._problem(name) for name in stream_tables()}
        return {name: problem for name, problem in found.items() if problem}

    def _problem(self, name: str) -> str:
        """What is wrong with a stream; a stream whose files are right is looked at as its job would."""
        lossy = {table: error for table, error in self.damaged.items() if error.loses_rows}
        if problem := stream_problem(self._job.settings, name, lossy):
            return problem
        tables = stream_tables()[name]
        if any(table.name in self.damaged for table in (*tables.written, *tables.reads)):
            return ""  # its job stops before it looks further, and so no row is lost since
        stream = self._stream(name)
        try:
            check_checkpoint(stream)
        except LakehouseError as error:
            return error.message
        return ""

    def _stream(self, name: str) -> Stream:
        if name not in self._streams:
            self._streams |= {stream.name: stream for stream in streams_of(self._job, [name])}
        return self._streams[name]

    def plan(self) -> list[Finding]:
        """What is wrong, and what would be done."""
        return [*self._tables(), *(self._finding(name) for name in stream_tables())]

    def _tables(self) -> list[Finding]:
        return [Finding(name, error.message, self._table_remedy(name)) for name, error in self.damaged.items()]

    def _table_remedy(self, name: str) -> str:
        (folder,) = folders(self._job.settings.lake_root, TABLES[name]).values()
        if not folder.exists():
            return "the table is created again"
        if not is_repairable(folder):
            return "the log cannot be repaired: the table is moved aside and created again"
        if not self.damaged[name].loses_rows:
            return "the log is repaired; no row is lost"
        first = "the log is repaired, and the table has what is left of it"
        if any(TABLES[name] in tables.written for tables in stream_tables().values()):
            return first
        return f"{first}; no other table has the rows that it lost"

    def _finding(self, name: str, result: str = "") -> Finding:
        if name not in self.problems:
            return Finding(name)
        return Finding(name, self.problems[name], self._remedy(name), result)

    def _remedy(self, name: str) -> str:
        """What is done about a stream, in words."""
        if name == gold_builder.STREAM:
            return "the checkpoint is moved aside, and gold is rebuilt from silver"
        layer, _, event = name.partition(".")
        if layer == "silver":
            return (
                "the checkpoint is moved aside; all of bronze is processed again, and rows that exist stay as they are"
            )
        if name in self.damaged or not self._job.lake.exists(BRONZE[event]):
            return "the checkpoint is moved aside; records that bronze lacks are fetched from Kafka, and it continues"
        offsets = ingest.offsets_after(self._job, BRONZE[event], self._topic(event))
        at = ", ".join(f"partition {number} at {'the earliest' if at < 0 else at}" for number, at in offsets.items())
        return f"the checkpoint is moved aside; {_fetched(self._holes_of(event))}bronze continues with {at}"

    def _topic(self, name: str) -> kafka.TopicInfo:
        settings = self._job.settings
        return kafka.topic_ids(bootstrap_servers(settings), [name], client=settings.kafka.client)[name]

    def _holes_of(self, event: str) -> list[Hole]:
        if event not in self._holes:
            self._holes[event] = find_holes(self._job, BRONZE[event], self._topic(event))
        return self._holes[event]

    def apply(self) -> list[Finding]:
        """Does it, in an order in which it can be interrupted and done again."""
        settings = self._job.settings
        findings = self._tables()
        planned = {name: self._finding(name) for name in stream_tables()}
        for name in self.problems:
            mark_recovering(checkpoint_of(settings, name))
        for name in self.damaged:
            self._repair(name)
        self._streams.clear()
        for name, finding in planned.items():
            result = self._recover(name) if name in self.problems else ""
            findings.append(Finding(finding.stream, finding.problem, finding.remedy, result))
        return findings

    def _repair(self, name: str) -> None:
        (folder,) = folders(self._job.settings.lake_root, TABLES[name]).values()
        with self._job.lake.writing(TABLES[name]):
            if is_repairable(folder):
                stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
                repair(folder, self._job.settings.state_root / "damaged" / f"{name}.{stamp}")
            else:
                ingest.move_aside(folder)
        self._job.lake.forget(TABLES[name])
        self._job.lake.ensure(TABLES[name])
        note_versions(self._job.settings, TABLES[name])

    def _recover(self, name: str) -> str:
        """Gives a stream a new checkpoint that fits its tables; says what came back, and what did not."""
        stream, result = self._stream(name), ""
        layer, _, event = name.partition(".")
        if layer == "bronze":
            holes = self._holes_of(event)
            count = refill(self._job, BRONZE[event], self._topic(event), holes)
            if count:
                drop_erased_again(self._job)
            result = f"{count:,} records were fetched from Kafka" if count else ""
            if gone := [hole for hole in holes if not hole.in_kafka]:
                result = f"{result}; " if result else ""
                result += f"Kafka no longer has {in_words(gone)}"
        ingest.move_aside(stream.checkpoint)
        resume_from(stream.checkpoint, "")
        bind_checkpoint(stream)
        return result


def _fetched(holes: Iterable[Hole]) -> str:
    there = [hole for hole in holes if hole.in_kafka]
    return f"what bronze lacks is fetched from Kafka ({in_words(there)}); " if there else ""


def _silver_streams() -> list[str]:
    return [table.name for table in SILVER.values()]


def _replay(job: Job, *, apply: bool) -> Finding:
    """Whether a replay from quarantine was interrupted. It is finished if ``apply``."""
    count = quarantine.half_replayed(job).count()
    if not count:
        return Finding(QUARANTINE.name)
    if apply:
        quarantine.finish_replay(job)
    problem = f"a replay was interrupted: {count:,} records are in silver and still open here"
    return Finding(QUARANTINE.name, problem, "they are marked as replayed")


def streams_of(job: Job, names: Iterable[str]) -> list[Stream]:
    """The streams of these names."""
    wanted = set(names)
    bronze = [event for event in EVENTS if BRONZE[event].name in wanted]
    silver = [event for event in EVENTS if SILVER[event].name in wanted]
    return [
        *(ingest.streams(job, bronze) if bronze else ()),
        *(refine.streams(job, silver) if silver else ()),
        *(aggregate.streams(job) if gold_builder.STREAM in wanted else ()),
    ]


if __name__ == "__main__":
    call(recover)
