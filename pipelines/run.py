"""Run all jobs once, in their order: what Kafka holds becomes gold and predictions."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

import typer

from lakehouse.errors import DataError
from lakehouse.signals import stopping
from pipelines.aggregate import run_aggregate
from pipelines.ingest import run_ingest
from pipelines.ml.targets import IN_SESSION, TARGETS, PredictionTarget
from pipelines.refine import run_refine
from pipelines.runtime.console import call, err
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.stream_runner import report
from pipelines.score import report_scores, run_score
from pipelines.train import run_train

STEPS = (("ingest", run_ingest), ("refine", run_refine), ("aggregate", partial(run_aggregate, scores=False)))
"""The jobs from Kafka to gold, in their order. Scoring comes once, after them."""


def run(
    train: Annotated[bool, typer.Option("--train", help="Train the models before scoring.")] = False,
) -> None:
    """Run all jobs once: ingest, refine, aggregate and score; --train trains the models in between."""
    with stopping():
        job = open_job("run")
        run_all(job, train=train)


def run_all(job: Job, *, train: bool = False) -> None:
    """Ingest, refine, aggregate, and score if there is a model.

    Raises what the jobs raise.
    """
    with stopping() as stop:
        for name, step in STEPS:
            if not stop.is_set():
                began = time.monotonic()
                report(name, step(job), began, as_json=False)
    if stop.is_set():
        err.print("stopped; the next run goes on from here")
        return
    if train:
        for target in TARGETS.values():
            _train(job, target)
    began = time.monotonic()
    try:
        report_scores(run_score(job), time.monotonic() - began, as_json=False)
    except DataError as error:
        err.print(f"score: {error}")


def _train(job: Job, target: PredictionTarget) -> None:
    """Trains one model; where there is too little to learn from, a sentence says so."""
    try:
        reason = run_train(job, target=target).decision.reason
    except DataError as error:
        reason = str(error)
    err.print(f"train: {reason}" if target == IN_SESSION else f"train, {target.name}: {reason}")


if __name__ == "__main__":
    call(run)
