"""Compare logged predictions of a version with the outcomes of closed sessions: metrics, drift and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from gold.model_metrics import TABLE as METRICS
from gold.sessions import TABLE as SESSIONS
from gold.shared.timeline import SESSION
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.storage import spark_schema
from pipelines.ml.bootstrap import intervals, user_numbers
from pipelines.ml.drift import CLOCK, PROBABILITY, population_stability_index
from pipelines.ml.metrics import measure
from pipelines.ml.model_version import Version
from pipelines.ml.registry import Registry
from pipelines.ml.targets import IN_SESSION, PredictionTarget
from pipelines.runtime.job import Job
from pipelines.runtime.settings import ModelSettings
from pipelines.runtime.table_damage import writing_noted

if TYPE_CHECKING:
    import pandas as pd

MIN_IMPORTANCE = 0.02
"""The least importance of a feature whose drift is watched."""

MIN_DRIFT_SESSIONS = 200
"""Of fewer sessions a drift is no warning: the index has ten groups, and twenty rows in each tell little."""

_MAX_SAMPLED_ROWS = 20_000
_METRICS = (
    *("precision", "recall", "f1", "brier", "calibration_error"),
    *("average_precision", "roc_auc", "top_decile_lift"),
)


@dataclass(frozen=True)
class Outcome:
    """The metrics of one version over the newest days, their intervals, its drift and, for the champion, warnings.

    Only the newest days count: a model that has become bad lately would look good for long beside all
    that it once got right.
    """

    model_name: str
    model_version: str
    is_champion: bool
    days: int
    sessions: int
    scores: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    drift: Mapping[str, float]
    warnings: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The outcome as ``evaluate --json`` prints it; its keys are an interface."""
        return {
            "model_version": self.model_version,
            "is_champion": self.is_champion,
            "days": self.days,
            "sessions": self.sessions,
            "scores": self.scores,
            "metrics": self.metrics,
            "intervals": self.intervals,
            "drift": self.drift,
            "trouble": self.warnings,
            "model_name": self.model_name,
        }


def join_outcomes(job: Job, logged: DataFrame, version: Version, target: PredictionTarget) -> pd.DataFrame | None:
    """The logged predictions of one version whose outcome is known and that it has not learnt from; None without one.

    One that was given when the outcome was known does not count: it may come from a model that learnt from it.
    """
    newest = Window.partitionBy(*SESSION, "cut").orderBy(F.desc("scored_at"), "features_hash")
    predictions = (
        logged.where(F.col("model_version") == version.number)
        .withColumn("_place", F.row_number().over(newest))
        .where("_place = 1")
        .select(*SESSION, "cut", "started_on", PROBABILITY.name, "scored_at")
    )
    rows = predictions.join(_known(job, target), list(SESSION)).where(
        (F.col("scored_at") < F.col("_known_at"))
        & (F.col("started_at") >= F.lit(version.unseen_from).cast("TIMESTAMP"))
    )
    frame: pd.DataFrame = rows.select(*SESSION, "cut", "started_on", PROBABILITY.name, "bought").toPandas()
    return frame.sort_values([*SESSION, "cut"]) if len(frame) else None


def _known(job: Job, target: PredictionTarget) -> DataFrame:
    """Of each session whose outcome is known: ``bought``, ``_known_at`` and when it began."""
    if target == IN_SESSION:
        # A score that was given when the session was over stands at its last cutoff, which tells how it ended.
        closed = job.lake.read(SESSIONS).where("is_closed AND NOT is_suspect")
        return closed.select(*SESSION, "bought", "started_at", F.col("closes_at").alias("_known_at"))
    answered = job.lake.read(EXAMPLES).where(F.col(target.label).isNotNull())
    known = (F.col(target.label).alias("bought"), F.col(target.known_at).alias("_known_at"))
    return answered.select(*SESSION, "started_at", *known).distinct()


def evaluate_version(
    job: Job, registry: Registry, version: Version, rows: pd.DataFrame, *, is_champion: bool
) -> Outcome:
    """Evaluates a version on its joined predictions, and keeps the metrics of each day in gold.model_metrics."""
    profile = registry.profile(version)
    columns, importances = profile["columns"], profile["importances"]
    known = {name: share for name, share in importances.items() if name in EXAMPLES.column_names and name not in CLOCK}
    watched = [name for name, share in known.items() if share >= MIN_IMPORTANCE] or [*known][:1]
    sample = _with_features(job, rows, watched)
    profiles = {name: columns[name] for name in (PROBABILITY.name, *watched)}

    def drift(some: pd.DataFrame) -> dict[str, float]:
        days = some["started_on"].unique()
        return population_stability_index(profiles, sample[sample["started_on"].isin(days)])

    def metrics(some: pd.DataFrame) -> dict[str, float]:
        return measure(some["bought"].to_numpy(bool), some[PROBABILITY.name].to_numpy(), version.threshold)

    now = datetime.now(UTC)
    upsert_metrics(
        job,
        [
            _metrics_row(registry, version, day, some, metrics(some), drift(some), now)
            for day, some in rows.groupby("started_on")
        ],
    )
    limits = job.settings.model
    newest = rows[rows["started_on"] > rows["started_on"].max() - timedelta(days=limits.warn_days)]
    users = user_numbers(newest["user_id"])
    labels, probabilities = newest["bought"].to_numpy(bool), newest[PROBABILITY.name].to_numpy()
    spread = intervals(labels, probabilities, users, limits.seed)
    measured, drifted = metrics(newest), drift(newest)
    days, sessions = newest["started_on"].nunique(), len(newest.drop_duplicates(list(SESSION)))
    is_watched = is_champion and sessions >= limits.min_sessions
    # A few sessions that were scored once, at whatever cutoff, are unlike the rows of all cutoffs by that alone.
    moved = drifted if sessions >= MIN_DRIFT_SESSIONS else dict.fromkeys(drifted, 0.0)
    warnings = _warnings(registry, version, limits, measured, spread, moved) if is_watched else ()
    return Outcome(
        registry.model, version.number, is_champion, days, sessions, len(newest), measured, spread, drifted, warnings
    )


def _with_features(job: Job, rows: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """A sample of the rows, with these of their features."""
    sample = rows.sample(min(len(rows), _MAX_SAMPLED_ROWS), random_state=1)
    names = [name for name in features if name not in EXAMPLES.key]
    keys = job.spark.createDataFrame(sample[[*EXAMPLES.key]])
    examples = job.lake.read(EXAMPLES).select(*EXAMPLES.key, *names).join(keys, list(EXAMPLES.key))
    frame: pd.DataFrame = examples.toPandas()
    return frame.merge(sample, on=[*EXAMPLES.key])


def _metrics_row(
    registry: Registry,
    version: Version,
    day: Any,
    rows: pd.DataFrame,
    metrics: Mapping[str, float],
    drift: Mapping[str, float],
    now: datetime,
) -> dict[str, Any]:
    """A row of gold.model_metrics."""
    features = {name: index for name, index in drift.items() if name != PROBABILITY.name}
    most_drifted = max(features, key=lambda name: features[name])
    return {
        "model_name": registry.model,
        "model_version": version.number,
        "started_on": day,
        "sessions": len(rows.drop_duplicates(list(SESSION))),
        "scores": len(rows),
        "buying_share": metrics["prevalence"],
        **{name: metrics.get(name) for name in _METRICS},
        "test_average_precision": float(tested) if (tested := version.tags.get("average_precision")) else None,
        "score_drift": drift[PROBABILITY.name],
        "feature_drift": features[most_drifted],
        "drifted_feature": most_drifted,
        "evaluated_at": now,
    }


def upsert_metrics(job: Job, records: list[dict[str, Any]]) -> None:
    """Upserts rows of gold.model_metrics; a day whose metrics are unchanged keeps its row and its ``evaluated_at``."""
    schema = spark_schema(METRICS)
    values = [tuple(record[name] for name in METRICS.column_names) for record in records]
    rows = job.spark.createDataFrame(values, schema)
    compared = [name for name in METRICS.column_names if name != "evaluated_at"]
    with job.lake.writing(METRICS), writing_noted(job.settings, METRICS):
        current = job.lake.read(METRICS).select(*compared)
        matches = [rows[name].eqNullSafe(current[name]) for name in compared]
        new = rows.join(current, matches, "left_anti").localCheckpoint()
        if not new.isEmpty():
            job.lake.upsert(METRICS, new)


def _warnings(
    registry: Registry,
    version: Version,
    limits: ModelSettings,
    metrics: Mapping[str, float],
    spread: Mapping[str, tuple[float, float]],
    drift: Mapping[str, float],
) -> tuple[str, ...]:
    """A sentence for each limit that is passed by more than chance explains."""
    warnings = []
    of = "" if registry.target == IN_SESSION else f" of {registry.model}"
    champion = f"Version {version.number}{of}, which is live,"
    trained = float(version.tags.get("average_precision", 0))
    if "average_precision" in spread and spread["average_precision"][1] < limits.warn_precision * trained:
        warnings.append(
            f"{champion} ranks worse than it did: average precision {metrics['average_precision']:.3f} now, "
            f"{trained:.3f} on its test period."
        )
    error = metrics["calibration_error"]
    # Where nobody buys any more there is no ranking, and no interval.
    if spread.get("calibration_error", (error, error))[0] > limits.warn_calibration:
        warnings.append(f"{champion} has a calibration error of {error:.3f}.")
    if drift[PROBABILITY.name] > limits.warn_drift:
        warnings.append(f"{champion} gives other scores than on its training rows (PSI {drift[PROBABILITY.name]:.2f}).")
    features = {name: index for name, index in drift.items() if name != PROBABILITY.name and index > limits.warn_drift}
    if features:
        most = max(features, key=lambda name: features[name])
        warnings.append(
            f"{champion} meets sessions unlike its training rows, most in {most} (PSI {features[most]:.2f})."
        )
    return tuple(warnings)
