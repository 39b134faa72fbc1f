"""Score sessions at their newest cutoff with the champion, so that each session has one current prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.shared.features import FEATURES
from gold.shared.timeline import SESSION
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import LakehouseError
from lakehouse.incremental import Days
from pipelines.ml.model_version import Version
from pipelines.ml.prediction import leaf_paths, predict_with_path
from pipelines.ml.registry import Registry
from pipelines.ml.targets import IN_SESSION
from pipelines.runtime.console import err
from pipelines.runtime.job import Job

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel


class Scorer:
    """Scores sessions, one batch at a time, and counts the sessions and the predicted buyers."""

    def __init__(self, job: Job, registry: Registry, version: Version) -> None:
        self._job = job
        self._registry = registry
        self._one_at_a_time = RLock()
        self._last_warning = ""
        self.scored = 0
        self.buyers = 0
        self._use(version, registry.load(version))

    def _use(self, version: Version, model: PipelineModel) -> None:
        self.version, self._model = version, model
        self._paths = leaf_paths(model)

    def catch_up(self) -> None:
        """Scores every session that has no score by the champion yet."""
        with self._one_at_a_time:
            self._score(self._job.lake.read(EXAMPLES), lambda predictions: predictions)

    def follow_champion(self) -> bool:
        """Scores all sessions with a new champion, where there is one; returns whether there is.

        Where the store cannot be read, or the version cannot be loaded, the version in use goes on
        scoring.
        """
        with self._one_at_a_time:
            try:
                champion = self._registry.live()
                if champion == self.version:
                    return False
                self._use(champion, self._registry.load(champion))
            except LakehouseError as error:
                if str(error) != self._last_warning:
                    self._last_warning = str(error)
                    err.print(f"score: goes on with version {self.version.number}. {self._last_warning}")
                return False
            self._last_warning = ""
            self.catch_up()
            return True

    def score_changes(self, changes: DataFrame) -> None:
        """Scores the sessions of changed rows; all sessions where another version has become champion."""
        if self.follow_champion():
            return
        touched = changes.select(*SESSION, "started_on").distinct().persist()
        try:
            within = _days(touched, "started_on")
            sessions = F.broadcast(touched.select(*SESSION).distinct())

            def of_touched_sessions(rows: DataFrame) -> DataFrame:
                return rows.where(within).join(sessions, list(SESSION), "left_semi")

            with self._one_at_a_time:
                self._score(of_touched_sessions(self._job.lake.read(EXAMPLES)), of_touched_sessions)
        finally:
            touched.unpersist()

    def _score(self, examples: DataFrame, restrict: Callable[[DataFrame], DataFrame]) -> None:
        lake, now = self._job.lake, datetime.now(tz=UTC)
        with lake.writing(LOG), lake.writing(PREDICTIONS):
            # Read only now, when nobody else writes it.
            current = restrict(lake.read(PREDICTIONS))
            to_score = unscored(examples, current, self.version)
            rows = with_predictions(self._model, self._paths, self.version, to_score, now)
            log = lake.read(LOG).where(F.col("model_version") == self.version.number)
            # A score that is logged already comes from a run that was interrupted: it keeps its time.
            logged = log.select(*LOG.key, F.col("scored_at").alias("_logged_at"))
            # Computed once, and without the plan that made it: that of the model is dear to plan again and again.
            rows = rows.join(logged, list(LOG.key), "left").localCheckpoint()
            count = rows.agg(F.count("*"), F.count_if("prediction")).first()
            if count is None or not count[0]:
                return
            lake.append(LOG, rows.where(F.col("_logged_at").isNull()).drop("_logged_at"))
            newest = rows.withColumn("scored_at", F.coalesce("_logged_at", "scored_at"))
            # A late event may have moved a session's first day: its old score lies on the old one.
            before = current.join(rows.select(*SESSION), list(SESSION), "left_semi")
            within = _days(rows.select("started_on").union(before.select("started_on")), "t.started_on")
            lake.upsert(PREDICTIONS, newest.select(*PREDICTIONS.column_names), within=within)
            self.scored += count[0]
            self.buyers += count[1]


def _days(rows: DataFrame, column: str) -> str:
    """A condition on a column that holds for the days on which these rows' sessions began."""
    return Days.of(rows, "started_on").hold(column)


def unscored(examples: DataFrame, current: DataFrame, version: Version) -> DataFrame:
    """The newest cutoff of each session that has no score by the version on the features of today.

    A session that has bought or is closed keeps any score that it has.
    """
    newest = (
        examples.withColumn("_place", F.row_number().over(Window.partitionBy(*SESSION).orderBy(F.desc("cut"))))
        .where(F.col("_place") == 1)
        .select(
            *SESSION, "cut", *_features(), "is_over", "started_on", "cut_at", features_hash().alias("features_hash")
        )
    )
    same_features = (F.col("cut") == F.col("_cut")) & (F.col("features_hash") == F.col("_hash"))
    scored = current.select(
        *(F.col(name).alias(f"_{name}") for name in SESSION),
        F.col("cut").alias("_cut"),
        F.col("features_hash").alias("_hash"),
        (F.col("model_version") == version.number).alias("_by_version"),
    )
    same_session = [F.col(name) == F.col(f"_{name}") for name in SESSION]
    is_current = F.col("is_over") | (F.col("_by_version") & same_features)
    return newest.join(scored, [*same_session, is_current], "left_anti").drop("is_over")


def features_hash() -> Column:
    """A hash of the features of a row of gold.training_examples; a score keeps the one it was given on."""
    return F.xxhash64(*(F.coalesce(F.col(name).cast("STRING"), F.lit("")) for name in ("cut_at", *_features())))


def _features() -> list[str]:
    return [column.name for column in FEATURES]


def with_predictions(
    model: PipelineModel, paths: Sequence[tuple[int, ...]], version: Version, rows: DataFrame, at: datetime
) -> DataFrame:
    """The rows with their predictions, as gold.prediction_log and gold.session_predictions hold them."""
    predicted = predict_with_path(model, paths, IN_SESSION, rows)
    return predicted.drop(*_features()).withColumns(
        {
            "question": F.lit(IN_SESSION.name),
            "model_name": F.lit(IN_SESSION.model),
            "model_version": F.lit(version.number),
            "threshold": F.lit(version.threshold),
            "prediction": F.col("probability") >= F.lit(version.threshold),
            "scored_at": F.lit(at),
        }
    )
