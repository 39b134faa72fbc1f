"""Scoring: every session at its newest cut, by the champion, once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamWriter

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.shared.features import FEATURES
from gold.shared.timeline import SESSION
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import LakehouseError
from lakehouse.incremental import Days
from lakehouse.signals import stopping
from lakehouse.streams import Stream
from pipelines.ml.explanation import read_tree, with_path
from pipelines.ml.registry import Registry, Version, open_registry
from pipelines.ml.targets import IN_SESSION
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson, Continuous
from pipelines.runtime.stream_runner import run_streams

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel


@dataclass(frozen=True)
class ScoreResult:
    """What a scoring did: how many sessions got a new score, how many of them are to buy, and who said so."""

    scored: int
    buyers: int
    model_name: str
    model_version: str


def score(continuous: Continuous = False, as_json: AsJson = False) -> None:
    """Score every session at its newest cut, by the champion."""
    began = time.monotonic()
    with stopping():
        with err.status("score"):
            job = open_job("score")
        _report(run_score(job, continuous=continuous), time.monotonic() - began, as_json=as_json)


def _report(result: ScoreResult, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print_json({"job": "score", "seconds": round(seconds, 3), **asdict(result)})
        return
    out.print(
        f"score: {result.scored:,} sessions in {seconds:.1f} s, {result.buyers:,} of them to buy, "
        f"by {result.model_name} version {result.model_version}"
    )


def run_score(job: Job, *, continuous: bool = False) -> ScoreResult:
    """Scores what has no score by the champion yet; goes on with what changes if ``continuous``.

    A session has its score when gold.session_predictions has its newest cut, with the features of
    today, by the version that is champion; one that has bought or is closed, when it has any. So a
    second run writes nothing, and a run that was interrupted is completed by the next.

    Raises DataError, and writes nothing, where no version is champion.
    """
    registry = open_registry(job.settings)
    version = registry.live()
    for table in (EXAMPLES, LOG, PREDICTIONS):
        job.lake.ensure(table)
    scorer = _Scorer(job, registry, version)
    seen = job.lake.version(EXAMPLES)
    scorer.catch_up()
    if continuous:
        job.settings.checkpoints.mkdir(parents=True, exist_ok=True)
        # The place in the change feed is not kept: every start begins with a look at everything.
        with tempfile.TemporaryDirectory(prefix="score-", dir=job.settings.checkpoints) as folder:
            stream = _stream(job, scorer, seen, Path(folder))
            run_streams(job, "score", [stream], continuous=True, on_idle=scorer.follow)
    return ScoreResult(scorer.scored, scorer.buyers, registry.model, scorer.version.number)


class _Scorer:
    """Scores sessions, one batch at a time, and counts them."""

    def __init__(self, job: Job, registry: Registry, version: Version) -> None:
        self._job = job
        self._registry = registry
        self._one_at_a_time = RLock()
        self._trouble = ""
        self.scored = 0
        self.buyers = 0
        self._use(version, registry.load(version))

    def _use(self, version: Version, model: PipelineModel) -> None:
        self.version, self._model = version, model
        # Once for each model: a tree is read node by node.
        self._leaves = [*read_tree(model, IN_SESSION).leaves()]

    def catch_up(self) -> None:
        """Scores every session that has no score by the champion yet."""
        with self._one_at_a_time:
            self._score(self._job.lake.read(EXAMPLES), lambda done: done)

    def follow(self) -> bool:
        """Scores all sessions by the champion of now where that is another one; whether it is.

        Where the store cannot say, or the version cannot be loaded, the one at hand goes on scoring.
        """
        with self._one_at_a_time:
            try:
                champion = self._registry.live()
                if champion == self.version:
                    return False
                self._use(champion, self._registry.load(champion))
            except LakehouseError as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    err.print(f"score: goes on with version {self.version.number}. {self._trouble}")
                return False
            self._trouble = ""
            self.catch_up()
            return True

    def take(self, changes: DataFrame) -> None:
        """Scores the sessions of changed rows; all of them where another version has become champion."""
        if self.follow():
            return
        touched = changes.select(*SESSION, "started_on").distinct().persist()
        try:
            within = _days(touched, "started_on")
            sessions = F.broadcast(touched.select(*SESSION).distinct())

            def concerned(rows: DataFrame) -> DataFrame:
                return rows.where(within).join(sessions, list(SESSION), "left_semi")

            with self._one_at_a_time:
                self._score(concerned(self._job.lake.read(EXAMPLES)), concerned)
        finally:
            touched.unpersist()

    def _score(self, examples: DataFrame, concerned: Callable[[DataFrame], DataFrame]) -> None:
        lake, now = self._job.lake, datetime.now(tz=UTC)
        with lake.writing(LOG), lake.writing(PREDICTIONS):
            # Read only now, when nobody else writes it.
            done = concerned(lake.read(PREDICTIONS))
            rows = scored(self._model, self._leaves, self.version, unscored(examples, done, self.version), now)
            log = lake.read(LOG).where(F.col("model_version") == self.version.number)
            # What the log has already was given by a run that was interrupted: it was given then.
            given = log.select(*LOG.key, F.col("scored_at").alias("_given_at"))
            # Computed once, and without the plan that made it: that of the model is dear to plan again and again.
            rows = rows.join(given, list(LOG.key), "left").localCheckpoint()
            count = rows.agg(F.count("*"), F.count_if("prediction")).first()
            if count is None or not count[0]:
                return
            lake.append(LOG, rows.where(F.col("_given_at").isNull()).drop("_given_at"))
            newest = rows.withColumn("scored_at", F.coalesce("_given_at", "scored_at"))
            # A late event may have moved a session's first day: its old score lies on the old one.
            before = done.join(rows.select(*SESSION), list(SESSION), "left_semi")
            within = _days(rows.select("started_on").union(before.select("started_on")), "t.started_on")
            lake.merge(PREDICTIONS, newest.select(*PREDICTIONS.column_names), within=within)
            self.scored += count[0]
            self.buyers += count[1]


def _days(rows: DataFrame, column: str) -> str:
    """A condition on a column that holds for the days on which these rows' sessions began."""
    return Days.of(rows, "started_on").hold(column)


def unscored(examples: DataFrame, done: DataFrame, version: Version) -> DataFrame:
    """The newest cut of each session, where it has no score by the version on the features of today.

    Of a session that has bought or is closed, any score will do.
    """
    newest = (
        examples.withColumn("_place", F.row_number().over(Window.partitionBy(*SESSION).orderBy(F.desc("cut"))))
        .where(F.col("_place") == 1)
        .select(*SESSION, "cut", *_names(), "is_over", "started_on", "cut_at", features_hash().alias("features_hash"))
    )
    same = (F.col("cut") == F.col("_cut")) & (F.col("features_hash") == F.col("_hash"))
    known = done.select(
        *(F.col(name).alias(f"_{name}") for name in SESSION),
        F.col("cut").alias("_cut"),
        F.col("features_hash").alias("_hash"),
        (F.col("model_version") == version.number).alias("_by_it"),
    )
    its_own = [F.col(name) == F.col(f"_{name}") for name in SESSION]
    return newest.join(known, [*its_own, F.col("is_over") | (F.col("_by_it") & same)], "left_anti").drop("is_over")


def features_hash() -> Column:
    """What tells whether a row of gold.training_examples has the features that a score was given on."""
    return F.xxhash64(*(F.coalesce(F.col(name).cast("STRING"), F.lit("")) for name in ("cut_at", *_names())))


def _names() -> list[str]:
    return [column.name for column in FEATURES]


def scored(
    model: PipelineModel, leaves: Sequence[tuple[int, ...]], version: Version, rows: DataFrame, at: datetime
) -> DataFrame:
    """The rows with their scores, as the tables of scores have them."""
    answers = with_path(model, leaves, IN_SESSION, rows)
    return answers.drop(*_names()).withColumns(
        {
            "question": F.lit(IN_SESSION.name),
            "model_name": F.lit(IN_SESSION.model),
            "model_version": F.lit(version.number),
            "threshold": F.lit(version.threshold),
            "prediction": F.col("probability") >= F.lit(version.threshold),
            "scored_at": F.lit(at),
        }
    )


def _stream(job: Job, scorer: _Scorer, seen: int, checkpoint: Path) -> Stream:
    lake = job.lake

    def prepare() -> DataStreamWriter:
        changes = (
            job.spark.readStream.format("delta")
            .option("readChangeFeed", "true")
            .option("startingVersion", seen)
            .option("maxBytesPerTrigger", job.settings.stream.bytes_per_batch)
            .load(lake.path(EXAMPLES))
        )
        return changes.writeStream.foreachBatch(lambda rows, _: scorer.take(rows))

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
