"""A model of the teacher is new to each row, inputs that are noise go, and a taught tree beats one that is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from pipelines.ml.baselines import fit_baselines
from pipelines.ml.model import TreeShape, learn_encoding
from pipelines.ml.targets import IN_SESSION
from pipelines.ml.teacher import FOLDS, fold_of_users, learn_teacher
from pipelines.ml.tree_inputs import TreeInputs, grow, session_weights
from pipelines.runtime.settings import ModelSettings

SETTINGS = ModelSettings()


def rows(users=600, seed=1, *, busy_hours=False):
    """Sessions whose chance is a sum of small signs; at some hours more buy, if ``busy_hours``."""
    rng = np.random.default_rng(seed)
    count = users * 3
    frame = pd.DataFrame(
        {column.name: rng.integers(0, 6, count).astype(float) for column in IN_SESSION.numbers}
        | {text.name: rng.choice(["a", "b", "c"], count) for text in IN_SESSION.texts}
    )
    frame["user_id"] = np.repeat([f"user-{user:04}" for user in range(users)], 3)
    frame["session_id"] = "session"
    frame["cut"] = np.tile([1, 2, 3], users)
    signs = ["cart_adds", "cart_views", "searches", "product_views", "shares_and_videos"]
    chance = 1 / (1 + np.exp(6 - 0.35 * frame[signs].sum(axis=1) - (busy_hours * 3) * (frame["hour_of_day"] > 3)))
    frame[IN_SESSION.label] = rng.random(count) < chance
    return frame


@pytest.fixture(scope="module")
def taught():
    frame = rows()
    return frame, learn_teacher(frame, learn_encoding(frame, IN_SESSION, SETTINGS), seed=1)


def test_a_row_is_taught_by_all_folds_one_of_which_is_new_to_it(taught):
    frame, teacher = taught
    folds = fold_of_users(frame["user_id"], FOLDS, 1)
    assert frame.assign(fold=folds).groupby("user_id")["fold"].nunique().max() == 1
    assert len(teacher.models) == FOLDS
    assert (teacher.probabilities == teacher.predict(frame)).all()
    mirrored = frame.copy()
    mirrored.loc[folds == 0, IN_SESSION.label] = ~frame.loc[folds == 0, IN_SESSION.label]
    other = learn_teacher(mirrored, learn_encoding(mirrored, IN_SESSION, SETTINGS), seed=1)
    same = [
        np.array_equal(one[1].coef_, another[1].coef_)
        for one, another in zip(teacher.models, other.models, strict=True)
    ]
    assert same == [True, False, False, False], "the first fold's model has not seen the first fold"


def test_the_same_seed_teaches_the_same(taught):
    frame, teacher = taught
    again = learn_teacher(frame, learn_encoding(frame, IN_SESSION, SETTINGS), seed=1)
    assert again.probabilities.tobytes() == teacher.probabilities.tobytes()


def test_inputs_that_are_noise_are_left_out(taught):
    _, teacher = taught
    assert set(teacher.left_out) == {"hour_of_day", "day_of_week", "last_category"}
    names = {column.name for column in teacher.encoding.target.inputs}
    assert names == {column.name for column in IN_SESSION.inputs} - set(teacher.left_out)


def test_inputs_that_help_stay():
    frame = rows(busy_hours=True)
    teacher = learn_teacher(frame, learn_encoding(frame, IN_SESSION, SETTINGS), seed=1)
    assert "hour_of_day" not in teacher.left_out
    assert "last_category" in teacher.left_out


def test_a_taught_tree_ranks_better_than_one_grown_on_outcomes(taught):
    frame, teacher = taught
    unseen = rows(seed=2)
    inputs = TreeInputs.learn(frame, teacher.encoding, teacher.probabilities)
    outcomes = frame[IN_SESSION.label].to_numpy(float)
    precisions = []
    for learnt in (teacher.probabilities, outcomes):
        tree = grow(inputs.matrix(frame), learnt, session_weights(frame), TreeShape(14, 15, "gini"))
        found = tree.predict_proba(inputs.matrix(unseen))[:, 1]
        precisions.append(average_precision_score(unseen[IN_SESSION.label], found))
    assert precisions[0] > precisions[1] + 0.03


def test_baselines_take_nulls_and_unknown_texts(taught):
    frame, teacher = taught
    odd = frame.head(3).copy()
    odd.loc[0, "price_last"] = np.nan
    odd["last_category"] = ["carrier pigeon", None, "a"]
    for predict in (
        *fit_baselines(frame, learn_encoding(frame, IN_SESSION, SETTINGS), SETTINGS).values(),
        teacher.predict,
    ):
        found = predict(odd)
        assert ((found >= 0) & (found <= 1)).all()
