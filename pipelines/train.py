"""Train a decision tree on closed sessions and register it; it goes live if it beats the champion on a later period."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from importlib import import_module
from typing import Annotated

import typer
from pyspark import inheritable_thread_target

from gold.training_examples import TABLE as EXAMPLES
from pipelines.ml.adversarial_validation import adversarial_validation
from pipelines.ml.condition import check_condition
from pipelines.ml.evaluation import evaluate_on_test
from pipelines.ml.options import TargetOption
from pipelines.ml.prediction import set_threshold
from pipelines.ml.registry import Registry
from pipelines.ml.targets import IN_SESSION, TARGETS, PredictionTarget, TargetName
from pipelines.ml.training import ErasedMeanwhileError, TrainingResult, fit, register
from pipelines.ml.training_data import training_data, training_frame
from pipelines.ml.training_record import record_training
from pipelines.runtime.console import ReportProgress, call, out, print_json, progress_bar
from pipelines.runtime.erased_people import erasures
from pipelines.runtime.job import Job, has_few_rows, open_job
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import ModelSettings, load_settings

_ATTEMPTS = 3
"""So often it is trained where people are erased meanwhile."""


def train(
    target: TargetOption = TargetName.in_session,
    max_depth: Annotated[int | None, typer.Option(min=1, max=30, help="Of the tree; else the settings'.")] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Try depths, leaf sizes and impurities on parts of the training users.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Of the tree; else the settings'.")] = None,
    where: Annotated[
        str, typer.Option(help="Train and evaluate only on rows for which this SQL condition holds.")
    ] = "true",
    as_json: AsJson = False,
) -> None:
    """Train a decision tree on sessions whose outcome is known; it goes live if it beats the champion."""
    began = time.monotonic()
    check_condition(where, EXAMPLES)
    settings = load_settings()
    with progress_bar("train", as_json=as_json) as report_progress:
        result = run_train(
            open_job("train", settings, short=has_few_rows(settings, EXAMPLES)),
            target=TARGETS[target.value],
            max_depth=max_depth,
            search=search,
            seed=seed,
            where=where,
            report_progress=report_progress,
        )
    seconds = time.monotonic() - began
    if as_json:
        print_json({"job": "train", "seconds": round(seconds, 3), **result.document()})
    else:
        _print(result, seconds)


def _print(result: TrainingResult, seconds: float) -> None:
    record, evaluation = result.record, result.record.evaluation
    model = f"{record.data.target.model} version {result.version.number}"
    out.print(f"train: {model} in {seconds:.1f} s. {result.decision.reason}")
    for name, metrics in {"decision_tree": evaluation.metrics, **evaluation.baselines}.items():
        out.print(
            f"  {name.replace('_', ' '):20} average precision {metrics['average_precision']:.3f}, "
            f"ROC AUC {metrics['roc_auc']:.3f}, F1 of the buyers {metrics['f1']:.3f}, Brier {metrics['brier']:.3f}"
        )
    low, high = evaluation.intervals.get("average_precision", (0.0, 1.0))
    out.print(f"  The tree's average precision lies between {low:.3f} and {high:.3f} (95 %, bootstrap over users).")
    for note in record.notes():
        out.print(f"  {note}")


def run_train(
    job: Job,
    *,
    target: PredictionTarget = IN_SESSION,
    max_depth: int | None = None,
    search: bool = False,
    seed: int | None = None,
    where: str = "true",
    report_progress: ReportProgress = lambda *_: None,
) -> TrainingResult:
    """Trains, evaluates and registers a model, and makes it the champion if it beats the one that is.

    Where somebody is erased meanwhile, it is trained again. Raises DataError, with nothing registered, where there is
    too little to fit or to evaluate on; ErasedMeanwhileError where people were erased again and again.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(ErasedMeanwhileError):
            return _train_once(job, target, max_depth, seed, where, report_progress, search=search)
        job.lake.forget(EXAMPLES)
        report_progress("somebody was erased meanwhile: once more")
    return _train_once(job, target, max_depth, seed, where, report_progress, search=search)


def _train_once(
    job: Job,
    target: PredictionTarget,
    max_depth: int | None,
    seed: int | None,
    where: str,
    report_progress: ReportProgress,
    *,
    search: bool,
) -> TrainingResult:
    settings, before = _hyperparameters(job.settings.model, max_depth, seed), erasures(job.settings)
    report_progress("reading the sessions whose outcome is known")
    registry = Registry(job.settings, target)
    with ThreadPoolExecutor(1) as meanwhile, ExitStack() as resources:
        # MLflow imports polars, and scikit-learn, which asks whether its rows are of polars, must not meet half of it.
        import_module("polars")
        # Imports and a new store take Python seconds, in which it would wait for Java.
        meanwhile.submit(registry.import_mlflow)
        for module in ("sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics", "matplotlib.figure"):
            meanwhile.submit(import_module, module)
        data = resources.enter_context(training_data(job, target, where))
        opened = meanwhile.submit(registry.open)
        frame = training_frame(data, settings.seed)
        fitted = fit(job.spark, frame, target, settings, search=search, report_progress=report_progress)
        report_progress("evaluating it on the test period")
        shifted = meanwhile.submit(
            inheritable_thread_target(job.spark)(adversarial_validation), frame, data, fitted.encoding, settings
        )
        evaluation = evaluate_on_test(fitted.model, fitted.baselines, fitted.teacher.predict, data, settings)
        set_threshold(evaluation.model, evaluation.threshold)
        shift = shifted.result()
        record = record_training(fitted.shape, fitted.teacher, data, evaluation, shift, settings, searched=search)
        report_progress("registering it")
        return register(opened.result(), record, settings, is_outdated=lambda: erasures(job.settings) != before)


def _hyperparameters(settings: ModelSettings, max_depth: int | None, seed: int | None) -> ModelSettings:
    """The settings, with what the command line says in their place; a depth that is given is the only one searched."""
    given = {} if max_depth is None else {"max_depth": max_depth, "search_depths": (max_depth,)}
    return settings.model_copy(update={**given, **({} if seed is None else {"seed": seed})})


if __name__ == "__main__":
    call(train)
