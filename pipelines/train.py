"""Training: a decision tree on closed sessions, judged on a later period, live only if it beats what is live."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import OutsideError
from pipelines import purchase_model as models
from pipelines.console import call, err, out, print_json
from pipelines.evaluation import best_threshold, measure, measure_by_cut
from pipelines.jobs import AsJson
from pipelines.registry import CHAMPION, MODEL, Record, Registry, Version
from pipelines.session import Job, open_job
from pipelines.training_data import TEST, TRAIN, TrainingData, training_data

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel


class Question(StrEnum):
    """What a model answers."""

    in_session = "in_session"


@dataclass(frozen=True)
class TrainingResult:
    """What a training made, whether it is live and why, and what it is worth on the test period.

    ``metrics`` are the tree's, ``baselines`` those of what it has to beat (all_negative, one_rule,
    logistic_regression), ``champion_*`` are of the version that was live before, if one was.
    """

    model_name: str
    model_version: str
    run_id: str
    promoted: bool
    reason: str
    threshold: float
    validation_from: str
    test_from: str
    sessions: Mapping[str, int]
    metrics: Mapping[str, float]
    metrics_by_cut: Mapping[int, Mapping[str, float]]
    baselines: Mapping[str, Mapping[str, float]]
    champion_version: str | None
    champion_average_precision: float | None
    importances: Mapping[str, float]
    rules: str


def train(
    question: Annotated[Question, typer.Option(help="What the model answers.")] = Question.in_session,
    max_depth: Annotated[int | None, typer.Option(min=1, max=30, help="Of the tree; else the settings'.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the tree; else the settings'.")] = None,
    where: Annotated[str, typer.Option(help="Learn only from rows for which this SQL condition holds.")] = "true",
    as_json: AsJson = False,
) -> None:
    """Train a decision tree on closed sessions; it goes live if it beats the one that is."""
    began = time.monotonic()
    with err.status("train: starting") as status:
        result = run_train(
            open_job("train"),
            question=question,
            max_depth=max_depth,
            seed=seed,
            where=where,
            say=lambda text: status.update(f"train: {text}"),
        )
    seconds = time.monotonic() - began
    if as_json:
        print_json({"job": "train", "seconds": round(seconds, 3), **asdict(result)})
        return
    out.print(f"train: {result.model_name} version {result.model_version} in {seconds:.1f} s. {result.reason}")
    for name, one in {"decision_tree": result.metrics, **result.baselines}.items():
        out.print(
            f"  {name.replace('_', ' '):20} average precision {one['average_precision']:.3f}, "
            f"ROC AUC {one['roc_auc']:.3f}, F1 of the buyers {one['f1']:.3f}, Brier {one['brier']:.3f}"
        )


def run_train(
    job: Job,
    *,
    question: Question = Question.in_session,
    max_depth: int | None = None,
    seed: int | None = None,
    where: str = "true",
    say: Callable[[str], None] = lambda _: None,
) -> TrainingResult:
    """Trains, judges and registers a model, and makes it the champion if it beats the one that is.

    Raises DataError, with nothing registered, where there is too little to learn from or to judge by.
    """
    max_depth = job.settings.model.max_depth if max_depth is None else max_depth
    seed = job.settings.model.seed if seed is None else seed
    say("reading the closed sessions")
    with training_data(job, where) as data:
        say("fitting the tree and what it has to beat")
        learnt = data.part(TRAIN)
        encoding = models.learn_encoding(learnt)
        tree = models.fit_tree(learnt, encoding, max_depth=max_depth, seed=seed)
        rivals = {
            "one_rule": models.fit_tree(learnt, encoding, max_depth=1, seed=seed),
            "logistic_regression": models.fit_logistic(learnt, encoding),
        }
        say("judging it on the test period")
        threshold, answers = _answers(tree, data)
        models.set_threshold(tree, threshold)
        labels, given, cuts = (answers[name].to_numpy() for name in ("label", "probability", "cut"))
        metrics = measure(labels, given, threshold)
        by_cut = measure_by_cut(labels, given, cuts, threshold)
        baselines = {"all_negative": measure(labels, 0.0 * labels, 0.5)}
        for name, rival in rivals.items():
            own, theirs = _answers(rival, data)
            baselines[name] = measure(theirs["label"].to_numpy(), theirs["probability"].to_numpy(), own)
        say("registering it")
        importances, rules = models.importances(tree), models.rules(tree, encoding)
        validation_from, test_from = data.periods.texts()
        record = Record(
            params={
                "question": question.value,
                "max_depth": max_depth,
                "seed": seed,
                "where": where,
                "rows_per_leaf": models.ROWS_PER_LEAF,
                "most_categories": models.MOST_CATEGORIES,
                "threshold": threshold,
                "threshold_chosen_on": data.tuned_on,
                "validation_from": validation_from,
                "test_from": test_from,
                **{f"{part}_sessions": count for part, count in data.sessions.items()},
            },
            metrics=_flat({"test": metrics, **{f"cut_{cut:02}": one for cut, one in by_cut.items()}, **baselines}),
            tags={"question": question.value, "table": EXAMPLES.name, "table_version": str(data.version)},
            rules=rules,
            importances=importances,
            threshold=threshold,
            table=EXAMPLES.name,
            table_path=job.lake.path(EXAMPLES),
            table_version=data.version,
        )
        registry = Registry(job.settings)
        with registry.alone():
            champion = registry.champion()
            to_beat = _precision_of(registry, champion, data) if champion else None
            made = registry.register(tree, record)
            promoted, reason = decide(metrics, champion, to_beat)
            if promoted:
                registry.promote(made)
    return TrainingResult(
        model_name=MODEL,
        model_version=made.number,
        run_id=made.run_id,
        promoted=promoted,
        reason=reason,
        threshold=threshold,
        validation_from=validation_from,
        test_from=test_from,
        sessions=data.sessions,
        metrics=metrics,
        metrics_by_cut=by_cut,
        baselines=baselines,
        champion_version=champion.number if champion else None,
        champion_average_precision=to_beat,
        importances=importances,
        rules=rules,
    )


def decide(metrics: Mapping[str, float], champion: Version | None, to_beat: float | None) -> tuple[bool, str]:
    """Whether a new version goes live, and why: by average precision on the test period; a tie changes nothing."""
    own = metrics["average_precision"]
    if champion is None or to_beat is None:
        chance = metrics["prevalence"]
        if own > chance:
            return True, f"It is the first {CHAMPION}: average precision {own:.3f}, where chance gives {chance:.3f}."
        return False, f"It is not live: average precision {own:.3f} does not beat chance, which gives {chance:.3f}."
    before = f"version {champion.number}, with {to_beat:.3f} on the same test period"
    if own > to_beat:
        return True, f"It is the new {CHAMPION}: average precision {own:.3f} beats {before}."
    return False, f"It is not live: average precision {own:.3f} does not beat {before}, which stays the {CHAMPION}."


def _answers(model: PipelineModel, data: TrainingData) -> tuple[float, pd.DataFrame]:
    """The threshold chosen for a model, and what it says of the test period."""
    tuning, tested = _collected(model, data, data.tuned_on), _collected(model, data, TEST)
    return best_threshold(tuning["label"].to_numpy(), tuning["probability"].to_numpy()), tested


def _collected(model: PipelineModel, data: TrainingData, part: str) -> pd.DataFrame:
    """Label, probability and cut of each row of a part: three short columns, so they fit the driver."""
    rows = models.with_probability(model, data.part(part))
    return rows.selectExpr(f"{models.LABEL} AS label", "probability", "cut").toPandas()


def _precision_of(registry: Registry, champion: Version, data: TrainingData) -> float:
    """The champion's average precision on the test period.

    Raises OutsideError where it does not take the features of today.
    """
    model = registry.load(champion)
    try:
        tested = _collected(model, data, TEST)
    except Exception as error:
        raise OutsideError(
            f"Version {champion.number}, the {CHAMPION}, cannot score today's features.",
            f"Take the alias {CHAMPION} from it in the MLflow UI (`clickstream serve mlflow`), and train again.",
        ) from error
    return measure(tested["label"].to_numpy(), tested["probability"].to_numpy(), champion.threshold)[
        "average_precision"
    ]


def _flat(measures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Measures by names that the MLflow UI groups."""
    return {f"{group}/{name}": value for group, one in measures.items() for name, value in one.items()}


if __name__ == "__main__":
    call(train)
