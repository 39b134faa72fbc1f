"""How a streaming job runs on the command line: once or continuously, with progress, errors as sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from lakehouse.streams import Progress, Stream, run
from pipelines.runtime.console import out, print_json, spinner
from pipelines.runtime.job import Job
from pipelines.runtime.stream_errors import explain
from pipelines.runtime.stream_metrics import MetricsRecorder

IDLE_INTERVAL_SECONDS = 30.0
"""How often a continuous job does what no new row reminds it of."""


def run_streams(
    job: Job,
    name: str,
    streams: Sequence[Stream],
    *,
    continuous: bool,
    on_idle: Callable[[], object] = lambda: None,
) -> dict[str, Progress]:
    """Runs a job's streams and shows what they do meanwhile; a continuous one is called to ``on_idle`` now and then."""
    last_idle = time.monotonic()
    recorder = MetricsRecorder(job)
    with spinner() as shown:
        task = shown.add_task(name)

        def on_poll(progress: dict[str, Progress]) -> None:
            nonlocal last_idle
            if continuous and time.monotonic() - last_idle > IDLE_INTERVAL_SECONDS:
                on_idle()
                last_idle = time.monotonic()
            recorder.flush_if_due()
            rows = ", ".join(f"{stream.rpartition('.')[2]} {one.rows:,}" for stream, one in progress.items())
            shown.update(task, description=f"{name}: {rows} rows")

        return run(
            job.spark,
            streams,
            locks=job.settings.locks,
            continuous=continuous,
            trigger_seconds=job.settings.stream.trigger_seconds,
            stop_seconds=job.settings.stream.stop_seconds,
            on_poll=on_poll,
            explain=explain,
            listener=recorder,
        )


def report(name: str, progress: dict[str, Progress], began: float, *, as_json: bool) -> None:
    """Says what a job has done."""
    seconds = time.monotonic() - began
    rows = sum(one.rows for one in progress.values())
    if as_json:
        streams = {stream: {"batches": one.batches, "rows": one.rows} for stream, one in progress.items()}
        print_json({"job": name, "rows": rows, "seconds": round(seconds, 3), "streams": streams})
        return
    parts = ", ".join(f"{stream.rpartition('.')[2]} {one.rows:,}" for stream, one in progress.items())
    out.print(f"{name}: {rows:,} rows in {seconds:.1f} s ({parts})")
