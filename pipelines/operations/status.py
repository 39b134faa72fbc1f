"""How the streams stand, from their last batches and the tables themselves; starts no Spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table as Grid
from rich.text import Text

from bronze.raw_events import BRONZE
from gold.data_quality import TABLE as QUALITY
from gold.sessions import TABLE as SESSIONS
from lakehouse.checkpoints import committed_offsets
from lakehouse.engines.opened_table import newest, relation
from lakehouse.errors import CheckpointError, LakehouseError, OutsideError
from pipelines import gold_builder
from pipelines.ml import store
from pipelines.operations.offsets import silver_offset
from pipelines.operations.silver_fitness import unfit_tables
from pipelines.operations.stream_tables import stream_problem, stream_tables
from pipelines.query.delta_reader import no_lake, open_tables
from pipelines.runtime import topics
from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.hints import RECOVER
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.stream_metrics import PendingMetrics, streams_with_metrics
from pipelines.runtime.table_damage import damaged_tables, lost_lake
from producers import kafka
from silver.events import SILVER

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True)
class StreamStatus:
    """How one stream stands.

    ``behind`` is what its source has and it has not read: offsets of Kafka for bronze, commits of
    tables for the others; None where that cannot be told, and ``unknown`` says why.
    ``newest_arrived_at`` is when the newest record that its table tells of arrived in Kafka. ``error`` is empty
    once it is fixed. ``damage`` has a sentence for each thing that the files of its tables lack.
    ``event_ids_reused`` is how many events of silver share their event_id with another of the day, as
    gold.data_quality has it. ``unfit`` says why the next refine would refuse a table of silver, and how to fix it;
    ``topic`` why ingest would refuse the topic of bronze, which is another one than it has read; ``models`` why gold
    cannot be scored by a newer model than the one in memory, for the MLflow store cannot be read.
    """

    stream: str
    last_batch: Mapping[str, Any] | None
    behind: int | None
    behind_unit: str
    newest_arrived_at: datetime | None
    freshness_seconds: float | None
    error: str = ""
    cure: str = ""
    failed_at: str | None = None
    damage: tuple[str, ...] = ()
    event_ids_reused: int | None = None
    unknown: str = ""
    unfit: str = ""
    topic: str = ""
    models: str = ""


def status(
    show_five_vs: Annotated[
        bool, typer.Option("--five-vs", help="Volume, velocity, variety, veracity and value, as measured.")
    ] = False,
    watched: Annotated[
        bool, typer.Option("--watch", help="Look again and again, until Ctrl-C; with --json, one line for each look.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks of --watch.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Show how each stream stands: last batch, what is still to read, how fresh, what went wrong."""
    settings = load_settings()
    if watched:
        from pipelines.operations.watch import watch  # reads this module

        raise typer.Exit(watch(settings, every, as_json=as_json))
    if show_five_vs:
        from pipelines.operations import five_vs  # reads rows by Arrow, which takes a while to load

        measures = five_vs.run_five_vs(settings)
        if as_json:
            print_json([asdict(one) for one in measures])
        else:
            five_vs.show(measures)
        return
    found = run_status(settings)
    if as_json:
        print_json(as_rows(found))
    else:
        show(found)
    if needs_person(found):
        raise typer.Exit(1)


def needs_person(found: list[StreamStatus]) -> bool:
    """Whether a stream has failed and no run has succeeded since, or what it reads or writes is not as it was."""
    return any(one.error or one.damage or one.unfit or one.topic or one.models for one in found)


def as_rows(found: list[StreamStatus]) -> list[dict[str, Any]]:
    """The streams for a machine."""
    at = (one.newest_arrived_at and one.newest_arrived_at.isoformat() for one in found)
    return [{**asdict(one), "newest_arrived_at": newest_at} for one, newest_at in zip(found, at, strict=True)]


def show(found: list[StreamStatus]) -> None:
    """Prints the streams for people."""
    for part in parts(found):
        out.print(part, soft_wrap=isinstance(part, Text))


def parts(found: list[StreamStatus]) -> list[Grid | Text]:
    """The streams as a table for people, and below it what went wrong, a line each."""
    now = datetime.now(UTC)
    grid = Grid(
        "stream",
        "last batch",
        "rows in",
        "out",
        "rows/s",
        "by",
        "lag",
        "not read yet",
        "newest record",
        box=None,
        padding=(0, 2),
    )
    for one in found:
        last = one.last_batch or {}
        ended = datetime.fromisoformat(last["ended_at"]) if last else None
        behind = "?" if one.behind is None else f"{one.behind:,} {one.behind_unit}" if one.behind else "nothing"
        lag = last.get("lag_seconds")
        grid.add_row(
            one.stream,
            _ago(None if ended is None else (now - ended).total_seconds()),
            *(_number(last.get(name)) for name in ("rows_in", "rows_out", "rows_per_second")),
            last.get("engine") or "-",
            "-" if lag is None else duration(lag),
            behind,
            _ago(one.freshness_seconds),
        )
    lines = [
        Text.assemble(("damaged:", "bold red"), f" {damage} {RECOVER}")
        for damage in dict.fromkeys(sentence for one in found for sentence in one.damage)
    ]
    for says, problems in (
        ("refine would refuse it:", [one.unfit for one in found]),
        ("ingest would refuse it:", [one.topic for one in found]),
        ("the models cannot be read:", [one.models for one in found]),
    ):
        lines += [Text.assemble((says, "bold red"), f" {problem}") for problem in problems if problem]
    lines += [Text(f"? {unknown}") for unknown in dict.fromkeys(one.unknown for one in found if one.unknown)]
    for one in found:
        if one.event_ids_reused:
            lines.append(
                Text(f"{one.stream}: {one.event_ids_reused:,} events share their event_id with another; all are kept.")
            )
        if one.error:
            ago = _ago((now - datetime.fromisoformat(str(one.failed_at))).total_seconds())
            sentence = f" {one.error} {one.cure}".rstrip()
            lines.append(Text.assemble((f"{one.stream} failed {ago}:", "bold red"), sentence))
    return [grid, *lines]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _ago(seconds: float | None) -> str:
    return "-" if seconds is None else f"{duration(seconds)} ago"


def duration(seconds: float) -> str:
    """A span of time in its largest fitting unit, as in 5 min."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def run_status(settings: Settings) -> list[StreamStatus]:
    """How each stream stands, in the order of the layers.

    Raises OutsideError where there is nothing at all.
    """
    tables = open_tables(settings, on_damage=lambda *_: None)
    damage = _damage(settings)
    known = streams_with_metrics(settings.metrics)
    if not tables and (lost_lake(settings) or not (known or any(damage.values()))):
        raise no_lake(settings)
    ends, silent = _kafka_ends(settings)
    others = _other_topics(settings, ends) if ends else {}
    models = _store_problem(settings)
    unfit = unfit_tables({name: table for name, table in tables.items() if not damage.get(name)})
    reused = {} if damage.get(gold_builder.STREAM) else _event_ids_reused(tables)
    usual = [*(table.name for table in (*BRONZE.values(), *SILVER.values())), gold_builder.STREAM]
    found = []
    for name in [*usual, *(one for one in known if one not in usual)]:
        standing = PendingMetrics(settings.metrics, name).state()
        behind, unknown = _behind(settings, name, tables, ends, damage)
        topic = others.get(name, "")
        arrived = None if damage.get(name) else _newest_arrival(name, tables)
        failure = standing.failure or {}
        found.append(
            StreamStatus(
                name,
                standing.done,
                None if topic else behind,
                "offsets" if name.startswith("bronze.") else "commits",
                arrived,
                (datetime.now(UTC) - arrived).total_seconds() if arrived else None,
                failure.get("error") or "",
                failure.get("cure") or "",
                failure.get("ended_at"),
                damage.get(name, ()),
                reused.get(name),
                silent if name.startswith("bronze.") and ends is None else unknown,
                unfit.get(name, ""),
                topic,
                models if name == gold_builder.STREAM else "",
            )
        )
    return found


def _store_problem(settings: Settings) -> str:
    """Why the MLflow store cannot be read, and the cure; a training that writes it is no reason."""
    problem = store.find_problem(settings, seconds=0)
    return "" if problem is None or isinstance(problem, store.LockedStoreError) else str(problem)


def _event_ids_reused(tables: Mapping[str, DeltaTable]) -> dict[str, int]:
    """How many events of each silver table share their event_id with another; none where gold does not count them."""
    table = tables.get(QUALITY.name)
    if table is None or "event_id_reused" not in {field.name for field in table.schema().fields}:
        return {}
    import duckdb

    with duckdb.connect() as connection:
        counted = relation(connection, table).aggregate("event, coalesce(sum(event_id_reused), 0)::BIGINT").fetchall()
    return {f"silver.{event}": count for event, count in counted}


def _damage(settings: Settings) -> dict[str, tuple[str, ...]]:
    """What the files of the tables lack, by the stream that it concerns; gold's has all tables without a stream."""
    damaged, streams = damaged_tables(settings), stream_tables()
    found = {name: stream_problem(settings, name, damaged) for name in streams}
    others = damaged.keys() - {table.name for tables in streams.values() for table in tables.written}
    return {
        name: tuple(
            dict.fromkeys(
                [
                    *([problem] if problem else ()),
                    *(damaged[table.name].message for table in streams[name].written if table.name in damaged),
                    *(damaged[other].message for other in sorted(others) if name == gold_builder.STREAM),
                ]
            )
        )
        for name, problem in found.items()
    }


def _kafka_ends(settings: Settings) -> tuple[dict[tuple[str, int], tuple[int, int]] | None, str]:
    """Each partition's earliest and next offset; None, and why, where Kafka does not answer at once."""
    try:
        return kafka.offsets(bootstrap_servers(settings), list(BRONZE), settings.kafka.client, wait_seconds=1), ""
    except OutsideError as error:
        return None, f"What bronze has not read yet is known to Kafka alone. {error}"


def _other_topics(settings: Settings, ends: Mapping[tuple[str, int], tuple[int, int]]) -> dict[str, str]:
    """By bronze's streams, why the topic is another one than it has read, and the cure."""
    try:
        problems = topics.find_problems(settings, bootstrap_servers(settings), ends=ends)
    except LakehouseError:  # Kafka has gone meanwhile, or a checkpoint is damaged, which is said already
        return {}
    return {
        BRONZE[one.topic].name: f"{one.problem} {one.hint}"
        for one in problems
        if one.kind in ("created again", "other cluster")
    }


def _behind(
    settings: Settings,
    stream: str,
    tables: Mapping[str, DeltaTable],
    ends: Mapping[tuple[str, int], tuple[int, int]] | None,
    damage: Mapping[str, tuple[str, ...]],
) -> tuple[int | None, str]:
    """What a stream has not read yet of its source; None where that cannot be told, and why if ``damage`` does not."""
    layer, _, event = stream.partition(".")
    try:
        if layer == "bronze":
            read = (committed_offsets(settings.checkpoint(BRONZE[event])) or [{}])[0].get(event, {})
            return (None if ends is None else _offsets_behind(event, read, ends)), ""
        if layer == "silver":
            source = f"bronze.{event}"
            is_damaged = bool(damage.get(source))
            count = None if is_damaged else _commits_behind(tables.get(source), silver_offset(settings, event))
            is_known = is_damaged or count is not None
            return count, "" if is_known else f"{source} cannot be read yet: `clickstream ingest` writes it."
        if stream == gold_builder.STREAM:
            at, built = gold_builder.read_offsets(settings), gold_builder.base_versions(settings)
            each = [
                _commits_behind(tables.get(one.name), at.get(one.name), built.get(one.name, 0))
                for one in gold_builder.upstream_tables()
            ]
            return sum(one for one in each if one is not None), ""
    except CheckpointError as error:
        return None, f"{error.message} {RECOVER}"
    except LakehouseError as error:
        return None, str(error)
    return None, ""


def _offsets_behind(topic: str, read: Mapping[str, int], ends: Mapping[tuple[str, int], tuple[int, int]]) -> int:
    return sum(
        max(end - max(int(read.get(str(partition), 0)), first), 0)
        for (name, partition), (first, end) in ends.items()
        if name == topic
    )


def _commits_behind(source: DeltaTable | None, at: Mapping[str, Any] | None, built: int = 0) -> int | None:
    """How many commits of a table a stream has yet to read, whose next or half-read one is ``at``.

    Before its first batch it has read up to the version ``built``; version 0 made the table, without rows.
    """
    if source is None:
        return None
    following = max(at["reservoirVersion"], built + 1) if at else built + 1
    return max(source.version() + 1 - following, 0)


def _newest_arrival(stream: str, tables: Mapping[str, DeltaTable]) -> datetime | None:
    """When the newest record arrived that a stream's table tells of."""
    if stream == gold_builder.STREAM:
        return newest(tables.get(SESSIONS.name), "last_arrived_at")
    layer = stream.partition(".")[0]
    return newest(tables.get(stream), "arrived_at") if layer in {"bronze", "silver"} else None


if __name__ == "__main__":
    call(status)
