"""Score every session at its newest cutoff with the champion, once, or continuously as sessions change."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pyspark.sql.streaming.readwriter import DataStreamWriter

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import OutsideError
from lakehouse.signals import stopping
from lakehouse.streams import Stream
from pipelines.ml.model_version import CHAMPION, Version
from pipelines.ml.registry import Registry, open_registry
from pipelines.ml.scoring import Scorer
from pipelines.ml.store import has_store
from pipelines.ml.targets import IN_SESSION
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.settings import Settings
from pipelines.runtime.stream_runner import run_streams

REMINDER_SECONDS = 600.0
"""How often a job that waits for a champion says so again."""


@dataclass(frozen=True)
class ScoreResult:
    """How many sessions got a new score, how many of them are predicted buyers, and the version that scored them.

    ``model_version`` is None where the job was stopped while it waited for a champion.
    """

    scored: int
    buyers: int
    model_name: str
    model_version: str | None


def score(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Score every session at its newest cutoff with the champion; --continuous waits for a champion."""
    began = time.monotonic()
    with stopping():
        with err.status("score"):
            job = open_job("score")
        _report(run_score(job, continuous=continuous), time.monotonic() - began, as_json=as_json)


def _report(result: ScoreResult, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print_json({"job": "score", "seconds": round(seconds, 3), **asdict(result)})
    elif result.model_version is None:
        out.print(f"score: stopped after {seconds:.1f} s; no version of {result.model_name} was {CHAMPION}")
    else:
        out.print(
            f"score: {result.scored:,} sessions in {seconds:.1f} s, {result.buyers:,} predicted buyers, "
            f"by {result.model_name} version {result.model_version}"
        )


def run_score(job: Job, *, continuous: bool = False) -> ScoreResult:
    """Scores what has no score by the champion yet; goes on with what changes if ``continuous``.

    A session has its score when gold.session_predictions has its newest cutoff, with the features of
    today, by the version that is champion; one that has bought or is closed, when it has any. So a
    second run writes nothing, and the next run completes one that was interrupted.

    Where no version is champion it waits for one if ``continuous``; else it raises DataError, and
    writes nothing.
    """
    if continuous and not _wait_for_champion(job.settings):
        return ScoreResult(0, 0, IN_SESSION.model, None)
    registry = open_registry(job.settings)
    version = _live(registry)
    for table in (EXAMPLES, LOG, PREDICTIONS):
        job.lake.ensure(table)
    scorer = Scorer(job, registry, version)
    seen = job.lake.version(EXAMPLES)
    scorer.catch_up()
    if continuous:
        job.settings.checkpoints.mkdir(parents=True, exist_ok=True)
        # The place in the change feed is not kept: every start begins with a look at everything.
        with tempfile.TemporaryDirectory(prefix="score-", dir=job.settings.checkpoints) as folder:
            stream = _stream(job, scorer, seen, Path(folder))
            run_streams(job, "score", [stream], continuous=True, on_idle=scorer.follow_champion)
    return ScoreResult(scorer.scored, scorer.buyers, registry.model, scorer.version.number)


def _wait_for_champion(settings: Settings) -> bool:
    """Waits until a version is champion; False where the job was told to stop before."""
    reminded = float("-inf")
    with stopping() as stop, stop.polled_by_caller():
        while not stop.is_set():
            if _champion(settings) is not None:
                return True
            if time.monotonic() - reminded > REMINDER_SECONDS:
                err.print(
                    f"score: waits for a version of {IN_SESSION.model} to become {CHAMPION}. `clickstream train` "
                    "trains one, `clickstream models list` says why a version is not live."
                )
                reminded = time.monotonic()
            stop.wait(settings.stream.trigger_seconds)
    return False


def _champion(settings: Settings) -> Version | None:
    if not has_store(settings):
        return None
    registry = Registry(settings)
    try:
        return registry.champion()
    except OutsideError:
        if registry.last_live() is None:
            raise
        return registry.last_live()


def _live(registry: Registry) -> Version:
    """The version that is live; where the store cannot be read, the one that was live last."""
    try:
        version = registry.live()
    except OutsideError as error:
        last = registry.last_live()
        if last is None:
            raise
        err.print(f"score: goes on with version {last.number}, which was live last. {error}")
        return last
    registry.note_live(version)
    return version


def _stream(job: Job, scorer: Scorer, seen: int, checkpoint: Path) -> Stream:
    lake = job.lake

    def prepare() -> DataStreamWriter:
        changes = (
            job.spark.readStream.format("delta")
            .option("readChangeFeed", "true")
            .option("startingVersion", seen)
            .option("maxBytesPerTrigger", job.settings.stream.bytes_per_batch)
            .load(lake.path(EXAMPLES))
        )
        return changes.writeStream.foreachBatch(lambda rows, _: scorer.score_changes(rows))

    return Stream(
        name=PREDICTIONS.name,
        checkpoint=checkpoint,
        prepare=prepare,
        source_id=lake.table_id(EXAMPLES),
        target_id=lake.table_id(PREDICTIONS),
        target_has_rows=lambda: False,
    )


if __name__ == "__main__":
    call(score)
