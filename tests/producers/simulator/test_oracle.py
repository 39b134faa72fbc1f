import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, log_loss

from gold.shared.features import CUTOFFS
from producers.record import Record
from producers.simulator.simulator import CUTS, simulate

CHANCES = ("probability", "from_events")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Record], pd.DataFrame]:
    file = tmp_path_factory.mktemp("truth") / "truth.ndjson"
    records = list(simulate(12, 5_000, truth=file))
    bought = {record[1].decode() for record in records if record[1] and b'"btn_buy"' in (record[2] or b"")}
    told = pd.read_json(file, lines=True)
    told["bought"] = told["session_id"].isin(bought)
    return records, told


def test_each_cut_before_the_first_purchase_is_told_once(run: tuple[list[Record], pd.DataFrame]) -> None:
    sessions: defaultdict[str, list[bytes]] = defaultdict(list)
    for _, key, value, _ in run[0]:
        sessions[(key or b"").decode()].append(value or b"")
    due = set()
    for session, values in sessions.items():
        first = next((at for at, value in enumerate(values, 1) if b'"btn_buy"' in value), len(values) + 1)
        due |= {(session, cut) for cut in CUTS if cut <= len(values) and cut < first}
    told = list(run[1][["session_id", "cut"]].itertuples(index=False, name=None))
    assert len(told) == len(due)
    assert set(told) == due


@pytest.mark.parametrize("chance", CHANCES)
@pytest.mark.parametrize("cut", sorted(CUTS))
def test_what_is_told_comes_true(run: tuple[list[Record], pd.DataFrame], cut: int, chance: str) -> None:
    at_cut = run[1][run[1]["cut"] == cut].sort_values(chance)
    for part in np.array_split(np.arange(len(at_cut)), 6):
        chances, bought = at_cut[chance].iloc[part], at_cut["bought"].iloc[part]
        spread = np.sqrt((chances * (1 - chances)).sum())
        assert abs(bought.sum() - chances.sum()) < 4 * spread + 1


def test_who_knows_more_ranks_better(run: tuple[list[Record], pd.DataFrame]) -> None:
    told = run[1]
    hidden, seen = (average_precision_score(told["bought"], told[chance]) for chance in CHANCES)
    assert hidden > seen > 2 * told["bought"].mean()
    losses = [log_loss(told["bought"], told[chance].clip(1e-6, 1 - 1e-6)) for chance in CHANCES]
    nothing_known = log_loss(told["bought"], np.full(len(told), told["bought"].mean()))
    assert losses[0] < losses[1] < nothing_known


def test_events_show_enough_of_the_intent(run: tuple[list[Record], pd.DataFrame]) -> None:
    # A chance of p is p of a buyer and 1 - p of another: that takes the luck of single outcomes away.
    hidden, seen = run[1]["probability"].to_numpy(), run[1]["from_events"].to_numpy()
    label = np.repeat([True, False], len(hidden))
    weight = np.concatenate([hidden, 1 - hidden])
    best, possible = (
        average_precision_score(label, np.tile(chance, 2), sample_weight=weight) for chance in (hidden, seen)
    )
    assert 0.85 < possible / best < 1


def test_a_first_event_that_looks_the_same_means_the_same(run: tuple[list[Record], pd.DataFrame]) -> None:
    first: dict[str, tuple[object, ...]] = {}
    seen_users: set[str] = set()
    for _, key, value, _ in run[0]:
        event = json.loads(value or b"")
        session = (key or b"").decode()
        if event["user_id"] not in seen_users and event["price"] is None and "/search" not in event["page_url"]:
            first.setdefault(session, (event["page_url"], event["referrer_url"]))
        seen_users.add(event["user_id"])
    told = run[1][(run[1]["cut"] == 1) & run[1]["session_id"].isin(first)]
    chances = told.groupby(told["session_id"].map(first))["from_events"].nunique()
    assert len(chances) > 20
    assert set(chances) == {1}


def test_the_truth_is_told_where_features_are_made() -> None:
    assert set(CUTOFFS) == CUTS


def test_telling_the_truth_changes_no_record(tmp_path: Path) -> None:
    assert list(simulate(3, 200, truth=tmp_path / "truth")) == list(simulate(3, 200))
