"""Events into Kafka: simulated shoppers, or a real export. Counts are of what Kafka acknowledged."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, TypeAlias

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from lakehouse.errors import DataError, LakehouseError, OutsideError, UsageError
from lakehouse.signals import handle_signals
from pipelines.cli.replay_preview import show_preview
from pipelines.runtime.completion import complete_event, complete_format
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.topics import ensure_topics
from producers.events import EVENTS
from producers.kafka import Delivery, Sender
from producers.record import Record
from producers.replay.format import Unreadable
from producers.replay.formats import FORMATS
from producers.replay.reader import in_order, replay
from producers.simulator.simulator import UNTIL, simulate

app = typer.Typer(no_args_is_help=True, help="Events into Kafka: simulated shoppers, or a real export.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]

SHOWN = 20
"""Failures and unreadable lines that are listed; all are counted."""

_LOOK_EVERY = 255
_SHOW_SECONDS = 0.25


Pace: TypeAlias = Callable[[Record], float]
"""When a record is due, in seconds from the start; asked for each record in turn."""


@dataclass
class Run:
    """One run: what was delivered, what was not readable, and what ended it."""

    delivery: Delivery = field(default_factory=Delivery)
    unreadable: list[Unreadable] = field(default_factory=list)
    seconds: float = 0.0
    stopped_by: signal.Signals | None = None
    error: LakehouseError | None = None

    def outcome(self) -> None:
        """Raise what this run's exit code stands for; say nothing if all went well."""
        if self.error is not None:
            raise self.error
        if self.stopped_by is not None:
            raise typer.Exit(128 + self.stopped_by)
        if failed := len(self.delivery.failed):
            raise OutsideError(f"{failed:,} records were not acknowledged.", "Fix what is listed and send them again.")
        if lines := len(self.unreadable):
            raise DataError(f"{lines:,} lines could not be read.", "Fix what is listed and replay them.")


def simulate_into(settings: Settings, sessions: int, *, rate: float | None = None, **options: Any) -> Delivery:
    """Send simulated sessions to Kafka; the options are those of ``producers.simulator.simulator.simulate``.

    Raises OutsideError when Kafka is not there or cannot go on. Single failures are in the result.
    """
    return send_into(settings, simulate(sessions=sessions, **options), rate=rate)


def send_into(settings: Settings, records: Iterable[Record], *, rate: float | None = None) -> Delivery:
    """Send records to Kafka, as simulate_into does."""
    run = Run()
    _send(settings, iter(records), run, _at_rate(rate))
    return _delivered(run)


def replay_into(
    settings: Settings,
    file: Path,
    name: str,
    *,
    speed: float | None = None,
    complain: Callable[[Unreadable], None] | None = None,
) -> Delivery:
    """Send an export to Kafka; lines that cannot be read go to ``complain``.

    Raises UsageError for a wrong file, DataError for unreadable lines if nobody hears the complaints (all
    others are sent), OutsideError when Kafka is not there or cannot go on.
    """
    run = Run()
    _replay(settings, file, name, run, speed)
    if run.unreadable and complain is None and run.error is None:
        first = run.unreadable[0]
        raise DataError(
            f"{len(run.unreadable):,} lines of {file} could not be read.", f"Line {first.line}: {first.reason}."
        )
    for line in run.unreadable:
        if complain is not None:
            complain(line)
    return _delivered(run)


@app.command("simulate")
def simulate_command(
    sessions: Annotated[int, typer.Option(help="How many sessions.", min=0)] = 1_000,
    seed: Annotated[int, typer.Option(help="The same seed and options give the same records.")] = 7,
    rate: Annotated[float | None, typer.Option(help="Events per second; as fast as possible if not given.")] = None,
    dirty: Annotated[float, typer.Option(help="The share of records that are broken or odd.")] = 0.0,
    duplicates: Annotated[float, typer.Option(help="The share of records that are sent twice.")] = 0.0,
    late: Annotated[float, typer.Option(help="The share of records that come after later ones.")] = 0.0,
    only: Annotated[
        str | None,
        typer.Option(metavar="EVENT", autocompletion=complete_event, help=f"One stream alone: {', '.join(EVENTS)}."),
    ] = None,
    until: Annotated[
        str, typer.Option(help="When the sessions end: an instant in ISO 8601, or now.")
    ] = UNTIL.isoformat(),
    days: Annotated[float, typer.Option(help="Over how many days they are spread.")] = 14,
    buy_rate: Annotated[float, typer.Option(help="The share of buyers among sessions of three events or more.")] = 0.15,
    event_ids: Annotated[bool, typer.Option("--event-ids", help="Give each event an id of its own.")] = False,
    truth: Annotated[
        Path | None, typer.Option(help="A file for the simulator's own chances of a purchase.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send what simulated shoppers do."""
    end = _instant(until)
    settings, run = load_settings(), Run()
    records = simulate(
        seed,
        sessions,
        end,
        days,
        dirty,
        duplicates,
        late=late,
        buy_rate=buy_rate,
        only=only,
        event_ids=event_ids,
        truth=truth,
    )
    with _stoppable(run):
        _send(settings, records, run, _at_rate(rate))
    _report(run, as_json=as_json)


@app.command("replay")
def replay_command(
    file: Annotated[Path, typer.Argument(help="The export, plain or gzipped.")],
    format_: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", autocompletion=complete_format, help=f"{', '.join(FORMATS)}."),
    ],
    mapping: Annotated[
        Path | None,
        typer.Option(help="For csv: a TOML file that says which columns are which fields.", dir_okay=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing; show the first events, and what would be refused.")
    ] = False,
    speed: Annotated[str, typer.Option(help="Original gaps divided by this number, or max.")] = "max",
    as_json: AsJson = False,
) -> None:
    """Send a real export, with its own event times."""
    factor = _speed(speed)
    run = Run()
    if dry_run:
        show_preview(replay(file, format_, run.unreadable.append, mapping), run.unreadable, as_json=as_json)
        return
    settings = load_settings()
    with _stoppable(run):
        _replay(settings, file, format_, run, factor, mapping)
    _report(run, as_json=as_json)


def _replay(
    settings: Settings, file: Path, name: str, run: Run, speed: float | None, mapping: Path | None = None
) -> None:
    records = replay(file, name, run.unreadable.append, mapping)
    if speed is None:
        _send(settings, records, run, None)
    else:
        _send(settings, in_order(records), run, _at_speed(speed))


def _send(settings: Settings, records: Iterator[Record], run: Run, pace: Pace | None) -> None:
    from pipelines.runtime.kafka_endpoint import bootstrap_servers

    kafka, began = settings.kafka, time.monotonic()
    servers = bootstrap_servers(settings)
    ensure_topics(settings, servers)
    sender = Sender(servers, kafka.client, give_up=lambda: run.stopped_by is not None)
    try:
        with _shown(sender) as show, sender:
            _feed(sender, records, run, pace, show)
    except LakehouseError as error:
        run.error = error
    finally:
        run.delivery, run.seconds = sender.delivery, time.monotonic() - began


def _feed(sender: Sender, records: Iterator[Record], run: Run, pace: Pace | None, show: Callable[[], None]) -> None:
    send, began = sender.send, time.monotonic()
    for count, record in enumerate(records):
        if pace is not None:
            sender.wait(began + pace(record), show=show)
        elif not count & _LOOK_EVERY:
            show()
        if run.stopped_by is not None:
            break
        send(record[0], record[1], record[2])


def _at_rate(rate: float | None) -> Pace | None:
    if rate is None:
        return None
    if not rate > 0:
        raise UsageError(f"The rate {rate:g} is no rate.", "Take a number of events per second above 0.")
    sent = 0

    def due(_: Record) -> float:
        nonlocal sent
        sent += 1
        return (sent - 1) / rate

    return due


def _at_speed(speed: float) -> Pace:
    first: int | None = None

    def due(record: Record) -> float:
        nonlocal first
        first = record[3] if first is None else first
        return (record[3] - first) / 1_000_000 / speed

    return due


def _instant(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--until {text!r} is no instant.", "Write it as 2026-11-01T00:00:00Z, or now.") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed {text!r} is no speed.", "Take a number above 0, or max.")
    return speed


@contextmanager
def _stoppable(run: Run) -> Iterator[None]:
    """Note SIGTERM and Ctrl-C for the sending loop: an exception in the middle of a send would spoil the counts."""

    def stop(number: int, _: FrameType | None) -> None:
        run.stopped_by = signal.Signals(number)

    with handle_signals(stop, stopped=lambda: run.stopped_by is not None):
        yield


@contextmanager
def _shown(sender: Sender) -> Iterator[Callable[[], None]]:
    """Show how many records are acknowledged, a few times a second and never for each record."""
    columns = (TextColumn("produce"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, auto_refresh=False, disable=not err.is_terminal) as bar:
        task, began = bar.add_task("", total=None), time.monotonic()
        last = began

        def show() -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _SHOW_SECONDS:
                last = now
                done, failed = sender.progress
                lost = f", {failed:,} failed" if failed else ""
                bar.update(task, description=f"{done:,} events{lost}, {done / (now - began):,.0f}/s", refresh=True)

        yield show


def _report(run: Run, *, as_json: bool) -> None:
    delivery = run.delivery
    failed = delivery.failures()
    if as_json:
        print_json(
            {
                "acknowledged": delivery.acknowledged,
                "failed": failed,
                "failures": [vars(failure) for failure in delivery.failed[:SHOWN]],
                "unreadable": len(run.unreadable),
                "unreadable_lines": [vars(line) for line in run.unreadable[:SHOWN]],
                "seconds": round(run.seconds, 3),
                "stopped_by": run.stopped_by.name if run.stopped_by else None,
            }
        )
    else:
        for topic, count in delivery.acknowledged.items():
            out.print(f"{topic}: {count:,} acknowledged, {failed[topic]:,} failed")
        rate = delivery.total / run.seconds if run.seconds else 0
        out.print(f"{delivery.total:,} events in {run.seconds:.1f} s ({rate:,.0f}/s)")
        for failure in delivery.failed[:SHOWN]:
            err.print(f"failed: {failure.topic}, session {failure.key}: {failure.reason}", soft_wrap=True)
        for line in run.unreadable[:SHOWN]:
            err.print(f"line {line.line}: {line.reason}", soft_wrap=True)
    run.outcome()


def _delivered(run: Run) -> Delivery:
    if run.error is not None:
        raise run.error
    return run.delivery


if __name__ == "__main__":
    call(app)
