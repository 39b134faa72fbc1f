"""Measure the taught tree beside its rivals on random splits by users and time, and first versions on many seeds.

Run: .venv/bin/python -m tests.benchmarks.tree_quality splits [SESSIONS] [SPLITS] [SEED ...]
or:  .venv/bin/python -m tests.benchmarks.tree_quality seeds [SESSIONS] [SEEDS]

``splits`` divides the sessions of each seed SPLITS times: the tree, its teacher and the logistic regression learn from
some users before an instant, and are measured on the other users after it. ``seeds`` asks of each seed whether the
first version would go live, by training's own split and rules. Trees are grown by scikit-learn, by the recipe by which
Spark grows the one that scores, so that hundreds take minutes: no Kafka, no Spark.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from pipelines.ml.baselines import ALL_NEGATIVE, LOGISTIC_REGRESSION, fit_baselines
from pipelines.ml.bootstrap import compare, user_numbers
from pipelines.ml.calibration import check_calibration
from pipelines.ml.metrics import measure
from pipelines.ml.model import TreeShape, learn_encoding
from pipelines.ml.promotion import decide_first
from pipelines.ml.split import SHARES
from pipelines.ml.targets import IN_SESSION
from pipelines.ml.teacher import learn_teacher
from pipelines.ml.threshold import choose_threshold
from pipelines.ml.tree_inputs import TreeInputs, grow, session_weights
from pipelines.runtime.settings import ModelSettings
from tests.support.simulated_examples import simulated_examples

BEST = "best that events can tell"


def read(sessions: int, seed: int) -> pd.DataFrame:
    """The examples of closed simulated sessions, with what the simulator knew of each."""
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder) / "truth.jsonl"
        rows = simulated_examples(Path(folder) / "made", sessions, seed, truth=truth).to_pandas()
        hidden = pd.read_json(truth, lines=True)
    rows = rows[rows[IN_SESSION.label].notna()]
    rows[IN_SESSION.label] = rows[IN_SESSION.label].astype(bool)
    rows = rows.merge(hidden, on=["user_id", "session_id", "cut"], how="left", validate="1:1")
    return rows.sort_values(["user_id", "session_id", "cut"], ignore_index=True)


def fit_all(train: pd.DataFrame, rows: pd.DataFrame, settings: ModelSettings) -> dict[str, NDArray[np.float64]]:
    """What the tree, its teacher and the baselines, learnt from some rows, say of others."""
    encoding = learn_encoding(train, IN_SESSION, settings)
    teacher = learn_teacher(train, encoding, seed=settings.seed)
    inputs = TreeInputs.learn(train, teacher.encoding, teacher.probabilities)
    shape = TreeShape(settings.max_depth, settings.rows_per_leaf, settings.impurity)
    tree = grow(inputs.matrix(train), teacher.probabilities, session_weights(train), shape)
    said = {name: predict(rows) for name, predict in fit_baselines(train, encoding, settings).items()}
    return {"tree": tree.predict_proba(inputs.matrix(rows))[:, 1], "teacher": teacher.predict(rows), **said}


def splits(rows: pd.DataFrame, count: int, seed: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Rows of some users before an instant, known by then, and those of the other users after it."""
    rng = np.random.default_rng(seed)
    users = user_numbers(rows["user_id"])
    for _ in range(count):
        learns = (rng.random(int(users.max()) + 1) < 0.7)[users]
        instant = rows["started_at"].quantile(rng.uniform(0.55, 0.75))
        yield rows[learns & (rows[IN_SESSION.known_at] < instant)], rows[~learns & (rows["started_at"] >= instant)]


def measure_splits(sessions: int, count: int, seeds: list[int]) -> None:
    """Prints each model's average precision, its difference to the logistic regression, and its share of the best."""
    found: list[Mapping[str, tuple[float, float]]] = []
    for seed in seeds:
        for train, test in splits(read(sessions, seed), count, seed):
            said = fit_all(train, test, ModelSettings()) | {BEST: test["from_events"].to_numpy()}
            labels, hidden = test[IN_SESSION.label].to_numpy(), test["probability"].to_numpy()
            best = reached(hidden, said[BEST])
            found.append(
                {
                    name: (average_precision_score(labels, one), reached(hidden, one) / best)
                    for name, one in said.items()
                }
            )
            print(f"seed {seed}: " + ", ".join(f"{name} {one[0]:.3f}" for name, one in found[-1].items()), flush=True)
    rival = np.array([one[LOGISTIC_REGRESSION][0] for one in found])
    for name in found[0]:
        values = np.array([one[name] for one in found])
        low, high = middle(values[:, 0] - rival)
        share_low, share_high = middle(values[:, 1])
        print(
            f"{name:26} average precision {values[:, 0].mean():.4f}, less the logistic regression's "
            f"{(values[:, 0] - rival).mean():+.4f} ({low:+.4f} to {high:+.4f}), of the best that events can tell "
            f"{values[:, 1].mean():.4f} ({share_low:.4f} to {share_high:.4f})"
        )


def middle(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of the mean, by bootstrap over splits."""
    rng = np.random.default_rng(1)
    low, high = np.percentile(rng.choice(values, (2_000, len(values))).mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def reached(hidden: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Average precision, each row counted as its chance of a buyer: so that luck plays no part."""
    labels, weights = np.repeat([1, 0], len(hidden)), np.concatenate([hidden, 1 - hidden])
    return float(average_precision_score(labels, np.tile(scores, 2), sample_weight=weights))


def first_version(rows: pd.DataFrame, settings: ModelSettings) -> dict[str, Any]:
    """What training would decide of a first version that learns from these sessions."""
    starts = rows.groupby("user_id")["started_at"].transform("min")
    whole = rows.drop_duplicates(["user_id", "session_id"])
    ends = whole.groupby("user_id")["started_at"].min().loc[whole["user_id"]].quantile(list(SHARES)).tolist()

    def part_of(instants: Any) -> NDArray[np.int64]:
        return (instants >= ends[0]).to_numpy().astype(int) + (instants >= ends[1]).to_numpy().astype(int)

    part = part_of(starts)
    used = (part == part_of(rows["started_at"])) & (part == part_of(rows[IN_SESSION.known_at]))
    train, unseen = rows[used & (part == 0)], rows[used & (part > 0)]
    said = fit_all(train, unseen, settings)
    labels, users = unseen[IN_SESSION.label].to_numpy(), user_numbers(unseen["user_id"])
    comparisons = {
        name: compare(labels, said["tree"], said.get(name, np.zeros(len(unseen))), users, settings.seed)
        for name in (ALL_NEGATIVE, "one_rule", LOGISTIC_REGRESSION)
    }
    bought = len(unseen[labels].drop_duplicates(["user_id", "session_id"]))
    decision = decide_first(comparisons, bought)
    tuning = part[used & (part > 0)] == 1
    checked = check_calibration(labels[tuning], said["tree"][tuning], users[tuning], settings.seed)
    corrected = checked.curve(said["tree"])
    chosen = choose_threshold(
        labels[tuning], corrected[tuning], users[tuning], settings.missed_buyer_costs, settings.seed
    )
    tested = measure(labels[~tuning], corrected[~tuning], chosen.value)
    return {
        "live": decision.promoted,
        "buying": bought,
        "threshold": chosen.value,
        "calibrated": not checked.curve.is_identity,
        **{name: tested.get(name, float("nan")) for name in ("average_precision", "calibration_error", "recall")},
        "reason": decision.reason,
    }


def measure_seeds(sessions: int, count: int) -> None:
    """Prints for each seed whether the first version goes live, and why."""
    found = []
    for seed in range(1, count + 1):
        found.append(first_version(read(sessions, seed), ModelSettings()))
        shown = {name: round(value, 3) if isinstance(value, float) else value for name, value in found[-1].items()}
        print(f"seed {seed}: {shown}", flush=True)
    print(f"{sum(one['live'] for one in found)} of {count} first versions of {sessions:,} sessions go live")


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    given = [int(number) for number in numbers]
    if what == "seeds":
        measure_seeds(*(*given, *(500, 20)[len(given) :]))
    else:
        measure_splits(*(given[:2] if len(given) > 1 else (2_000, 20)), given[2:] or [11])  # type: ignore[call-arg]
