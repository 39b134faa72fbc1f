"""Measure what a login in the middle of a session costs, and what joining its parts afterwards would promise.

Run: .venv/bin/python -m tests.benchmarks.logins [SESSIONS] [SEED ...]

Each person of the simulated shop has an account and two devices, and each session is on one of them. Three ways to say
who they are: ``device`` sends the device's id all along; ``login`` sends it until the checkout is shown, and the
account's id from then on; ``joined`` is what an alias that became known at the login would make of all of it
afterwards: the account's id all along. No Kafka, no Spark.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from gold.sessions import TABLE as SESSIONS
from gold.shared.features import FEATURES, HISTORY
from gold.training_examples import TABLE as EXAMPLES
from pipelines.ml.bootstrap import user_numbers
from pipelines.ml.targets import IN_SESSION
from pipelines.runtime.settings import ModelSettings
from producers.record import Record, encode
from tests.benchmarks.tree_quality import fit_all
from tests.support.simulated_examples import simulated_lake

DEVICES = 2
ROW = ["session_id", "cut"]
"""What a row is known by: the simulator's sessions have names of their own, whoever they belong to."""


def named(records: Iterator[Record], way: str) -> Iterator[Record]:
    """The records with the ids that are sent in one of the three ways."""
    logged_in = set[str]()
    for topic, key, value, at in records:
        event = json.loads(value or b"")
        account, session = event["user_id"], event["session_id"]
        device = f"device {account}-{int(session[1:]) % DEVICES}"
        event["user_id"] = account if way == "joined" or session in logged_in else device
        if way == "login" and "/checkout" in event["page_url"]:
            logged_in.add(session)
        yield topic, key, encode(event), at


@dataclass(frozen=True)
class Made:
    """What gold holds of the sessions sent in one way."""

    sessions: pd.DataFrame
    examples: pd.DataFrame


def make(sessions: int, seed: int, way: str) -> Made:
    """gold.sessions and gold.training_examples of simulated sessions whose users are named in one way."""
    change: Callable[[Iterator[Record]], Iterator[Record]] = partial(named, way=way)
    with tempfile.TemporaryDirectory() as folder:
        lake = simulated_lake(Path(folder), sessions, seed, change=change)
        made = lake.read(SESSIONS, SESSIONS.column_names).to_pandas()
        rows = lake.read(EXAMPLES, EXAMPLES.column_names).to_pandas()
    rows = rows[rows[IN_SESSION.label].notna()]
    rows[IN_SESSION.label] = rows[IN_SESSION.label].astype(bool)
    return Made(made, rows.sort_values(["user_id", *ROW], ignore_index=True))


def counts(device: Made, login: Made, joined: Made) -> dict[str, float]:
    """How many sessions a login cuts, what is left of the buyers before it, and how many users gold has."""
    parts = login.sessions.groupby("session_id").size()
    buyers = set(device.sessions.loc[device.sessions["bought"], "session_id"])
    cut = set(parts[parts > 1].index)
    before = login.examples[login.examples["user_id"].str.startswith("device")]
    of_buyers = device.examples[device.examples["session_id"].isin(buyers)]
    kept = before[before[IN_SESSION.label]]
    return {
        "sessions": len(device.sessions),
        "sessions cut in two": len(cut),
        "buying sessions": len(buyers),
        "buying sessions cut in two": len(buyers & cut),
        "conversion": device.sessions["bought"].mean(),
        "conversion, cut": login.sessions["bought"].mean(),
        "buyers' rows to learn from": len(of_buyers),
        "buyers' rows to learn from, cut": len(login.examples[login.examples[IN_SESSION.label]]),
        "… of these before the login": len(kept),
        "people with an account": joined.sessions["user_id"].nunique(),
        "users, by device": device.sessions["user_id"].nunique(),
        "users, cut": login.sessions["user_id"].nunique(),
    }


def changed_rows(device: Made, joined: Made) -> float:
    """The share of rows whose features a later join changes: it puts into them what was not known at the cutoff."""
    names = [column.name for column in HISTORY]
    both = device.examples[[*ROW, *names]].merge(joined.examples[[*ROW, *names]], on=ROW, suffixes=("", "_joined"))
    differs = [both[name].fillna(-1) != both[f"{name}_joined"].fillna(-1) for name in names]
    return float(np.mean(np.any(differs, axis=0)))


def precision(device: Made, joined: Made, seed: int) -> dict[str, float]:
    """Average precision on people who were not learnt from: what is promised, and what scoring delivers."""
    account = joined.examples["user_id"]
    learns = (np.random.default_rng(seed).random(int(user_numbers(account).max()) + 1) < 0.7)[user_numbers(account)]
    known = set(map(tuple, joined.examples.loc[learns, ROW].to_numpy()))

    def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        inside = np.array([tuple(row) in known for row in rows[ROW].to_numpy()])
        return rows[inside], rows[~inside]

    columns = ["user_id", *ROW, *(column.name for column in FEATURES), IN_SESSION.label]
    (honest, at_scoring), (leaky, promised) = split(device.examples[columns]), split(joined.examples[columns])

    def measured(train: pd.DataFrame, *tests: pd.DataFrame) -> list[float]:
        both = pd.concat(tests)
        said = fit_all(train, both, ModelSettings())["tree"]
        parts = np.split(said, np.cumsum([len(test) for test in tests])[:-1])
        return [
            float(average_precision_score(test[IN_SESSION.label], part))
            for test, part in zip(tests, parts, strict=True)
        ]

    said, delivered = measured(leaky, promised, at_scoring)
    return {
        "device ids": measured(honest, at_scoring)[0],
        "joined afterwards, as measured": said,
        "joined afterwards, as it would score": delivered,
    }


def main(sessions: int = 4_000, seeds: tuple[int, ...] = (7,)) -> None:
    """Prints the figures for each seed."""
    for seed in seeds:
        device, login, joined = (make(sessions, seed, way) for way in ("device", "login", "joined"))
        print(f"seed {seed}")
        for name, value in counts(device, login, joined).items():
            print(f"  {name:42} {value:,.4f}" if value < 1 else f"  {name:42} {value:,.0f}")
        print(f"  {'rows that a later join changes':42} {changed_rows(device, joined):.4f}")
        for name, value in precision(device, joined, seed).items():
            print(f"  {'average precision, ' + name:60} {value:.4f}", flush=True)


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]]
    main(*given[:1], *([tuple(given[1:])] if given[1:] else []))
