"""Compare logged predictions with the outcomes of closed sessions, to warn where the champion is no longer good."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from rich.table import Table as Grid

from gold.model_metrics import TABLE as METRICS
from gold.prediction_log import TABLE as LOG
from lakehouse.errors import DataError
from pipelines.ml.drift import PROBABILITY
from pipelines.ml.model_version import no_champion
from pipelines.ml.registry import open_registry
from pipelines.ml.store import has_store
from pipelines.ml.targets import IN_SESSION, NEXT_SESSION, TARGETS
from pipelines.ml.version_list import list_versions
from pipelines.query.delta_reader import open_sql, opened
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from pipelines.ml.outcomes import Outcome
    from pipelines.runtime.job import Job

_OUTCOMES = """
    SELECT 1 FROM gold.prediction_log AS log JOIN gold.sessions AS session USING (user_id, session_id)
    WHERE log.model_name = ? AND log.model_version = ? AND session.started_at >= ?::TIMESTAMPTZ
        AND log.scored_at < session.closes_at AND session.is_closed AND NOT session.is_suspect
    LIMIT 1
"""

_NEXT_OUTCOMES = """
    SELECT 1 FROM gold.prediction_log AS log JOIN gold.training_examples AS row USING (user_id, session_id)
    WHERE log.model_name = ? AND log.model_version = ? AND row.started_at >= ?::TIMESTAMPTZ
        AND log.scored_at < row.bought_next_known_at AND row.bought_next IS NOT NULL
    LIMIT 1
"""


def evaluate(as_json: AsJson = False) -> None:
    """Compare logged predictions with what then happened; fails where the champion is no longer good."""
    began = time.monotonic()
    settings = load_settings()
    check_has_predictions(settings)
    outcomes = _evaluated(settings) if may_have_outcomes(settings) else []
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        print_json({"job": "evaluate", "seconds": seconds, "versions": [outcome.document() for outcome in outcomes]})
    else:
        print_outcomes(outcomes)
    warnings = [warning for outcome in outcomes for warning in outcome.warnings]
    if warnings:
        raise DataError(" ".join(warnings), "Run `clickstream train`: it learns from the newest sessions.")


def _evaluated(settings: Settings) -> list[Outcome]:
    from pipelines.runtime.job import open_job

    with err.status("evaluate"):
        return run_evaluate(open_job("evaluate", settings))


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """The metrics of each version, a line each; a sentence where nothing has turned out yet."""
    if not outcomes:
        out.print(
            "No session is closed yet that a version scored while it was open and has not learnt from: "
            "there is nothing to evaluate."
        )
        return
    names = ("average_precision", "roc_auc", "precision", "recall", "calibration_error", "top_decile_lift")
    titles = ("version", "days", "sessions", "scores", *(name.replace("_", " ") for name in names), "score drift")
    grid = Grid(*titles, box=None, padding=(0, 2))
    for outcome in outcomes:
        metrics = (f"{outcome.metrics[name]:.3f}" if name in outcome.metrics else "-" for name in names)
        live = " (live)" if outcome.is_champion else ""
        of = "" if outcome.model_name == IN_SESSION.model else f" of {outcome.model_name}"
        counts = (f"{outcome.days:,}", f"{outcome.sessions:,}", f"{outcome.scores:,}")
        grid.add_row(outcome.model_version + of + live, *counts, *metrics, f"{outcome.drift[PROBABILITY.name]:.3f}")
    out.print(grid)


def check_has_predictions(settings: Settings) -> None:
    """Raises DataError where there is no model, or nothing was ever scored; starts no Spark to tell."""
    if not has_store(settings):
        raise no_champion(IN_SESSION)
    # A lake elsewhere is Spark's to read: delta-rs may not have the keys to it.
    if "://" not in settings.lake_root and opened(LOG, settings.lake_root) is None:
        raise _nothing_scored()


def may_have_outcomes(settings: Settings) -> bool:
    """Whether a session is closed that a version scored while it was open and has not learnt from.

    It starts no Spark to tell; of a lake that is no folder it says yes.
    """
    if "://" in settings.lake_root:
        return True
    asked = [
        (query, [target.model, version.number, version.unseen_from])
        for target, query in ((IN_SESSION, _OUTCOMES), (NEXT_SESSION, _NEXT_OUTCOMES))
        for version in list_versions(settings, target)
    ]
    with closing(open_sql(settings)) as lake:
        return any(lake.execute(query, values).fetchone() for query, values in asked)


def _nothing_scored() -> DataError:
    return DataError("Nothing was ever scored.", "Run `clickstream score` first.")


def run_evaluate(job: Job) -> list[Outcome]:
    """Adds to gold.model_metrics what has become known of each version of both models; the newest of each comes first.

    A version is evaluated on closed sessions that it scored while they were open, and that began in
    its test period or later: it has learnt from none of them. It is idempotent: a second run writes
    nothing unless something new is known.

    Raises DataError where nothing was ever scored.
    """
    from pyspark.sql import functions as F

    from pipelines.ml.outcomes import evaluate_version, join_outcomes

    registries = {target.model: open_registry(job.settings, target) for target in TARGETS.values()}
    if not job.lake.exists(LOG):
        raise _nothing_scored()
    job.lake.ensure(METRICS)
    log, outcomes = job.lake.read(LOG), []
    scored_by = {tuple(row) for row in log.select("model_name", "model_version").distinct().collect()}
    for name, registry in registries.items():
        if name not in {model for model, _ in scored_by}:
            continue
        champion, logged = registry.champion(), log.where(F.col("model_name") == name)
        for version in registry.versions():
            if (name, version.number) in scored_by:
                rows = join_outcomes(job, logged, version, registry.target)
                if rows is not None:
                    outcomes.append(evaluate_version(job, registry, version, rows, is_champion=version == champion))
    return outcomes


if __name__ == "__main__":
    call(evaluate)
