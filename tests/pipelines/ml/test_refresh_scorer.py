"""Scoring within a refresh of gold: who else scores, what fails, what was missed meanwhile, and no model at all."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.locks import WriterLock
from pipelines.ml import scoring
from pipelines.ml.refresh_scorer import RefreshScorer
from pipelines.ml.scorer import SCORES
from pipelines.ml.scoring import Scored
from tests.pipelines.ml.test_scoring import FIRST, Champions, example, rows_of, stored
from tests.support.local_tables import make_tables


@pytest.fixture
def lake(tmp_path):
    return make_tables(tmp_path, EXAMPLES, *SCORES)


@pytest.fixture
def scorer(lake, tmp_path):
    return RefreshScorer(tmp_path / "locks", lake, Champions(FIRST, FIRST, FIRST))


def changed(lake, *rows):
    lake.merge(EXAMPLES, rows_of(*rows))
    return rows_of(*rows)


def scored(lake):
    assert [row["cut"] for row in stored(lake)] == [max(row["cut"] for row in stored(lake, LOG))] * len(stored(lake))
    return [(row["user_id"], row["cut"]) for row in stored(lake)]


def test_a_continuous_scorer_is_left_alone_then_made_up_for(lake, scorer, tmp_path):
    scorer.score(changed(lake, example(1, 1, keen=True)))
    other = WriterLock(tmp_path / "locks", PREDICTIONS.name)
    scorer.score(changed(lake, example(2, 1, keen=True)))
    assert scored(lake) == [("user1", 1)]
    other.release()
    scorer.score(None)
    assert scored(lake) == [("user1", 1), ("user2", 1)]


def test_a_refresh_lets_a_continuous_job_start_at_any_time(lake, scorer, tmp_path):
    scorer.score(changed(lake, example(1, 1, keen=True)))
    WriterLock(tmp_path / "locks", PREDICTIONS.name).release()


def test_a_failure_is_said_once_and_made_up_for(lake, scorer, capsys):
    scorer.score(changed(lake, example(1, 1, keen=True)))
    (file,) = lake.folder(PREDICTIONS).glob("*.parquet")
    file.rename(file.with_suffix(".away"))
    for user in (2, 3):
        scorer.score(changed(lake, example(user, 1, keen=True)))
    file.with_suffix(".away").rename(file)
    assert capsys.readouterr().err.count("its scores are not") == 1
    scorer.score(None)
    assert scored(lake) == [("user1", 1), ("user2", 1), ("user3", 1)]


def test_changes_that_nobody_names_are_found(lake, scorer):
    scorer.score(changed(lake, example(1, 1, keen=True)))
    changed(lake, example(2, 1, keen=True))
    scorer.score(None)
    assert scored(lake) == [("user1", 1)]
    scorer.score_unseen_changes()
    assert scored(lake) == [("user1", 1), ("user2", 1)]


def test_a_stop_leaves_the_rest_to_the_next_call(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "ROWS_AT_A_TIME", 1)
    stopping = [True]
    scorer = RefreshScorer(tmp_path / "locks", lake, Champions(FIRST, FIRST), lambda: stopping[0])
    rows = changed(lake, example(1, 1, keen=True), example(2, 1, keen=False))
    scorer.score(rows)
    assert len(stored(lake)) == 1
    stopping[0] = False
    scorer.score(None)
    assert scored(lake) == [("user1", 1), ("user2", 1)]
    assert scorer.scored == Scored(2, 1)


WITHOUT_A_MODEL = """
import json, sys
from pathlib import Path
from lakehouse.engines.local_lake import LocalLake
from pipelines.ml.live_model import ChampionFollower
from pipelines.ml.refresh_scorer import RefreshScorer
from pipelines.runtime.settings import load_settings

settings = load_settings(lake=sys.argv[1], state=Path(sys.argv[2]))
scorer = RefreshScorer(settings.locks, LocalLake(settings.lake_root, settings.locks), ChampionFollower(settings))
scorer.score(None)
scorer.score_unseen_changes()
print(json.dumps([scorer.scored.sessions, "mlflow" in sys.modules, "pyspark" in sys.modules]))
"""


def test_without_a_model_nothing_happens_and_nothing_is_imported(lake, tmp_path):
    changed(lake, example(1, 1, keen=True))
    command = [sys.executable, "-c", WITHOUT_A_MODEL, lake.root, str(tmp_path / "state")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (json.loads(done.stdout), done.stderr) == ([0, False, False], "")
    assert not (tmp_path / "state" / "mlflow").exists()
    assert stored(lake) == stored(lake, LOG) == []
