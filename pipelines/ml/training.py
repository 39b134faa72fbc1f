"""Fit a decision tree and its baselines, and register the tree: the challenger goes live if it beats the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lakehouse.errors import LakehouseError
from lakehouse.parallel import side_by_side
from pipelines.ml.evaluation import compare_models
from pipelines.ml.model import Encoding, TreeShape, fit_logistic, fit_tree, learn_encoding
from pipelines.ml.model_version import Version
from pipelines.ml.promotion import Decision, decide, decide_first, promote
from pipelines.ml.registry import ModelFilesError, Registry
from pipelines.ml.split import TRAIN
from pipelines.ml.training_data import TrainingData
from pipelines.ml.training_record import TrainingRecord
from pipelines.runtime.console import ReportProgress
from pipelines.runtime.settings import ModelSettings

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel


@dataclass(frozen=True)
class Fitted:
    """A tree that is fitted, the encoding of its inputs, its shape, and the baselines that it has to beat."""

    model: PipelineModel
    encoding: Encoding
    shape: TreeShape
    baselines: Mapping[str, PipelineModel]


def fit(data: TrainingData, settings: ModelSettings, *, search: bool, report_progress: ReportProgress) -> Fitted:
    """Fits a tree and its baselines on the training part; ``search`` looks for the tree's best shape first."""
    train = data.part(TRAIN)
    encoding = learn_encoding(train, data.target, settings)
    shape = TreeShape(settings.max_depth, settings.rows_per_leaf, settings.impurity)
    if search:
        from pipelines.ml.search import search_shape

        shape = search_shape(
            train,
            encoding,
            settings,
            lambda fitted, total: report_progress(f"searching: {total} trees", fitted / total),
        )
    report_progress("fitting the tree and the baselines")
    # Each fit is dozens of small queries, one after the other: most of their time is planning in one thread.
    model, one_rule, logistic = side_by_side(
        train.sparkSession,
        partial(fit_tree, train, encoding, shape, seed=settings.seed),
        partial(fit_tree, train, encoding, replace(shape, max_depth=1), seed=settings.seed),
        partial(fit_logistic, train, encoding, settings.logistic_regularization),
    )
    return Fitted(model, encoding, shape, {"one_rule": one_rule, "logistic_regression": logistic})


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


def register(registry: Registry, record: TrainingRecord, settings: ModelSettings) -> TrainingResult:
    """Registers a trained model, and makes it the champion if it beats the one that is."""
    with registry.alone():
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
        return decide_first(evaluation.metrics["average_precision"], evaluation.baselines)
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
        first = decide_first(evaluation.metrics["average_precision"], evaluation.baselines)
        return replace(first, reason=f"{error.message} {first.reason}")
    except LakehouseError as error:
        return Decision(False, f"It is not live: it cannot be compared with version {champion.number}. {error}")
    return decide(comparison, champion)
