"""Scores held to account: what was said of sessions, and what then happened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from rich.table import Table as Grid

from gold.model_metrics import TABLE as METRICS
from gold.prediction_log import TABLE as LOG
from gold.sessions import TABLE as SESSIONS
from gold.shared.timeline import SESSION
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DataError
from lakehouse.storage import spark_schema
from pipelines.ml.drift import CLOCK, PROBABILITY, stability
from pipelines.ml.evaluation import intervals, measure, numbered
from pipelines.ml.registry import Registry, Version, open_registry
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd

GOES_BY = 0.02
"""From which importance on a feature counts as one that a model goes by."""

_MOST_LOOKED_AT = 20_000
_KEPT = ("precision", "recall", "f1", "brier", "calibration_error", "average_precision", "roc_auc", "top_decile_lift")


@dataclass(frozen=True)
class Outcome:
    """How the scores of one version turned out, over the newest days: figures, and, of the champion's, what is wrong.

    A model that has become bad lately would look good for long beside all that it once got right.
    """

    model_version: str
    is_champion: bool
    days: int
    sessions: int
    scores: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    drift: Mapping[str, float]
    trouble: tuple[str, ...]


def evaluate(as_json: AsJson = False) -> None:
    """Hold the scores that were given against what then happened; fails where the champion is no longer good."""
    began = time.monotonic()
    with err.status("evaluate"):
        outcomes = run_evaluate(open_job("evaluate"))
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        print_json({"job": "evaluate", "seconds": seconds, "versions": [asdict(one) for one in outcomes]})
    else:
        _show(outcomes)
    trouble = [sentence for one in outcomes for sentence in one.trouble]
    if trouble:
        raise DataError(" ".join(trouble), "Run `clickstream train`: it learns from the newest sessions.")


def _show(outcomes: list[Outcome]) -> None:
    if not outcomes:
        out.print(
            "No session that was scored while it was open, by a model that had not learnt from it, is closed yet: "
            "there is nothing to hold scores against."
        )
        return
    names = ("average_precision", "roc_auc", "precision", "recall", "calibration_error", "top_decile_lift")
    titles = ("version", "days", "sessions", "scores", *(name.replace("_", " ") for name in names), "score drift")
    grid = Grid(*titles, box=None, padding=(0, 2))
    for one in outcomes:
        figures = (f"{one.metrics[name]:.3f}" if name in one.metrics else "-" for name in names)
        live = " (live)" if one.is_champion else ""
        counts = (f"{one.days:,}", f"{one.sessions:,}", f"{one.scores:,}")
        grid.add_row(one.model_version + live, *counts, *figures, f"{one.drift[PROBABILITY.name]:.3f}")
    out.print(grid)


def run_evaluate(job: Job) -> list[Outcome]:
    """Fills gold.model_metrics with what has become known, version by version; the newest version first.

    A version is held against closed sessions that it scored while they were open, and that began in
    its test period or later: it has learnt from none of them. Doing it again writes nothing unless
    something new is known.

    Raises DataError where nothing was ever scored.
    """
    registry = open_registry(job.settings)
    champion = registry.champion()
    if not job.lake.exists(LOG):
        raise DataError("Nothing was ever scored.", "Run `clickstream score` first.")
    job.lake.ensure(METRICS)
    found = []
    mine = job.lake.read(LOG).where(F.col("model_name") == registry.model)
    given = {row[0] for row in mine.select("model_version").distinct().collect()}
    for version in registry.versions():
        rows = _rows(job, mine, version) if version.number in given else None
        if rows is not None:
            found.append(_outcome(job, registry, version, rows, is_champion=version == champion))
    return found


def _rows(job: Job, mine: DataFrame, version: Version) -> pd.DataFrame | None:
    """The scores of one version, of closed sessions that it has not learnt from, with what happened; None for none."""
    newest = Window.partitionBy(*SESSION, "cut").orderBy(F.desc("scored_at"), "features_hash")
    given = (
        mine.where(F.col("model_version") == version.number)
        .withColumn("_place", F.row_number().over(newest))
        .where("_place = 1")
        .select(*SESSION, "cut", "started_on", PROBABILITY.name, "scored_at")
    )
    # A score that was given when the session was over stands at its last cut, which tells how it ended.
    closed = job.lake.read(SESSIONS).where("is_closed AND NOT is_suspect")
    rows = given.join(closed.select(*SESSION, "bought", "started_at", "closes_at"), list(SESSION)).where(
        (F.col("scored_at") < F.col("closes_at"))
        & (F.col("started_at") >= F.lit(version.judged_from).cast("TIMESTAMP"))
    )
    found: pd.DataFrame = rows.select(*SESSION, "cut", "started_on", PROBABILITY.name, "bought").toPandas()
    return found.sort_values([*SESSION, "cut"]) if len(found) else None


def _outcome(job: Job, registry: Registry, version: Version, rows: pd.DataFrame, *, is_champion: bool) -> Outcome:
    profile = registry.profile(version)
    columns, importances = profile["columns"], profile["importances"]
    known = {name: share for name, share in importances.items() if name in EXAMPLES.column_names and name not in CLOCK}
    watched = [name for name, share in known.items() if share >= GOES_BY] or [*known][:1]
    looked_at = _inputs(job, rows, watched)
    compared = {name: columns[name] for name in (PROBABILITY.name, *watched)}

    def drift(some: pd.DataFrame) -> dict[str, float]:
        return stability(compared, looked_at[looked_at["started_on"].isin(some["started_on"].unique())])

    def measures(some: pd.DataFrame) -> dict[str, float]:
        return measure(some["bought"].to_numpy(bool), some[PROBABILITY.name].to_numpy(), version.threshold)

    now = datetime.now(UTC)
    records = [
        _record(registry, version, day, some, measures(some), drift(some), now)
        for day, some in rows.groupby("started_on")
    ]
    _keep(job, records)
    limits = job.settings.model
    newest = rows[rows["started_on"] > rows["started_on"].max() - timedelta(days=limits.warn_days)]
    users = numbered(newest["user_id"])
    labels, given = newest["bought"].to_numpy(bool), newest[PROBABILITY.name].to_numpy()
    spread = intervals(labels, given, users, limits.seed)
    metrics, moved = measures(newest), drift(newest)
    days, sessions = newest["started_on"].nunique(), len(newest.drop_duplicates(list(SESSION)))
    judged = is_champion and sessions >= limits.min_sessions
    trouble = _trouble(version, limits, metrics, spread, moved) if judged else ()
    return Outcome(version.number, is_champion, days, sessions, len(newest), metrics, spread, moved, trouble)


def _inputs(job: Job, rows: pd.DataFrame, watched: list[str]) -> pd.DataFrame:
    """Some of the rows, with these of their inputs: a sample."""
    some = rows.sample(min(len(rows), _MOST_LOOKED_AT), random_state=1)
    names = [name for name in watched if name not in EXAMPLES.key]
    asked = job.spark.createDataFrame(some[[*EXAMPLES.key]])
    found: pd.DataFrame = (
        job.lake.read(EXAMPLES).select(*EXAMPLES.key, *names).join(asked, list(EXAMPLES.key)).toPandas()
    )
    return found.merge(some, on=[*EXAMPLES.key])


def _record(
    registry: Registry,
    version: Version,
    day: Any,
    rows: pd.DataFrame,
    metrics: Mapping[str, float],
    drift: Mapping[str, float],
    now: datetime,
) -> dict[str, Any]:
    """A row of gold.model_metrics."""
    features = {name: one for name, one in drift.items() if name != PROBABILITY.name}
    drifted = max(features, key=lambda name: features[name])
    return {
        "model_name": registry.model,
        "model_version": version.number,
        "started_on": day,
        "sessions": len(rows.drop_duplicates(list(SESSION))),
        "scores": len(rows),
        "buying_share": metrics["prevalence"],
        **{name: metrics.get(name) for name in _KEPT},
        "score_drift": drift[PROBABILITY.name],
        "feature_drift": features[drifted],
        "drifted_feature": drifted,
        "evaluated_at": now,
    }


def _keep(job: Job, records: list[dict[str, Any]]) -> None:
    """Puts in what is new: a day whose figures are what they were keeps its row, and when it was found."""
    schema = spark_schema(METRICS)
    rows = job.spark.createDataFrame([tuple(one[name] for name in METRICS.column_names) for one in records], schema)
    same = [name for name in METRICS.column_names if name != "evaluated_at"]
    with job.lake.writing(METRICS):
        there = job.lake.read(METRICS).select(*same)
        matches = [rows[name].eqNullSafe(there[name]) for name in same]
        new = rows.join(there, matches, "left_anti").localCheckpoint()
        if not new.isEmpty():
            job.lake.merge(METRICS, new)


def _trouble(
    version: Version,
    limits: ModelSettings,
    metrics: Mapping[str, float],
    spread: Mapping[str, tuple[float, float]],
    drift: Mapping[str, float],
) -> tuple[str, ...]:
    """What has passed a limit by more than chance explains, as sentences."""
    found = []
    name = f"Version {version.number}, which is live,"
    promised = float(version.tags.get("average_precision", 0))
    if "average_precision" in spread and spread["average_precision"][1] < limits.warn_precision * promised:
        found.append(
            f"{name} ranks worse than it did: average precision {metrics['average_precision']:.3f} on what happened, "
            f"{promised:.3f} on its test period."
        )
    off = metrics["calibration_error"]
    # Where nobody buys any more there is no ranking, and no interval.
    if spread.get("calibration_error", (off, off))[0] > limits.warn_calibration:
        found.append(f"{name} gives probabilities that are off by {off:.3f} in the mean.")
    if drift[PROBABILITY.name] > limits.warn_drift:
        found.append(
            f"{name} gives other scores than on its training rows (stability index {drift['probability']:.2f})."
        )
    features = {one: value for one, value in drift.items() if one != PROBABILITY.name and value > limits.warn_drift}
    if features:
        most = max(features, key=lambda one: features[one])
        found.append(
            f"{name} meets visits unlike its training rows, most in {most} (stability index {features[most]:.2f})."
        )
    return tuple(found)


if __name__ == "__main__":
    call(evaluate)
