"""Score every session at its newest cutoff with the champion, once, or continuously as sessions change."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gold.session_predictions import TABLE as PREDICTIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import DataError, LakehouseError, OutsideError
from lakehouse.signals import stopping
from lakehouse.table import Table
from pipelines.ml.live_model import ChampionFollower, champion, last_champion
from pipelines.ml.model_version import CHAMPION, no_champion
from pipelines.ml.score_publisher import publishes_scores
from pipelines.ml.score_stream import FEED, score_continuously
from pipelines.ml.scorer import SCORES, TABLES, Scorer, can_score_here
from pipelines.ml.scoring import Now, Scored
from pipelines.ml.targets import IN_SESSION, NEXT_SESSION, TARGETS, PredictionTarget
from pipelines.ml.version_list import list_versions
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.table_damage import writing_noted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.streaming.readwriter import DataStreamWriter

    from lakehouse.streams import Stream
    from pipelines.runtime.job import Job

REMINDER_SECONDS = 600.0
"""How often a job that waits for a champion says so again."""


@dataclass(frozen=True)
class ScoreResult:
    """How many sessions got a new score, how many of them are predicted buyers, and the version that scored them.

    ``model_version`` is None where no version is champion. What begins with ``next_`` says the same of next_session.
    """

    scored: int
    buyers: int
    model_name: str
    model_version: str | None
    next_scored: int = 0
    next_buyers: int = 0
    next_model_name: str = NEXT_SESSION.model
    next_model_version: str | None = None


def score(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Score every session at its newest cutoff with the champion; --continuous waits for a champion."""
    began = time.monotonic()
    settings = load_settings()
    with stopping():
        result = run_score_command(settings, continuous=continuous)
        report_scores(result, time.monotonic() - began, as_json=as_json)


def report_scores(result: ScoreResult, seconds: float, *, as_json: bool) -> None:
    """Prints how many sessions were scored, and by which versions."""
    if as_json:
        print_json({"job": "score", "seconds": round(seconds, 3), **asdict(result)})
        return
    if result.model_version is None and result.next_model_version is None:
        out.print(f"score: stopped after {seconds:.1f} s; no version of {result.model_name} was {CHAMPION}")
    if result.model_version is not None:
        out.print(
            f"score: {result.scored:,} sessions in {seconds:.1f} s, {result.buyers:,} predicted buyers, "
            f"by {result.model_name} version {result.model_version}"
        )
    if result.next_model_version is not None:
        out.print(
            f"score: {result.next_scored:,} closed sessions in {seconds:.1f} s, {result.next_buyers:,} of whose users "
            f"are predicted to buy next, by {result.next_model_name} version {result.next_model_version}"
        )


@publishes_scores
def run_score_command(settings: Settings, *, continuous: bool = False) -> ScoreResult:
    """As run_score; it starts Spark only where the lake is no folder, or where its tables are yet to be made."""
    if continuous and not _wait_for_champion(settings):
        return ScoreResult(0, 0, IN_SESSION.model, None)
    champions = _Champions.take(settings)
    lake = LocalLake(settings.lake_root, settings.locks)
    with writing_noted(settings, *SCORES):
        if can_score_here(lake):
            return _score_here(settings, lake, champions, continuous=continuous)
        from pipelines.runtime.job import open_job

        with err.status("score"):
            job = open_job("score", settings)
        return _score_by_job(job, champions, continuous=continuous)


@publishes_scores
def run_score(job: Job, *, continuous: bool = False) -> ScoreResult:
    """Scores what has no score by the champion yet; goes on with what changes if ``continuous``.

    A session has its score when gold.session_predictions has its newest cutoff, with the features of
    today, by the version that is champion; one that has bought or is closed, when it has any. Where
    purchase_next_session has a champion, each closed session whose user's next one is not known yet has its
    score in gold.next_session_predictions, whether purchase_in_session has one or not. So a second run writes
    nothing, and the next run completes one that was interrupted.

    Where neither has a champion it waits for one if ``continuous``; else it raises DataError, and
    writes nothing.
    """
    if continuous and not _wait_for_champion(job.settings):
        return ScoreResult(0, 0, IN_SESSION.model, None)
    champions = _Champions.take(job.settings)
    with writing_noted(job.settings, *SCORES):
        return _score_by_job(job, champions, continuous=continuous)


@dataclass(frozen=True)
class _Champions:
    """Who follows the champion of each target; ``missing`` says why in_session has none that scores."""

    in_session: ChampionFollower
    next_session: ChampionFollower
    missing: LakehouseError | None = None

    @classmethod
    def take(cls, settings: Settings) -> _Champions:
        """Both, with the versions that are live. Raises DataError or OutsideError where neither can score."""
        first = ChampionFollower(settings)
        second = first.of(NEXT_SESSION)
        try:
            first.start()
        except LakehouseError as error:
            if not second.follow():
                raise
            if isinstance(error, DataError):
                err.print(f"score: {IN_SESSION.name} is not scored. {error}")
            return cls(first, second, error)
        if _is_trained_in_vain(settings, NEXT_SESSION):
            err.print(f"score: {NEXT_SESSION.name} is not scored. {no_champion(NEXT_SESSION)}")
        return cls(first, second)

    def result(self, scored: Scored, following: Scored) -> ScoreResult:
        """What was scored. Raises what kept the other target from being scored, where that is damage."""
        if self.missing is not None and not isinstance(self.missing, DataError):
            raise self.missing
        return ScoreResult(
            scored.sessions,
            scored.buyers,
            IN_SESSION.model,
            _number(self.in_session),
            following.sessions,
            following.buyers,
            NEXT_SESSION.model,
            _number(self.next_session),
        )


def _number(follower: ChampionFollower) -> str | None:
    """The number of the version in use."""
    return None if follower.in_use is None else follower.in_use.version.number


def _is_trained_in_vain(settings: Settings, target: PredictionTarget) -> bool:
    """Whether a target has versions, and none is live; a store that cannot be read says nothing here."""
    try:
        return bool(list_versions(settings, target)) and champion(settings, target) is None
    except OutsideError:
        return False


def _score_by_job(job: Job, champions: _Champions, *, continuous: bool) -> ScoreResult:
    for table in TABLES:
        job.lake.ensure(table)
    if can_score_here(job.local_lake):
        return _score_here(job.settings, job.local_lake, champions, continuous=continuous, now=job.clock)
    from lakehouse.engines.arrow_lake import ArrowLake
    from pipelines.runtime.stream_runner import run_streams

    lake = ArrowLake(job.lake)
    scorer, following = Scorer(lake, champions.in_session), Scorer(lake, champions.next_session)
    seen = job.lake.version(EXAMPLES)
    if champions.missing is None:
        scorer.score_all()
    following.score_changes(None)
    if continuous:
        job.settings.checkpoints.mkdir(parents=True, exist_ok=True)
        # The place in the change feed is not kept: every start begins with a look at everything.
        with tempfile.TemporaryDirectory(prefix="score-", dir=job.settings.checkpoints) as folder:
            stream = _stream(job, (scorer, following), seen, Path(folder))
            run_streams(job, "score", [stream], continuous=True, on_idle=scorer.follow_champion)
    return champions.result(scorer.scored, following.scored)


def _score_here(
    settings: Settings, lake: LocalLake, champions: _Champions, *, continuous: bool, now: Now | None = None
) -> ScoreResult:
    """Scores by this process alone, whether Spark runs or not."""
    if not continuous:
        scorer, following = Scorer(lake, champions.in_session, now=now), Scorer(lake, champions.next_session, now=now)
        if champions.missing is None:
            scorer.score_all()
        following.score_changes(None)
        return champions.result(scorer.scored, following.scored)
    from pipelines.runtime.stream_metrics import MetricsRecorder

    with stopping() as stop, stop.polled_by_caller():
        recorder = MetricsRecorder(_Installation(settings))
        scored, followed = score_continuously(
            settings,
            lake,
            champions.in_session,
            champions.next_session,
            stop=stop,
            listener=recorder,
            on_wait=recorder.flush_if_due,
        )
    return champions.result(scored, followed)


def _wait_for_champion(settings: Settings) -> bool:
    """Waits until a version is champion; False where the job was told to stop before."""
    reminded = float("-inf")
    with stopping() as stop, stop.polled_by_caller():
        while not stop.is_set():
            if any(last_champion(settings, target) is not None for target in TARGETS.values()):
                return True
            if time.monotonic() - reminded > REMINDER_SECONDS:
                err.print(
                    f"score: waits for a version of {IN_SESSION.model} to become {CHAMPION}. `clickstream train` "
                    "trains one, `clickstream models list` says why a version is not live."
                )
                reminded = time.monotonic()
            stop.wait(settings.stream.trigger_seconds)
    return False


def _stream(job: Job, scorers: tuple[Scorer, ...], seen: int, checkpoint: Path) -> Stream:
    from lakehouse.streams import Stream

    lake = job.lake

    def score_batch(rows: DataFrame, _: int) -> None:
        changes = rows.select(*FEED).distinct().toArrow()
        for scorer in scorers:
            scorer.score_changes(changes)

    def prepare() -> DataStreamWriter:
        changes = (
            job.spark.readStream.format("delta")
            .option("readChangeFeed", "true")
            .option("startingVersion", seen)
            .option("maxBytesPerTrigger", job.settings.stream.bytes_per_batch)
            .load(lake.path(EXAMPLES))
        )
        return changes.writeStream.foreachBatch(score_batch)

    return Stream(
        name=PREDICTIONS.name,
        checkpoint=checkpoint,
        prepare=prepare,
        source_id=lake.table_id(EXAMPLES),
        target_id=lake.table_id(PREDICTIONS),
        target_has_rows=lambda: False,
    )


@dataclass(frozen=True)
class _Installation:
    """What the recorder of metrics needs of a job, without Spark: the first job with Spark makes its table."""

    settings: Settings

    @property
    def lake(self) -> _Installation:
        return self

    def path(self, table: Table) -> str:
        return f"{self.settings.lake_root}/{table.layer}/{table.short_name}"

    def ensure(self, table: Table) -> None: ...


if __name__ == "__main__":
    call(score)
