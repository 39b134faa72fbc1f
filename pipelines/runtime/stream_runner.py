"""How a streaming job runs on the command line: once or continuously, with progress, errors as sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from lakehouse.streams import Progress, Stream, run
from pipelines.runtime.console import bar, out, print_json
from pipelines.runtime.job import Job
from pipelines.runtime.stream_errors import explain
from pipelines.runtime.stream_metrics import Recorder

TICK_SECONDS = 30.0
"""How often a continuous job does what no new row reminds it of."""


def run_streams(
    job: Job,
    name: str,
    streams: Sequence[Stream],
    *,
    continuous: bool,
    tick: Callable[[], object] = lambda: None,
) -> dict[str, Progress]:
    """Runs a job's streams and shows what they do meanwhile; a continuous one is called to ``tick`` now and then."""
    ticked = time.monotonic()
    recorder = Recorder(job)
    with bar() as shown:
        task = shown.add_task(name)

        def watch(progress: dict[str, Progress]) -> None:
            nonlocal ticked
            if continuous and time.monotonic() - ticked > TICK_SECONDS:
                tick()
                ticked = time.monotonic()
            recorder.fold_if_due()
            rows = ", ".join(f"{stream.rpartition('.')[2]} {one.rows:,}" for stream, one in progress.items())
            shown.update(task, description=f"{name}: {rows} rows")

        return run(
            job.spark,
            streams,
            locks=job.settings.locks,
            continuous=continuous,
            trigger_seconds=job.settings.stream.trigger_seconds,
            stop_seconds=job.settings.stream.stop_seconds,
            watch=watch,
            explain=explain,
            witness=recorder,
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
