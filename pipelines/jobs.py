"""How a streaming job runs on the command line: once or continuously, with progress, errors as sentences."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from lakehouse.errors import LakehouseError, OutsideError
from lakehouse.streams import RECOVER, Progress, Stream, run
from pipelines.console import bar, out, print_json
from pipelines.metrics import Recorder
from pipelines.session import Job

Continuous = Annotated[bool, typer.Option("--continuous", help="Go on until SIGTERM or Ctrl-C.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]


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


def explain(stream: str, error: BaseException) -> LakehouseError:
    """A sentence for what a stream died of."""
    ours = error
    while ours is not None:
        if isinstance(ours, LakehouseError):
            return ours
        ours = ours.__cause__ or ours.__context__  # type: ignore[assignment]
    text = str(error)
    for pattern, sentence, cure in (
        (
            (
                r"(Partition \S+'s offset was changed from \d+ to \d+|KAFKA_DATA_LOSS\S*|OffsetOutOfRange\w*|"
                r"data may have been lost)"
            ),
            "Kafka no longer has records that {stream} has not read: {found}.",
            RECOVER,
        ),
        (
            r"(UnknownTopicOrPartition\w*)",
            "A topic that {stream} reads does not exist any more ({found}).",
            RECOVER,
        ),
        (
            r"(TimeoutException[^\n]{0,160}|Failed to (?:construct|create new) Kafka\w*|DisconnectException)",
            "Kafka did not answer {stream}: {found}.",
            "Start it again with `clickstream broker start`, then run the job again.",
        ),
        (
            (
                r"(STREAMING_CHECKPOINT\w*|Incomplete log file|Malformed log file|checkpoint\S* is corrupt\w*|"
                r"Failed to read log file \S+)"
            ),
            "The checkpoint of {stream} is damaged: {found}.",
            RECOVER,
        ),
        (
            r"(OutOfMemoryError\S*|Out of space in CodeCache|StackOverflowError)",
            "Java had too little memory for {stream} ({found}).",
            "Raise spark.driver_memory or lower stream.bytes_per_batch and records_per_batch, and run it again.",
        ),
        (
            r"(No space left on device)",
            "The disk is full: {stream} stopped with nothing lost ({found}).",
            "Make room and run the job again.",
        ),
    ):
        if match := re.search(pattern, text):
            return OutsideError(sentence.format(stream=stream, found=match.group(1).strip()), cure)
    # Behind the wall of a Python function's stack trace, its last line says what went wrong, or Java's first one.
    last = re.findall(r"^: (?:[\w.$]+\.)?(\w+(?:Error|Exception)\b.*)$", text, re.MULTILINE) or re.findall(
        r"^(?:[\w.]+\.)?(\w+(?:Error|Exception)(?:: .*)?)$", text, re.MULTILINE
    )
    first = last[-1][:300] if last else (text.strip().splitlines() or [type(error).__name__])[0][:300]
    return OutsideError(f"{stream} stopped: {first.rstrip('.')}.", "Run it again; with --debug for the whole story.")
