"""Benchmark the tree's average precision against the best possible one, on simulated sessions sent through Kafka.

Run: .venv/bin/python -m tests.benchmarks.predicting [SESSIONS] [SEED]

Sessions go through Kafka to gold, and ``train`` learns from them. Its test period is compared with what the simulator
knew: ``from_events`` is the best prediction from the events, ``probability`` the simulator's own chance, hidden intent
included. Boosted trees on the same features show whether the features or the tree are the limit.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score

from pipelines.cli.produce import simulate_into
from pipelines.ml.prediction import with_probability
from pipelines.ml.registry import Registry
from pipelines.ml.split import TEST, TRAIN
from pipelines.ml.targets import IN_SESSION
from pipelines.ml.training_data import training_data
from pipelines.run import STEPS
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.kafka_endpoint import broker_of
from pipelines.runtime.settings import load_settings
from pipelines.train import run_train

KNOWN = ("from_events", "probability")


def reached(hidden: pd.Series[float], scores: pd.Series[float]) -> float:
    """Average precision, each row counted as its chance of a buyer: so that luck plays no part."""
    labels, weights = np.repeat([1, 0], len(hidden)), np.concatenate([hidden, 1 - hidden])
    return float(average_precision_score(labels, np.tile(scores, 2), sample_weight=weights))


def gold(job: Job, sessions: int, seed: int, truth: Path) -> None:
    """Brings simulated sessions from Kafka to gold."""
    broker = broker_of(job.settings, lambda _: None)
    broker.start()
    try:
        began = time.monotonic()
        sent = simulate_into(job.settings, sessions, seed=seed, until=datetime.now(UTC), truth=truth)
        print(f"{sent.total:,} events of {sessions:,} sessions sent in {time.monotonic() - began:.0f} s", flush=True)
        for name, step in STEPS:
            began = time.monotonic()
            step(job)
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    finally:
        broker.stop()


def boosted(train: pd.DataFrame, test: pd.DataFrame) -> Any:
    """The probabilities that boosted trees, trained on the same rows and features, give the test rows."""
    texts = {one.name: "category" for one in IN_SESSION.texts}
    both = pd.concat([train, test]).astype(texts)[[one.name for one in IN_SESSION.inputs]]
    model = HistGradientBoostingClassifier(
        max_iter=150, min_samples_leaf=50, categorical_features="from_dtype", random_state=1
    )
    model.fit(both[: len(train)], train[IN_SESSION.label])
    return model.predict_proba(both[len(train) :])[:, 1]


def main(sessions: int, seed: int) -> None:
    """Prints the metrics and the share of the best average precision that is reached, per cutoff and in all."""
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder) / "truth.jsonl"
        settings = load_settings(lake=f"{folder}/lake", state=Path(folder) / "state")
        job = open_job("predicting", settings)
        gold(job, sessions, seed, truth)
        began = time.monotonic()
        result = run_train(job, search=True)
        print(
            f"train --search: {time.monotonic() - began:.0f} s, {result.record.shape}\n{result.decision.reason}",
            flush=True,
        )
        evaluation = result.record.evaluation
        for name, metrics in {"tree": evaluation.metrics, **evaluation.baselines}.items():
            print(f"  {name}: " + ", ".join(f"{key} {value:.3f}" for key, value in metrics.items()), flush=True)
        print(f"  95 %: {evaluation.intervals}\n  period shift: ROC AUC {result.record.shift.roc_auc:.3f}")
        registry = Registry(settings)
        with training_data(job, IN_SESSION) as data:
            model = registry.load(result.version)
            test = with_probability(model, data.part(TEST)).toPandas().rename(columns={"probability": "tree"})
            train = data.part(TRAIN).toPandas()
        test["boosted"] = boosted(train, test)
        hidden = pd.read_json(truth, lines=True)
        rows = test.merge(hidden, on=["user_id", "session_id", "cut"], validate="1:1")
        assert len(rows) == len(test)
        parts = {**{str(cut): part for cut, part in rows.groupby("cut")}, "all": rows}
        table = pd.DataFrame(
            {
                cut: {
                    "rows": len(part),
                    **{f"best {name}": reached(part["probability"], part[name]) for name in KNOWN},
                    **{
                        f"{model} of {name}": reached(part["probability"], part[model])
                        / reached(part["probability"], part[name])
                        for model in ("tree", "boosted")
                        for name in KNOWN
                    },
                }
                for cut, part in parts.items()
            }
        ).T
        print(table.round(3).to_string())


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(*(*given, *(50_000, 7)[len(given) :]))
