"""Training: a decision tree on sessions with an answer, judged on a later period, live if it beats the champion."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count, product
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DataError, LakehouseError, OutsideError
from pipelines.ml import explanation as tree_words
from pipelines.ml import model as models
from pipelines.ml import plots as figures
from pipelines.ml import promotion
from pipelines.ml.drift import CLOCK, PROBABILITY, profile
from pipelines.ml.evaluation import (
    Comparison,
    best_threshold,
    compare,
    intervals,
    measure,
    measure_by_cut,
    numbered,
)
from pipelines.ml.model import Encoding, Shape
from pipelines.ml.promotion import Decision
from pipelines.ml.registry import ANSWERS, IMPORTANCES, PROFILE, RULES, Record, Registry, Version
from pipelines.ml.targets import IN_SESSION, QUESTIONS, Question, QuestionName
from pipelines.ml.training_data import TEST, TRAIN, TrainingData, training_data
from pipelines.runtime.console import ReportProgress, call, out, print_json, progress_bar
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

AskedQuestion = Annotated[QuestionName, typer.Option("--question", help="What the model answers.")]

ROWS_PER_LEAF, IMPURITY = 20, "gini"
"""How trees grow where nothing is searched."""

DEPTHS, LEAVES, IMPURITIES = (4, 6, 8, 10), (20, 100), ("gini", "entropy")
"""What a search tries, each with each: depths, rows per leaf, impurities."""

FEW_SESSIONS = 1_000
"""Below, the figures of a training say little."""

DIFFERS = 0.75
"""From which ROC AUC on a classifier that tells the test period from the training period is worth a sentence."""

_MOST_PROFILED = 20_000


@dataclass(frozen=True)
class TrainingResult:
    """What a training made, whether it is live and why, and what it is worth on the test period.

    ``metrics`` are the tree's, ``intervals`` their 95 % intervals by bootstrap over users, ``baselines``
    those of what it has to beat (all_negative, one_rule, logistic_regression). ``decided_by`` are the
    figures that decided whether it is live. ``periods_auc`` is how well
    a classifier tells the test period from the training period (0.5: not at all), ``notes`` what a
    person should know before believing the rest.
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
    shape: Mapping[str, Any]
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    metrics_by_cut: Mapping[int, Mapping[str, float]]
    baselines: Mapping[str, Mapping[str, float]]
    champion_version: str | None
    decided_by: Mapping[str, float]
    periods_auc: float
    importances: Mapping[str, float]
    rules: str
    notes: Sequence[str]


@dataclass(frozen=True)
class Answers:
    """What is known of the rows of a part, and what a model says of them: arrays of the same length.

    ``users`` numbers the rows' users from 0.
    """

    labels: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    cuts: NDArray[np.int32]
    users: NDArray[np.int64]


def train(
    question: AskedQuestion = QuestionName.in_session,
    max_depth: Annotated[int | None, typer.Option(min=1, max=30, help="Of the tree; else the settings'.")] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Try depths, leaf sizes and impurities on parts of the training users.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Of the tree; else the settings'.")] = None,
    where: Annotated[
        str, typer.Option(help="Learn from and judge by only rows for which this SQL condition holds.")
    ] = "true",
    as_json: AsJson = False,
) -> None:
    """Train a decision tree on sessions whose answer is known; it goes live if it beats the one that is."""
    began = time.monotonic()
    with progress_bar("train") as say:
        result = run_train(
            open_job("train"),
            question=QUESTIONS[question.value],
            max_depth=max_depth,
            search=search,
            seed=seed,
            where=where,
            say=say,
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
    low, high = result.intervals.get("average_precision", (0.0, 1.0))
    out.print(f"  The tree's average precision lies between {low:.3f} and {high:.3f} (95 %, users drawn anew).")
    for note in result.notes:
        out.print(f"  {note}")


def run_train(
    job: Job,
    *,
    question: Question = IN_SESSION,
    max_depth: int | None = None,
    search: bool = False,
    seed: int | None = None,
    where: str = "true",
    say: ReportProgress = lambda *_: None,
) -> TrainingResult:
    """Trains, judges and registers a model, and makes it the champion if it beats the one that is.

    Raises DataError, with nothing registered, where there is too little to learn from or to judge by.
    """
    settings = job.settings.model
    seed = settings.seed if seed is None else seed
    say("reading the sessions whose answer is known")
    with training_data(job, question, where) as data:
        learnt = data.part(TRAIN)
        encoding = models.learn_encoding(learnt, question)
        shape = Shape(settings.max_depth if max_depth is None else max_depth, ROWS_PER_LEAF, IMPURITY)
        if search:
            shape = _searched(learnt, encoding, max_depth, seed, say)
        say("fitting the tree")
        model = models.fit_tree(learnt, encoding, shape, seed=seed)
        say("fitting what it has to beat")
        rivals = {
            "one_rule": models.fit_tree(learnt, encoding, replace(shape, max_depth=1), seed=seed),
            "logistic_regression": models.fit_logistic(learnt, encoding),
        }
        say("judging it on the test period")
        verdict = _judge(model, rivals, data, settings.missed_buyer_costs, seed)
        models.set_threshold(model, verdict.threshold)
        periods_auc, telling = _periods_differ(data, encoding, seed)
        tree = tree_words.read_tree(model, question)
        importances, rules = tree_words.importances(model, question), tree_words.rules(tree, question)
        validation_from, test_from = data.periods.texts()
        params = {
            "question": question.name,
            **asdict(shape),
            "seed": seed,
            "where": where,
            "searched": search,
            "most_categories": models.MOST_CATEGORIES,
            "missed_buyer_costs": settings.missed_buyer_costs,
            "threshold": verdict.threshold,
            "threshold_chosen_on": data.tuned_on,
            "validation_from": validation_from,
            "test_from": test_from,
            "first_session": data.spans[0],
            "last_session": data.spans[1],
            **{f"{part}_sessions": count for part, count in data.sessions.items()},
        }
        record = Record(
            params=params,
            metrics={**verdict.flat(), "periods/roc_auc": periods_auc},
            tags={
                "question": question.name,
                "table": EXAMPLES.name,
                "table_version": str(data.version),
                "table_digest": data.digest,
                "test_from": test_from,
                "average_precision": f"{verdict.metrics['average_precision']:.6f}",
            },
            texts={
                RULES: rules,
                IMPORTANCES: _csv(importances),
                ANSWERS: _counted(verdict.tested),
                PROFILE: json.dumps({"columns": _profile(model, data), "importances": importances}),
            },
            figures=[
                *figures.period_figures(
                    verdict.tested.labels, verdict.tested.probabilities, verdict.threshold, verdict.by_cut
                ),
                ("importances.png", figures.importances_figure(importances)),
                ("tree.png", figures.tree_figure(tree, question)),
            ],
            threshold=verdict.threshold,
            table=EXAMPLES.name,
            table_path=job.lake.path(EXAMPLES),
            table_version=data.version,
            table_digest=data.digest,
        )
        say("registering it")
        registry = Registry(job.settings, question)
        with registry.alone():
            champion = registry.champion()
            decision = _decide(registry, champion, model, data, verdict, where, seed)
            made = registry.register(model, record)
            registry.note(made, reason=decision.reason, **{f"decided_{k}": v for k, v in decision.figures.items()})
            if decision.promoted:
                registry.promote(made, decision.reason)
    return TrainingResult(
        model_name=question.model,
        model_version=made.number,
        run_id=made.run_id,
        promoted=decision.promoted,
        reason=decision.reason,
        threshold=verdict.threshold,
        validation_from=validation_from,
        test_from=test_from,
        sessions=data.sessions,
        shape=asdict(shape),
        metrics=verdict.metrics,
        intervals=verdict.intervals,
        metrics_by_cut=verdict.by_cut,
        baselines=verdict.baselines,
        champion_version=champion.number if champion else None,
        decided_by=decision.figures,
        periods_auc=periods_auc,
        importances=importances,
        rules=rules,
        notes=_notes(data, periods_auc, telling),
    )


def _searched(learnt: DataFrame, encoding: Encoding, max_depth: int | None, seed: int, say: ReportProgress) -> Shape:
    """The best of the shapes that a search tries; of one depth alone where that is asked for."""
    depths = DEPTHS if max_depth is None else (max_depth,)
    shapes = [Shape(*one) for one in product(depths, LEAVES, IMPURITIES)]
    total = len(shapes) * models.FOLDS
    done = count(1)
    say(f"searching: {total} trees", 0.0)
    return models.search_shape(
        learnt,
        encoding,
        shapes,
        seed=seed,
        tick=lambda: say(f"searching: {total} trees", next(done) / total),
    )


@dataclass(frozen=True)
class _Verdict:
    """What a model is worth on the test period, and what the baselines are."""

    threshold: float
    tested: Answers
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    by_cut: Mapping[int, Mapping[str, float]]
    baselines: Mapping[str, Mapping[str, float]]

    def flat(self) -> dict[str, float]:
        """All of it by names that the MLflow UI groups."""
        groups = {"test": self.metrics, **{f"cut_{cut:02}": one for cut, one in self.by_cut.items()}, **self.baselines}
        flat = {f"{group}/{name}": value for group, one in groups.items() for name, value in one.items()}
        for name, (low, high) in self.intervals.items():
            flat |= {f"test/{name}_low": low, f"test/{name}_high": high}
        return flat


def _judge(
    model: PipelineModel, rivals: Mapping[str, PipelineModel], data: TrainingData, costs: float, seed: int
) -> _Verdict:
    threshold, tested = _answers(model, data, costs)
    baselines = {"all_negative": measure(tested.labels, 0.0 * tested.probabilities, 0.5)}
    for name, rival in rivals.items():
        own, theirs = _answers(rival, data, costs)
        baselines[name] = measure(theirs.labels, theirs.probabilities, own)
    return _Verdict(
        threshold,
        tested,
        measure(tested.labels, tested.probabilities, threshold),
        intervals(tested.labels, tested.probabilities, tested.users, seed),
        measure_by_cut(tested.labels, tested.probabilities, tested.cuts, threshold),
        baselines,
    )


def _answers(model: PipelineModel, data: TrainingData, costs: float) -> tuple[float, Answers]:
    """The threshold chosen for a model, and what it says of the test period."""
    tuning = answers(model, data, data.tuned_on)
    return best_threshold(tuning.labels, tuning.probabilities, costs), answers(model, data, TEST)


def answers(model: PipelineModel, data: TrainingData, part: str, since: str = "") -> Answers:
    """What a model says of the rows of a part: short columns, so they fit the driver.

    Where ``since`` is given, an instant as ISO 8601, only of sessions that began then or later.
    """
    from pyspark.sql import functions as F

    rows = data.part(part)
    if since:
        rows = rows.where(F.col("started_at") >= F.lit(since).cast("TIMESTAMP"))
    rows = models.with_probability(model, rows)
    rows = rows.selectExpr(f"`{data.question.label}` AS label", "probability", *EXAMPLES.key)
    # In one order, whatever the partitions: models are compared row by row, and on the same draws of users.
    found: pd.DataFrame = rows.toPandas()
    found = found.sort_values([*EXAMPLES.key])
    labels, probabilities = found["label"].to_numpy(bool), found["probability"].to_numpy()
    return Answers(labels, probabilities, found["cut"].to_numpy(), numbered(found["user_id"]))


def _decide(
    registry: Registry,
    champion: Version | None,
    model: PipelineModel,
    data: TrainingData,
    verdict: _Verdict,
    where: str,
    seed: int,
) -> Decision:
    if champion is None:
        return promotion.decide_first(verdict.metrics["average_precision"], verdict.baselines)
    if where != "true":
        return Decision(
            False,
            f"It is not live: it was judged on some rows (--where), and version {champion.number} answers for all.",
        )
    try:
        found, _ = compared(model, registry.load(champion), data, champion.judged_from, seed)
    except LakehouseError as error:
        return Decision(False, f"It is not live, for it cannot be compared with version {champion.number}. {error}")
    return promotion.decide(found, champion)


def compared(
    one: PipelineModel, other: PipelineModel, data: TrainingData, since: str, seed: int
) -> tuple[Comparison, int]:
    """Two models on the same rows of the test period, and how many those are.

    ``since`` is from when on sessions are ones that neither has learnt from. Raises DataError where
    those have not both answers, OutsideError where a model does not take the features of today.
    """
    from pyspark.errors import AnalysisException, IllegalArgumentException

    try:
        first, second = (answers(model, data, TEST, since) for model in (one, other))
    except (AnalysisException, IllegalArgumentException) as error:
        raise OutsideError(
            "A version cannot score today's features.",
            "Let `clickstream models promote` make one live that was trained on them.",
        ) from error
    if first.labels.all() or not first.labels.any():
        raise DataError(
            f"The {len(first.labels):,} rows of the test period that neither version has learnt from "
            "do not have both answers.",
            "Let more visits come in, run `clickstream aggregate`, and try again.",
        )
    found = compare(first.labels, first.probabilities, second.probabilities, first.users, seed)
    return found, len(first.labels)


def _periods_differ(data: TrainingData, encoding: Encoding, seed: int) -> tuple[float, str]:
    """How well a tree tells test rows from training rows of users that it has not seen, and by what most."""
    from pyspark.sql import functions as F
    from sklearn.metrics import roc_auc_score

    # The hour and the day say when a row is from, not what visits are like.
    numbers = tuple(one for one in encoding.question.numbers if one.name not in CLOCK)
    question = replace(encoding.question, label="_is_test", numbers=numbers)
    rows = data.part(TRAIN, TEST).withColumn("_is_test", F.col("part") == TEST)
    is_learnt = F.pmod(F.xxhash64("user_id", F.lit(seed)), F.lit(2)) == 0
    if rows.select(is_learnt).distinct().count() < 2:  # noqa: PLR2004 - of one user, perhaps
        return 0.5, ""
    model = models.fit_tree(
        rows.where(is_learnt), replace(encoding, question=question), Shape(4, ROWS_PER_LEAF, IMPURITY), seed=seed
    )
    told: pd.DataFrame = (
        models.with_probability(model, rows.where(~is_learnt)).select("_is_test", "probability").toPandas()
    )
    both = told["_is_test"].any() and not told["_is_test"].all()
    auc = float(roc_auc_score(told["_is_test"], told["probability"])) if both else 0.5
    return auc, next(iter(tree_words.importances(model, question)))


def _notes(data: TrainingData, periods_auc: float, telling: str) -> list[str]:
    notes = []
    sessions = sum(data.sessions.values())
    if sessions < FEW_SESSIONS:
        notes.append(
            f"Made of {sessions:,} sessions, too few to trust the figures: from {FEW_SESSIONS:,} on they say something."
        )
    if data.tuned_on == TRAIN:
        notes.append("All answers of the validation period are the same, so the threshold was chosen on training rows.")
    if periods_auc > DIFFERS:
        notes.append(
            f"The test period differs from the training period, most in {telling} "
            f"(a classifier tells them apart with ROC AUC {periods_auc:.2f}): expect less of the figures to last."
        )
    return notes


def _profile(model: PipelineModel, data: TrainingData) -> dict[str, Any]:
    """What the inputs and the scores of the training rows look like; of so many rows at most, by their hash."""
    from pyspark.sql import functions as F

    rows = models.with_probability(model, data.part(TRAIN)).orderBy(F.xxhash64(*EXAMPLES.key)).limit(_MOST_PROFILED)
    return profile(rows.toPandas(), [*data.question.inputs, PROBABILITY])


def _csv(importances: Mapping[str, float]) -> str:
    return "feature,importance\n" + "".join(f"{name},{value:.6f}\n" for name, value in importances.items())


def _counted(tested: Answers) -> str:
    """How many rows, and buyers, got which probability: curves and calibration follow from it, and it names nobody."""
    given, at = np.unique(tested.probabilities, return_inverse=True)
    counts = zip(given, np.bincount(at), np.bincount(at, weights=tested.labels).astype(int), strict=True)
    return "probability,rows,buyers\n" + "".join(f"{float(said)!r},{rows},{buyers}\n" for said, rows, buyers in counts)


if __name__ == "__main__":
    call(train)
