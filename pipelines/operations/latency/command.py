"""Send marked sessions through Kafka while the streams run, and measure when each layer has them; starts no Spark."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as Grid

from gold.sessions import TABLE as SESSIONS
from lakehouse.errors import OutsideError, UsageError
from lakehouse.locks import is_locked
from lakehouse.signals import Stop, stopping
from pipelines.ml import live_note
from pipelines.ml.targets import IN_SESSION
from pipelines.operations.latency import readers
from pipelines.operations.latency.probe import MARK, Marks, ProbeEvent, Sightings, probe_events, watched_every
from pipelines.operations.latency.result import Latency, Measure, Pace
from pipelines.operations.stream_tables import stream_tables
from pipelines.query.delta_reader import opened
from pipelines.runtime.console import call, out, print_json, spinner
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.topics import ensure_topics
from producers.kafka import Sender, ensure_output_topic

WAIT_SECONDS = 60.0
"""How long events that are not readable yet are waited for, once the last was sent."""

_NAP = 0.01


def latency(
    per_second: Annotated[float, typer.Option(min=0.1, help="How many events are sent a second.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.01, help="For how long.")] = 1,
    goal: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Exit 1 where the score or its topic takes longer (95 %)."),
    ] = None,
    tables_goal: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Exit 1 where a table for analysts takes longer (95 %)."),
    ] = None,
    among_others: Annotated[
        bool, typer.Option("--among-others", help="Also in a lake that has other sessions than such marked ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how long events take to each layer while `clickstream up` runs, by marked sessions; starts no Spark."""
    settings = load_settings()
    with stopping() as stop, spinner() as shown:
        task = shown.add_task("latency: starting")

        def show(text: str) -> None:
            shown.update(task, description=f"latency: {text}")

        found = run_latency(
            settings,
            per_second,
            minutes * 60,
            stop,
            goal=goal,
            tables_goal=tables_goal,
            among_others=among_others,
            show=show,
        )
    if as_json:
        print_json(found.as_json())
    else:
        _print(settings, found)
    if found.late:
        raise typer.Exit(1)


def run_latency(
    settings: Settings,
    per_second: float,
    seconds: float,
    stop: Stop,
    *,
    goal: float | None = None,
    tables_goal: float | None = None,
    among_others: bool = False,
    show: Callable[[str], object] = lambda _: None,
) -> Latency:
    """Sends marked sessions until the time is up or it is told to stop, and measures.

    Raises OutsideError where no stream runs or Kafka does not answer, UsageError where the lake has other sessions
    and nobody has said that these may be among them, or a goal has nothing that it could be measured by.
    """
    servers, kafka = bootstrap_servers(settings), settings.kafka
    _refuse(settings, among_others=among_others)
    scored = live_note.read_note(settings, IN_SESSION.model) is not None
    if goal is not None and not scored:
        raise UsageError("No model is live, so that no score can be measured.", "Run `clickstream train` first.")
    marks, sightings = Marks(secrets.token_hex(4)), Sightings()
    places = _places(settings, scored=scored)
    ensure_topics(settings, servers)
    began = time.monotonic()
    with stop.polled_by_caller(), ExitStack() as watched:
        watched.enter_context(readers.watching(readers.LakeWatcher(settings.lake_root, marks, sightings)))
        if readers.TOPIC in places:
            topic = settings.scores.topic
            ensure_output_topic(servers, topic, kafka.partitions, kafka.replication_factor, kafka.client)
            watched.enter_context(readers.listening(servers, topic, kafka.client, marks, sightings))
        sender = Sender(servers, {**kafka.client, "linger.ms": "5"}, give_up=stop.is_set)
        with sender:
            sessions = _send(sender, probe_events(marks, per_second, seconds), per_second, sightings, stop, show)
        paced_by = readers.SCORE if scored else readers.SESSION_TABLE
        unread = sightings.unseen(paced_by)
        _await_all(sightings, places, stop, show)
    delivery = sender.delivery
    _note_users(settings, marks, sessions)
    measures = tuple(Measure.of(where, sightings.delays(where)) for where in places)
    goals = {
        readers.SCORE: goal,
        readers.TOPIC: goal,
        readers.SESSION_TABLE: tables_goal,
        readers.PAGE_TABLE: tables_goal,
    }
    late = [one.where for one in measures if (limit := goals.get(one.where)) is not None and not one.meets(limit)]
    pace = Pace.of(sightings.delays(paced_by), unread)
    sent = delivery.total + len(delivery.failed)
    return Latency(
        marks.run, per_second, time.monotonic() - began, sent, len(delivery.failed), measures, pace, tuple(late)
    )


def _refuse(settings: Settings, *, among_others: bool) -> None:
    idle = [name for name in stream_tables() if not is_locked(settings.locks, name)]
    if idle:
        raise OutsideError(
            f"Nothing reads what would be sent: {', '.join(idle)} does not run.", "Start `clickstream up` beside it."
        )
    if not among_others and _has_others(settings):
        raise UsageError(
            "The lake has sessions of users, and marked ones would count among them, in reports and in trainings.",
            "Measure in a lake of its own, or allow it with --among-others; `clickstream erase` takes them out.",
        )


def _has_others(settings: Settings) -> bool:
    """Whether gold has a session that is not a marked one."""
    table = opened(SESSIONS, settings.lake_root)
    if table is None:
        return False
    import duckdb

    from lakehouse.engines.opened_table import relation

    with duckdb.connect() as connection:
        others = relation(connection, table).filter(f"NOT starts_with(user_id, '{MARK}-')")
        return bool(others.limit(1).fetchall())


def _places(settings: Settings, *, scored: bool) -> list[str]:
    """Where events are looked for."""
    scores = [readers.SCORE, *([readers.TOPIC] if settings.scores.topic else [])] if scored else []
    return [readers.BRONZE_LAYER, readers.SILVER_LAYER, readers.SESSION_TABLE, readers.PAGE_TABLE, *scores]


def _send(
    sender: Sender,
    events: Iterable[ProbeEvent],
    per_second: float,
    sightings: Sightings,
    stop: Stop,
    show: Callable[[str], object],
) -> int:
    """Sends the events when they are due; gives how many sessions they are of."""
    began, every, sessions, shown = time.monotonic(), watched_every(per_second), 0, 0.0
    for number, event in enumerate(events):
        sender.wait(began + number / per_second, nap=_NAP)
        if stop.is_set():
            break
        now = time.monotonic()
        if event.session % every == 0:
            sightings.sent(event, now)
        sender.send(event.topic, event.key, event.value(datetime.now(UTC)))
        sessions = max(sessions, event.session + 1)
        if now - shown > 1:
            shown = now
            show(
                f"{number + 1:,} events sent, {sightings.unseen(readers.SESSION_TABLE):,} watched ones not in gold yet"
            )
    return sessions


def _await_all(sightings: Sightings, places: list[str], stop: Stop, show: Callable[[str], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and not stop.is_set():
        left = sum(sightings.unseen(where) for where in places)
        if not left:
            return
        show(f"all sent, {left:,} sightings left")
        stop.wait(0.1)


def _note_users(settings: Settings, marks: Marks, sessions: int) -> None:
    """Notes the user ids, one a line, for an erasure."""
    file = _ids_file(settings, marks.run)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{marks.user(one)}\n" for one in range(sessions)), encoding="utf-8")


def _ids_file(settings: Settings, run: str) -> Path:
    return settings.state_root / "latency" / f"{run}.txt"


def _print(settings: Settings, found: Latency) -> None:
    grid = Grid("readable in", "median", "95th percentile", "probes", "seen", box=None, padding=(0, 2))
    for one in found.measures:
        times = (_seconds(one.median_seconds), _seconds(one.p95_seconds))
        grid.add_row(one.where, *times, f"{one.probes:,}", f"{one.seen:,}")
    out.print(grid)
    pace = found.pace
    out.print(
        f"{found.sent:,} events sent, {found.not_acknowledged:,} of them not acknowledged. "
        f"The streams {'kept up' if pace.kept_up else 'fell behind'}: the first third took "
        f"{_seconds(pace.first_seconds)} in the middle, the last third {_seconds(pace.last_seconds)}; "
        f"{pace.unread_at_end:,} probes were not readable yet when the last event was sent.",
        soft_wrap=True,
    )
    for where in found.late:
        out.print(f"The goal is missed: {where}.")
    out.print(
        f"To take these sessions out, end `clickstream up`: clickstream erase --from {_ids_file(settings, found.run)}",
        soft_wrap=True,
    )


def _seconds(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.2f} s"


if __name__ == "__main__":
    call(latency)
