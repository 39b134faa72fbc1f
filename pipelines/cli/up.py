"""Keep everything running: all streams and their scores in one Spark application, with training in between."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from lakehouse.signals import stopping
from lakehouse.supervision import Standing, State, Supervised
from lakehouse.turns import Turns
from pipelines import aggregate, ingest, refine
from pipelines.bi.html.live import live_page, live_server
from pipelines.cli.up_demo import Shown, demonstrated
from pipelines.ml.score_publisher import publishes_scores
from pipelines.operations.maintain import run_maintain
from pipelines.operations.retention_elsewhere import keep_retention_elsewhere
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.console import call, err, spinner
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.local_http import address_of, how_to_forward, serving_beside
from pipelines.runtime.making_room import makes_room, room_is_wanted
from pipelines.runtime.periodic import Periodic, Tasks, duration_seconds
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.stream_runner import keep_running
from pipelines.runtime.table_damage import refuse_lost_lake
from pipelines.train import run_train

SHARED_FAIRLY = {
    # Seven streams share the cores: none of them waits for the queries of another, or of a training.
    "spark.scheduler.mode": "FAIR",
}
"""Spark's settings for all streams in one application."""

_POLL_SECONDS = 0.1


def up(
    train_every: Annotated[
        str, typer.Option(metavar="DURATION", help="Train a model so often beside the streams, as in 6h or 1d.")
    ] = "",
    report_port: Annotated[
        int | None,
        typer.Option(
            "--report",
            metavar="PORT",
            min=0,
            max=65535,
            help="Serve the report on this machine, too, as gold is at any time; 0 takes a port that is free.",
        ),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With an embedded Kafka and a simulated shop, and a view of what happens.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, help="About how many events a second the simulated shop sends.")] = 20,
) -> None:
    """Run all streams continuously: bronze, silver, gold and its scores, in one Spark application."""
    training = duration_seconds(train_every) if train_every else None
    settings = sized(load_settings())
    began, standings = time.monotonic(), dict[str, Standing]()
    with stopping() as stop, reported(settings, report_port):
        with demonstrated(settings, rate, say) if demo else shown_rows(settings) as shown:
            # Its batches are small for as long as it runs. To compile well took Java half of all its time for minutes.
            job = open_job("up", shown.settings, short=True, more=SHARED_FAIRLY)
            tasks = Tasks(job, [*_tasks(job, training), *shown.tasks(job)], say)
            standings = run_up(job, tasks, stop.is_set, on_poll=shown.on_poll)
        _end(standings, tasks, time.monotonic() - began)
    raise typer.Exit(exit_code(standings))


@contextmanager
def reported(settings: Settings, port: int | None) -> Iterator[None]:
    """Within, the report of gold is served at that port; nothing is without one."""
    if port is None:
        yield
        return
    server = live_server(live_page(settings), port)
    with serving_beside(server):
        say(f"the report is at {address_of(server)} and follows gold. {how_to_forward(server.server_address[1])}")
        yield


def sized(settings: Settings) -> Settings:
    """The settings with the memory that ``up`` gives to Java and to DuckDB, as all streams share them."""
    spark = settings.spark.model_copy(update={"driver_memory": settings.up.driver_memory})
    engines = settings.engines.model_copy(update={"in_process_memory": settings.up.in_process_memory})
    return settings.model_copy(update={"spark": spark, "engines": engines})


@publishes_scores
def run_up(
    job: Job,
    tasks: Tasks,
    is_stopping: Callable[[], bool],
    *,
    on_poll: Callable[[Mapping[str, Standing]], object] = lambda _: None,
) -> dict[str, Standing]:
    """Keeps all streams running, and does the tasks beside them, until it is time to stop."""
    settings = job.settings

    def is_paused() -> bool:
        return room_is_wanted(settings)

    refuse_lost_lake(settings)
    tasks.start()
    try:
        with makes_room(settings):
            while True:
                streams = all_streams(job, is_stopping)
                standings = keep_running(job, streams, say=say, on_poll=on_poll, is_paused=is_paused)
                if is_stopping() or not is_paused():
                    return standings
                _wait_outside(is_paused, is_stopping)
                job = _afresh(job)
    finally:
        tasks.end()


def _wait_outside(is_paused: Callable[[], bool], is_stopping: Callable[[], bool]) -> None:
    say("all streams have ended, and wait for `clickstream erase`.")
    while is_paused() and not is_stopping():
        time.sleep(_POLL_SECONDS)
    say("all streams go on.")


def _afresh(job: Job) -> Job:
    """The job without what it remembers of the tables: another process has rewritten their files and logs."""
    fresh = Job(job.settings, job.spark, job.clock)
    for table in TABLES.values():
        fresh.lake.forget(table)
    return fresh


def all_streams(job: Job, is_stopping: Callable[[], bool]) -> list[Supervised]:
    """The streams of all layers, in their order."""
    turns = Turns()  # gold needs none: what has a score to give goes first
    return [
        *ingest.supervised(job, turns.turn),
        *refine.supervised(job, turns.turn),
        aggregate.supervised(job, is_stopping),
    ]


def say(text: str) -> None:
    """Prints a line about what goes on."""
    err.print(Text.assemble((f"{datetime.now(UTC):%H:%M:%S}", "dim"), f" up: {text}"), soft_wrap=True)


def exit_code(standings: Mapping[str, Standing]) -> int:
    """0 where all streams could go on; else the code of the first that needs a person."""
    errors = [one.error for one in standings.values() if one.state is State.STOPPED and one.error is not None]
    return errors[0].exit_code if errors else 0


def _tasks(job: Job, train_seconds: float | None) -> list[Periodic]:
    found = []
    if train_seconds is not None:
        found.append(Periodic("train", train_seconds, lambda: run_train(job).decision.reason))
    if hours := job.settings.up.maintain_every_hours:
        found.append(Periodic("maintain", hours * 3_600, lambda: _maintain(job)))
    return found


def _maintain(job: Job) -> str:
    done = run_maintain(job, TABLES.values())
    before, after = sum(one.files_before for one in done), sum(one.files_after for one in done)
    waiting = sum(bool(one.kept) for one in done)
    said = [f"{before:,} data files are {after:,}"]
    said += [f"old files of {waiting} tables stay"] if waiting else []
    said += [f"{one.rows_deleted:,} old rows of {one.table} are gone" for one in done if one.rows_deleted]
    said += [f"of {one.table}, {one.rows_kept}" for one in done if one.rows_kept]
    return "; ".join([*said, *keep_retention_elsewhere(job.settings)])


@contextmanager
def shown_rows(settings: Settings) -> Iterator[Shown]:
    """A line that shows how many rows each stream has read; nothing without a terminal."""
    with spinner() as shown:
        task = shown.add_task("up: starting")

        def show(standings: Mapping[str, Standing]) -> None:
            shown.update(task, description=f"up: {_rows_by_layer(standings)}")

        yield Shown(settings, show)


def _rows_by_layer(standings: Mapping[str, Standing]) -> str:
    rows: dict[str, int] = {}
    for name, one in standings.items():
        layer = name.partition(".")[0]
        rows[layer] = rows.get(layer, 0) + one.progress.rows
    waits = [name for name, one in standings.items() if one.state in {State.WAITING, State.STOPPED}]
    text = ", ".join(f"{layer} {count:,}" for layer, count in rows.items()) + " rows"
    return f"{text}; not running: {', '.join(waits)}" if waits else text


def _end(standings: Mapping[str, Standing], tasks: Tasks, seconds: float) -> None:
    say(f"stopped after {seconds:.0f} s, {_rows_by_layer(standings)}")
    for name, one in standings.items():
        if one.state is State.STOPPED:
            say(f"{name} needs a person: {one.error}")
    if tasks.is_at_work:
        # A training cannot be interrupted everywhere, and Python would wait for its threads. Nothing of it is kept.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code(standings))


if __name__ == "__main__":
    call(up)
