"""Fit a decision tree and its baselines, and register the tree: the challenger goes live if it beats the champion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lakehouse.errors import LakehouseError, OutsideError
from pipelines.ml.baselines import Predictor, fit_baselines
from pipelines.ml.evaluation import compare_models
from pipelines.ml.model import Encoding, TreeShape, fit_taught_tree, learn_encoding
from pipelines.ml.model_version import Version
from pipelines.ml.promotion import Decision, decide, decide_first, promote
from pipelines.ml.registry import ModelFilesError, Registry
from pipelines.ml.targets import PredictionTarget
from pipelines.ml.teacher import Teacher, learn_teacher
from pipelines.ml.training_record import TrainingRecord
from pipelines.ml.tree_inputs import session_weights
from pipelines.runtime.console import ReportProgress
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Fitted:
    """A tree that is fitted, the encoding of all inputs, its shape, its teacher, and the baselines it has to beat."""

    model: PipelineModel
    encoding: Encoding
    shape: TreeShape
    teacher: Teacher
    baselines: Mapping[str, Predictor]


def fit(
    spark: SparkSession,
    train: pd.DataFrame,
    target: PredictionTarget,
    settings: ModelSettings,
    *,
    search: bool,
    report_progress: ReportProgress,
) -> Fitted:
    """Fits a tree and its baselines on the training rows; ``search`` looks for the tree's best shape first."""
    encoding = learn_encoding(train, target, settings)
    shape = TreeShape(settings.max_depth, settings.rows_per_leaf, settings.impurity)
    if search:
        from pipelines.ml.search import search_shape

        shape = search_shape(
            train,
            encoding,
            settings,
            lambda fitted, total: report_progress(f"searching: {total} trees", fitted / total),
        )
    report_progress("learning what the tree is taught")
    teacher = learn_teacher(train, encoding, seed=settings.seed)
    report_progress("fitting the tree and the baselines")
    with ThreadPoolExecutor(1) as meanwhile:
        baselines = meanwhile.submit(fit_baselines, train, encoding, settings)
        model = fit_taught_tree(
            spark,
            train,
            teacher.probabilities,
            session_weights(train),
            teacher.encoding,
            shape,
            seed=settings.seed,
        )
        return Fitted(model, encoding, shape, teacher, baselines.result())


@dataclass(frozen=True)
class TrainingResult:
    """What a training registered, whether that is live and why, and the record of it."""

    version: Version
    champion: Version | None
    decision: Decision
    record: TrainingRecord

    def document(self) -> dict[str, Any]:
        """The result as ``train --json`` prints it; its keys are an interface."""
        record, evaluation = self.record, self.record.evaluation
        return {
            "model_name": record.data.target.model,
            "model_version": self.version.number,
            "run_id": self.version.run_id,
            "promoted": self.decision.promoted,
            "reason": self.decision.reason,
            "threshold": evaluation.threshold,
            "validation_from": record.params["validation_from"],
            "test_from": record.params["test_from"],
            "sessions": record.data.sessions,
            "shape": record.shape,
            "metrics": evaluation.metrics,
            "intervals": evaluation.intervals,
            "metrics_by_cut": evaluation.metrics_by_cutoff,
            "baselines": evaluation.baselines,
            "champion_version": self.champion.number if self.champion else None,
            "decided_by": self.decision.figures,
            "periods_auc": record.shift.roc_auc,
            "importances": record.importances,
            "rules": record.rules,
            "notes": record.notes(),
        }


class ErasedMeanwhileError(OutsideError):
    """A training has read of somebody who was erased since."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody was erased while the model was trained, so it is not registered.",
            "Run `clickstream train` again.",
        )


def register(
    registry: Registry,
    record: TrainingRecord,
    settings: ModelSettings,
    *,
    is_outdated: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Registers a trained model, and makes it the champion if it beats the one that is.

    Raises ErasedMeanwhileError where ``is_outdated``, while no erasure can end.
    """
    with registry.alone():
        if is_outdated():
            raise ErasedMeanwhileError
        champion = registry.champion()
        decision = _decide(registry, champion, record, settings)
        version = registry.register(record)
        figures = {f"decided_{name}": value for name, value in decision.figures.items()}
        registry.set_tags(version, reason=decision.reason, **figures)
        if decision.promoted:
            promote(registry, version, decision.reason)
    return TrainingResult(version, champion, decision, record)


def _decide(registry: Registry, champion: Version | None, record: TrainingRecord, settings: ModelSettings) -> Decision:
    evaluation, data = record.evaluation, record.data
    if champion is None:
        return decide_first(evaluation.comparisons, evaluation.buying_sessions)
    if data.where != "true":
        return Decision(
            False,
            "It is not live: it was evaluated on some rows (--where), "
            f"and version {champion.number} predicts for all rows.",
        )
    try:
        model = registry.load(champion)
        comparison, _ = compare_models(record.model, model, data, champion.unseen_from, settings.seed)
    except ModelFilesError as error:
        # Nothing scores with it any more, so the new version has the baselines to beat, as a first one has.
        first = decide_first(evaluation.comparisons, evaluation.buying_sessions)
        return replace(first, reason=f"{error.message} {first.reason}")
    except LakehouseError as error:
        return Decision(False, f"It is not live: it cannot be compared with version {champion.number}. {error}")
    return decide(comparison, champion)
