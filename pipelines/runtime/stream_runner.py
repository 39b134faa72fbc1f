"""Run a job's streams from the command line, once or continuously: progress, metrics, errors as sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from lakehouse.errors import LakehouseError
from lakehouse.session import java_is_gone
from lakehouse.streams import Progress, Stream, run
from lakehouse.supervision import Standing, Supervised, supervise
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.console import NowAndThen, out, print_json, spinner
from pipelines.runtime.hints import command_hints, with_command_hint
from pipelines.runtime.job import Job
from pipelines.runtime.stream_errors import explain
from pipelines.runtime.stream_metrics import MetricsRecorder
from pipelines.runtime.table_damage import damaged_tables

IDLE_INTERVAL_SECONDS = 30.0
"""How often a continuous job does what no new row makes it do."""


def run_streams(
    job: Job,
    name: str,
    streams: Sequence[Stream],
    *,
    continuous: bool,
    on_idle: Callable[[], object] = lambda: None,
) -> dict[str, Progress]:
    """Runs a job's streams, shows their progress, and records their metrics.

    A continuous run calls ``on_idle`` every IDLE_INTERVAL_SECONDS.
    """
    last_idle = time.monotonic()
    recorder, now_and_then = MetricsRecorder(job), NowAndThen()
    by_name = {stream.name: stream for stream in streams}
    with spinner() as shown:
        task = shown.add_task(name)

        def on_poll(progress: dict[str, Progress]) -> None:
            nonlocal last_idle
            if continuous and time.monotonic() - last_idle > IDLE_INTERVAL_SECONDS:
                on_idle()
                last_idle = time.monotonic()
            recorder.flush_if_due()
            text = f"{name}: {_rows_by_stream(progress)} rows"
            shown.update(task, description=text)
            if not continuous:
                now_and_then(text)

        with command_hints():
            return run(
                job.spark,
                streams,
                locks=job.settings.locks,
                trigger_seconds=job.settings.stream.trigger_seconds if continuous else None,
                stop_seconds=job.settings.stream.stop_seconds,
                on_poll=on_poll,
                explain=lambda stream, error: _explain(job, by_name[stream], error),
                listener=recorder,
            )


def keep_running(
    job: Job,
    supervised: Sequence[Supervised],
    *,
    say: Callable[[str], object],
    on_poll: Callable[[Mapping[str, Standing]], object] = lambda _: None,
    is_paused: Callable[[], bool] = lambda: False,
) -> dict[str, Standing]:
    """Keeps streams running side by side, and records their metrics; ``supervise`` says what else."""
    recorder = MetricsRecorder(job)

    def poll(standings: Mapping[str, Standing]) -> None:
        recorder.flush_if_due()
        on_poll(standings)

    with command_hints():
        return supervise(
            job.spark,
            supervised,
            locks=job.settings.locks,
            trigger_seconds=job.settings.stream.trigger_seconds,
            stop_seconds=job.settings.stream.stop_seconds,
            explain=lambda one, error: _explain_one(job, one, error),
            listener=recorder,
            say=say,
            on_poll=poll,
            is_paused=is_paused,
        )


def _explain_one(job: Job, supervised: Supervised, error: BaseException) -> LakehouseError:
    """The error that ended one of several streams: only damage of its own tables explains it."""
    if isinstance(error, LakehouseError):
        return with_command_hint(error)
    if not java_is_gone(error):
        for table in supervised.tables:
            # Under its lock: others write it meanwhile, and a commit that is under way is no damage.
            with suppress(Exception), job.lake.writing(table):
                for damaged in damaged_tables(job.settings, [table]).values():
                    return with_command_hint(damaged)
    described = with_command_hint(explain(supervised.name, error, restarts=True))
    described.__cause__ = error
    return described


def _explain(job: Job, stream: Stream, error: BaseException) -> LakehouseError:
    """The error that ended a stream: a table of it that is damaged explains it better than what Spark says of it."""
    tables = [TABLES[name] for name in (*stream.written, *stream.reads) if name in TABLES]
    for damaged in damaged_tables(job.settings, tables).values():
        return damaged
    return explain(stream.name, error)


def report(name: str, progress: dict[str, Progress], began: float, *, as_json: bool) -> None:
    """Prints what a job has done."""
    seconds = time.monotonic() - began
    rows = sum(one.rows for one in progress.values())
    if as_json:
        streams = {stream: {"batches": one.batches, "rows": one.rows} for stream, one in progress.items()}
        print_json({"job": name, "rows": rows, "seconds": round(seconds, 3), "streams": streams})
        return
    out.print(f"{name}: {rows:,} rows in {seconds:.1f} s ({_rows_by_stream(progress)})")


def _rows_by_stream(progress: dict[str, Progress]) -> str:
    return ", ".join(f"{stream.rpartition('.')[2]} {one.rows:,}" for stream, one in progress.items())
