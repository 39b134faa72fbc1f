"""Teach the tree: a smoother model's probabilities for the training rows, in this process.

Few sessions buy, so a tree that is grown on what happened splits by chance. The teacher is a mean of a logistic
regression and of boosted trees, of each of which there is one a fold of the training users; log loss on the users that
a model has not seen says how much the trees weigh. A row's probability is the mean of all folds' models: trees that are
taught by the one that has not seen the row's user rank worse, because one model speaks more by chance than four. The
teacher is measured beside the tree, and never scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.bootstrap import middle_95, resample_users, user_numbers
from pipelines.ml.linear_inputs import LinearInputs
from pipelines.ml.model import Encoding
from pipelines.ml.targets import PredictionTarget

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 4
"""Into so many parts the training users are divided: a model learns from all but one, and speaks of that one."""

BOOSTED_SHARES = (0.25, 0.5, 0.75, 1.0)
"""How much the boosted trees may weigh in the teacher's mean. The more rows, the more they know."""

DOUBTFUL = (("hour_of_day", "day_of_week"), ("last_category",))
"""Inputs of many values that often say nothing: a tree gets them only where they help on users not seen."""

_PENALTY = 46.0
"""The weight of the logistic regression's penalty, in rows."""

_MOST_ROWS_TO_DOUBT = 20_000
_MANY_ROWS = 20_000


@dataclass(frozen=True)
class Teacher:
    """Models that have learnt from parts of the training users, and what they say of all training rows.

    ``encoding`` has the inputs that were worth their noise, ``left_out`` the names of the others. ``probabilities`` are
    what the tree is taught, in the order of the training rows. ``boosted_share`` is the weight of the boosted trees.
    """

    encoding: Encoding
    left_out: tuple[str, ...]
    probabilities: NDArray[np.float64]
    models: tuple[tuple[LinearInputs, Any, Any], ...]
    boosted_share: float

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The mean of all models."""
        return _mean_said(self.models, rows, self.boosted_share)

    def describe(self) -> dict[str, Any]:
        """What it is made of, as MLflow keeps it; its models are not kept, because nothing scores with them."""
        return {
            "teacher": "mean of a logistic regression and boosted trees",
            "teacher_folds": len(self.models),
            "teacher_boosted_share": self.boosted_share,
            "teacher_left_out": ", ".join(self.left_out) or "nothing",
        }


def learn_teacher(train: pd.DataFrame, encoding: Encoding, *, seed: int) -> Teacher:
    """The teacher of a tree; ``train`` are the training rows, with user_id and the target's columns."""
    labels = train[encoding.target.label].to_numpy(bool)
    folds = fold_of_users(train["user_id"], FOLDS, seed)
    with one_thread():
        encoding, left_out = _worthwhile_inputs(train, encoding, labels, folds, seed)
        parts = _parts(labels, folds)

        def learn(unseen: NDArray[np.bool_]) -> tuple[LinearInputs, Any, Any]:
            with one_thread():  # OpenMP counts by the thread that asks
                inputs, matrix = LinearInputs.learn(train[~unseen], encoding)
                linear = fit_logistic(matrix, labels[~unseen], _PENALTY)
                return inputs, linear, _fit_boosted(matrix, labels[~unseen], seed)

        with ThreadPoolExecutor(2) as threads:
            models = tuple(threads.map(learn, parts))
        said = {share: np.full(len(train), labels.mean()) for share in BOOSTED_SHARES}
        for unseen, model in zip(parts, models, strict=True):
            for share, probabilities in said.items():
                probabilities[unseen] = _said(*model, train[unseen], share)
        best = min(said, key=lambda share: float(_log_loss(labels, said[share]).mean()))
        return Teacher(encoding, left_out, _mean_said(models, train, best), models, best)


def fold_of_users(users: pd.Series, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, whole users in one; the same for the same users."""
    numbers = user_numbers(users)
    order = np.random.default_rng(seed).permutation(int(numbers.max()) + 1 if len(numbers) else 0)
    return np.asarray(order[numbers] % folds)


def fit_logistic(matrix: NDArray[np.float64], labels: NDArray[np.bool_], penalty: float) -> Any:
    """A logistic regression; ``penalty`` is what a squared coefficient costs, as a multiple of a row's log loss."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1 / max(penalty, 1e-9), max_iter=500).fit(matrix, labels)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within, numeric libraries use one thread each: more would wait for each other beside Java."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def _parts(labels: NDArray[np.bool_], folds: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """The rows of each fold that the rest can be learnt for: where it has both outcomes."""
    parts = [folds == fold for fold in range(FOLDS)]
    found = [part for part in parts if part.any() and labels[~part].any() and not labels[~part].all()]
    return found or [np.zeros(len(labels), np.bool_)]


def _fit_boosted(matrix: NDArray[np.float64], labels: NDArray[np.bool_], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    are_many = len(labels) >= _MANY_ROWS
    return HistGradientBoostingClassifier(
        max_iter=200 if are_many else 80,
        learning_rate=0.05,
        max_leaf_nodes=12 if are_many else 8,
        min_samples_leaf=60 if are_many else 40,
        l2_regularization=10,
        early_stopping=False,
        random_state=seed,
    ).fit(matrix, labels)


def _said(
    inputs: LinearInputs, linear: Any, trees: Any, rows: pd.DataFrame, boosted_share: float
) -> NDArray[np.float64]:
    matrix = inputs.matrix(rows)
    by_trees, by_line = (model.predict_proba(matrix)[:, 1] for model in (trees, linear))
    return np.asarray(boosted_share * by_trees + (1 - boosted_share) * by_line)


def _mean_said(
    models: Sequence[tuple[LinearInputs, Any, Any]], rows: pd.DataFrame, boosted_share: float
) -> NDArray[np.float64]:
    return np.asarray(np.mean([_said(*model, rows, boosted_share) for model in models], axis=0))


def _worthwhile_inputs(
    train: pd.DataFrame, encoding: Encoding, labels: NDArray[np.bool_], folds: NDArray[np.int64], seed: int
) -> tuple[Encoding, tuple[str, ...]]:
    """The encoding without the doubtful inputs that do not lower the log loss by more than chance, and their names."""
    names = {column.name for column in encoding.target.inputs}
    groups = [group for group in DOUBTFUL if names.issuperset(group)]
    doubted = tuple(name for group in groups for name in group)
    base = without(encoding, doubted)
    some = np.flatnonzero(np.arange(len(train)) % max(1, -(-len(train) // _MOST_ROWS_TO_DOUBT)) == 0)
    rows, outcomes, part_of = train.iloc[some], labels[some], folds[some]
    users = user_numbers(rows["user_id"])
    plain = _losses(rows, base, outcomes, part_of)
    left_out: list[str] = []
    for group in groups:
        kept = without(encoding, tuple(name for name in doubted if name not in group))
        saved = plain - _losses(rows, kept, outcomes, part_of)
        draws = [float((weights * saved).sum() / weights.sum()) for weights in resample_users(users, seed)]
        if middle_95(draws)[0] <= 0:
            left_out += group
    return without(encoding, left_out), tuple(left_out)


def _losses(
    rows: pd.DataFrame, encoding: Encoding, labels: NDArray[np.bool_], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The log loss of each row, by a logistic regression that has not seen its user."""
    probabilities = np.full(len(rows), labels.mean())
    for unseen in _parts(labels, folds):
        if unseen.any():
            inputs, matrix = LinearInputs.learn(rows[~unseen], encoding)
            model = fit_logistic(matrix, labels[~unseen], _PENALTY)
            probabilities[unseen] = model.predict_proba(inputs.matrix(rows[unseen]))[:, 1]
    return _log_loss(labels, probabilities)


def _log_loss(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log loss of each row."""
    return np.asarray(-np.log(np.clip(np.where(labels, probabilities, 1 - probabilities), 1e-9, 1.0)))


def without(encoding: Encoding, names: Sequence[str]) -> Encoding:
    """The encoding without some inputs."""
    target: PredictionTarget = encoding.target
    texts = [
        (text, labels) for text, labels in zip(target.texts, encoding.labels, strict=True) if text.name not in names
    ]
    return Encoding(
        replace(
            target,
            numbers=tuple(column for column in target.numbers if column.name not in names),
            texts=tuple(text for text, _ in texts),
        ),
        tuple(labels for _, labels in texts),
    )
