"""Training examples with a planted signal, and models trained on them, for every test that needs a model."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np

from gold.shared.features import NUMBERS
from gold.training_examples import TABLE
from lakehouse.storage import spark_schema
from pipelines.ml.model import fit_taught_tree
from pipelines.ml.promotion import promote
from pipelines.ml.registry import Registry
from pipelines.train import run_train

START = datetime(2026, 1, 1, tzinfo=UTC)


def examples(users=220, *, buys=lambda keen, _: keen, closed=lambda _: True, seed=1):
    """Sessions of one user each, an hour apart; the keen users put things into the cart, and buy."""
    rng = random.Random(seed)
    rows = []
    for user in range(users):
        at = START + timedelta(hours=user)
        keen = rng.random() < 0.3
        bought = bool(buys(keen, rng)) if closed(user) else None
        for cut in (1, 2, 3)[: rng.randint(1, 3)]:
            numbers = {one.name: float(rng.randint(0, 9)) for one in NUMBERS}
            numbers["cart_adds"] = float(keen * cut)
            if cut == 1:
                numbers |= dict.fromkeys(("price_mean", "price_spread", "price_last", "seconds_since_previous"))
            texts = ("direct", "page_view", rng.choice(["shoes", "bags", None]), "product")
            known_at = None if bought is None else at + timedelta(minutes=40)
            ends = (bought, known_at, bought, known_at, bool(bought), at.date(), at, at + timedelta(minutes=cut))
            rows.append((f"user-{user:05}", "session", cut, *numbers.values(), *texts, *ends))
    return rows


def noisy(keen, rng):
    return rng.random() < (0.8 if keen else 0.05)


def fill(job, rows):
    job.lake.ensure(TABLE)
    job.lake.overwrite(TABLE, job.spark.createDataFrame(rows, spark_schema(TABLE)))


def train_live(job, **options):
    """Trains, and makes the version live whatever its metrics."""
    result = run_train(job, **options)
    if not result.decision.promoted:
        promote(Registry(job.settings), result.version, "For a test.")
    return result


def grow_tree(rows, encoding, shape, *, seed):
    """A tree grown on the outcomes of rows themselves: as if its teacher knew them."""
    train = rows.toPandas()
    outcomes = train[encoding.target.label].to_numpy(float)
    return fit_taught_tree(rows.sparkSession, train, outcomes, np.ones(len(train)), encoding, shape, seed=seed)
