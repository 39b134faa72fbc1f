"""Scoring: every session once, at its newest cutoff, by the champion."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.sessions import TABLE as SESSIONS
from gold.shared.features import NUMBERS
from gold.training_examples import TABLE
from gold.user_history import TABLE as USER_HISTORY
from lakehouse.engines.arrow_lake import ArrowLake
from lakehouse.errors import DataError, OutsideError
from lakehouse.signals import Stop
from pipelines import run
from pipelines.aggregate import run_aggregate
from pipelines.ml.live_model import ChampionFollower
from pipelines.ml.model_version import CHAMPION
from pipelines.ml.promotion import roll_back
from pipelines.ml.registry import Registry, open_registry
from pipelines.ml.scoring import Scored, features_hash, score_all, score_changes
from pipelines.ml.targets import IN_SESSION, NEXT_SESSION
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.runtime.stream_metrics import PendingMetrics
from pipelines.score import ScoreResult, run_score
from pipelines.train import run_train
from silver.events import SILVER
from tests.support.gold_events import at, keep, view
from tests.support.gold_sessions import ANNA_BUYS
from tests.support.polling import until
from tests.support.training import examples, fill, train_live

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]

START = datetime(2026, 1, 1, tzinfo=UTC)


def example(user, cut, *, keen, bought, category="shoes", session="first"):
    at = START + timedelta(hours=user)
    numbers = {one.name: 1.0 for one in NUMBERS} | {"cart_adds": float(keen), "price_last": None}
    known_at = None if bought is None else at + timedelta(minutes=40)
    ends = (bought, known_at, None, None, bought is not None, at.date(), at, at + timedelta(minutes=cut))
    return (f"user{user:05}", session, cut, *numbers.values(), "direct", "page_view", category, "product", *ends)


def _taught():
    rng = random.Random(5)
    for user in range(150):
        keen = rng.random() < 0.3
        yield from (example(user, cut, keen=keen, bought=keen and rng.random() < 0.9) for cut in (1, 2))


TAUGHT = [*_taught()]
"""Sessions that a model can learn from."""


@pytest.fixture(scope="module")
def job(spark, tmp_path_factory):
    """An installation with a champion."""
    home = tmp_path_factory.mktemp("scored")
    settings = load_settings(lake=str(home / "lake"), state=home / "state", stream={"trigger_seconds": 0.5})
    job = Job(settings, spark)
    fill(job, TAUGHT)
    train_live(job, max_depth=2)
    return job


@pytest.fixture(autouse=True)
def _no_scores(job):
    for table in (LOG, PREDICTIONS):
        job.lake.ensure(table)
        job.lake.overwrite(table, job.lake.empty(table))


def rows_of(job, table):
    return sorted(job.lake.read(table).collect(), key=str)


def test_each_session_is_scored_at_its_newest_cutoff(job):
    fill(
        job,
        [
            example(1, 1, keen=False, bought=None),
            example(1, 2, keen=True, bought=None),
            example(2, 1, keen=False, bought=False, category=None),
            example(3, 1, keen=False, bought=None, category="hats"),
            example(3, 1, keen=True, bought=None, session="another"),
        ],
    )
    result = run_score(job)

    found = rows_of(job, PREDICTIONS)
    assert [(row["user_id"], row["session_id"], row["cut"], row["prediction"]) for row in found] == [
        ("user00001", "first", 2, True),
        ("user00002", "first", 1, False),
        ("user00003", "another", 1, True),
        ("user00003", "first", 1, False),
    ]
    assert (result.scored, result.buyers) == (4, 2)
    assert rows_of(job, LOG) == found
    assert {(row["model_name"], row["model_version"], row["question"]) for row in found} == {
        ("purchase_in_session", result.model_version, "in_session")
    }
    for table in (LOG, PREDICTIONS):
        for rule in table.rules.values():
            assert job.lake.read(table).where(f"NOT coalesce({rule}, false)").isEmpty()


def test_run_says_what_it_scored_and_by_which_version(job, monkeypatch, capsys):
    fill(job, [example(1, 1, keen=True, bought=None)])
    monkeypatch.setattr(run, "STEPS", ())  # Kafka's part has its own tests
    run.run_all(job)
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"score: 1 sessions in [\d.]+ s, 1 predicted buyers, by purchase_in_session version 1", said), said


def test_a_second_run_writes_nothing(job):
    fill(job, [example(1, 1, keen=True, bought=None)])
    run_score(job)
    before = [job.lake.version(table) for table in (LOG, PREDICTIONS)]
    assert run_score(job).scored == 0
    assert [job.lake.version(table) for table in (LOG, PREDICTIONS)] == before


def test_a_later_cutoff_and_a_correction_are_scored_again(job):
    fill(job, [example(1, 1, keen=False, bought=None), example(2, 1, keen=False, bought=None)])
    run_score(job)
    fill(
        job,
        [
            example(1, 1, keen=False, bought=None),
            example(1, 2, keen=True, bought=None),
            example(2, 1, keen=True, bought=None),
        ],
    )
    assert run_score(job).scored == 2
    assert [(row["cut"], row["prediction"]) for row in rows_of(job, PREDICTIONS)] == [(2, True), (1, True)]
    assert len(rows_of(job, LOG)) == 4


def test_a_label_that_comes_later_changes_no_score(job):
    fill(job, [example(1, 1, keen=True, bought=None)])
    run_score(job)
    fill(job, [example(1, 1, keen=True, bought=True)])
    assert run_score(job).scored == 0


def test_a_session_that_is_over_keeps_its_score(job):
    fill(job, [example(1, 1, keen=False, bought=None)])
    run_score(job)
    fill(job, [example(1, 1, keen=False, bought=True), example(1, 2, keen=True, bought=True)])
    assert run_score(job).scored == 0
    assert [row["cut"] for row in rows_of(job, PREDICTIONS)] == [1]


def test_a_score_names_the_path_that_led_to_it(job):
    fill(job, [example(1, 1, keen=True, bought=None), example(2, 1, keen=False, bought=None)])
    run_score(job)
    assert [row["path"].split(", ")[0] for row in rows_of(job, PREDICTIONS)] == ["cart adds 1", "cart adds 0"]


def test_a_session_whose_first_day_moved_keeps_one_row(job):
    fill(job, [example(30, 1, keen=True, bought=None)])
    run_score(job)
    row = list(example(30, 2, keen=True, bought=None))
    row[TABLE.column_names.index("started_on")] = START.date()
    fill(job, [tuple(row)])
    run_score(job)
    assert [row["started_on"] for row in rows_of(job, PREDICTIONS)] == [START.date()]


def test_a_run_that_died_between_two_tables_is_completed(job):
    fill(job, [example(1, 1, keen=True, bought=None), example(2, 1, keen=False, bought=None)])
    run_score(job)
    log = rows_of(job, LOG)
    job.lake.overwrite(PREDICTIONS, job.lake.empty(PREDICTIONS))
    run_score(job)
    assert rows_of(job, LOG) == log
    assert rows_of(job, PREDICTIONS) == log


@pytest.fixture
def stop(monkeypatch):
    """What tells a continuous job of this test to stop."""
    stop_signal = Stop()

    @contextmanager
    def stopping():
        yield stop_signal

    monkeypatch.setattr("lakehouse.streams.stopping", stopping)
    monkeypatch.setattr("pipelines.score.stopping", stopping)
    return stop_signal


@contextmanager
def scoring_continuously(job, stop):
    """Within, the job scores in a thread; gives a list that has the result afterwards."""
    results = []
    thread = threading.Thread(target=lambda: results.append(run_score(job, continuous=True)))
    thread.start()
    try:
        yield results
    finally:
        stop.set()
        thread.join(60)


def test_changes_are_scored_as_they_come(job, stop):
    fill(job, [example(1, 1, keen=False, bought=None)])
    with scoring_continuously(job, stop) as results:
        until(lambda: len(rows_of(job, PREDICTIONS)) == 1, "the first score", limit=90)
        fill(job, [example(1, 1, keen=False, bought=None), example(2, 3, keen=True, bought=None)])
        until(lambda: len(rows_of(job, PREDICTIONS)) == 2, "the second score", limit=90)
    assert results[0].scored == 2
    assert not list(job.settings.checkpoints.glob("score-*"))


@pytest.fixture
def untrained(spark, tmp_path):
    """An installation without a model."""
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state", stream={"trigger_seconds": 0.2})
    return Job(settings, spark)


def all_scored(job):
    return job.lake.exists(PREDICTIONS) and len(rows_of(job, PREDICTIONS)) == 150


def reminders(said):
    return "".join(said).count("score: waits for")


def test_continuous_scoring_waits_for_a_champion_and_says_so(untrained, stop, capsys):
    fill(untrained, TAUGHT)
    with scoring_continuously(untrained, stop) as results:
        assert not untrained.lake.exists(LOG)
        result = train_live(untrained, max_depth=2)
        until(lambda: all_scored(untrained), "scores by the champion", limit=90)
    assert (results[0].scored, results[0].model_version) == (150, result.version.number)
    assert capsys.readouterr().err.count("waits for a version of purchase_in_session to become champion") == 1


def test_it_says_again_now_and_then_that_it_waits(untrained, stop, capsys, monkeypatch):
    monkeypatch.setattr("pipelines.score.REMINDER_SECONDS", 0.0)
    said = []
    with scoring_continuously(untrained, stop) as results:
        until(lambda: said.append(capsys.readouterr().err) or reminders(said) >= 2, "a reminder", limit=90)
    assert results == [ScoreResult(0, 0, "purchase_in_session", None)]
    assert not (untrained.settings.state_root / "mlflow").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_for_a_champion_cleanly(tmp_path, number):
    places = {"CLICKSTREAM_LAKE": str(tmp_path / "lake"), "CLICKSTREAM_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-m", "pipelines.score", "--continuous"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | places, cwd=ROOT, **pipes) as process:
        lines = iter(process.stderr.readline, "")
        assert any("waits for a version" in line for line in lines)
        process.send_signal(number)
        printed, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "no version of purchase_in_session was champion" in printed
    assert not (tmp_path / "lake").exists()


def test_scoring_survives_a_broken_store_and_then_follows(job, capsys):
    fill(job, [example(1, 1, keen=True, bought=None)])
    follower = ChampionFollower(job.settings)
    first = follower.start().version
    store = job.settings.mlflow_home / "mlflow.db"
    whole = store.read_bytes()
    store.write_bytes(b"no database" * 1_000)
    try:
        assert [follower.follow() for _ in range(2)] == [False, False]
    finally:
        store.write_bytes(whole)
    assert follower.live.version == first
    assert capsys.readouterr().err.count(f"score: goes on with version {first.number}.") == 1

    fill(job, TAUGHT)
    second = train_live(job, max_depth=1)
    artifacts = job.settings.mlflow_home / "artifacts"
    artifacts.rename(artifacts.with_name("elsewhere"))
    try:
        assert not follower.follow()
    finally:
        artifacts.with_name("elsewhere").rename(artifacts)
    assert follower.live.version == first
    assert follower.follow()
    assert follower.live.version == second.version
    roll_back(open_registry(job.settings), "As it was.")
    assert follower.follow()


def test_a_lake_that_is_no_folder_gets_the_same_scores(job):
    """Spark reads and writes it, and the rows between are the same."""
    fill(job, [example(user, cut, keen=user % 2, bought=None) for user in range(30) for cut in (1, 2)])
    live = ChampionFollower(job.settings).start()
    lake = ArrowLake(job.lake)
    assert sum(score_all(lake, live), Scored()) == Scored(30, 15)
    found = [{**row.asDict(), "scored_at": None} for row in rows_of(job, PREDICTIONS)]
    logged = [{**row.asDict(), "scored_at": None} for row in rows_of(job, LOG)]
    changes = job.local_lake.read(TABLE)
    assert score_changes(lake, live, changes) == score_changes(job.local_lake, live, changes) == Scored()
    _no_scores.__wrapped__(job)
    assert score_changes(job.local_lake, live, changes) == Scored(30, 15)
    assert [{**row.asDict(), "scored_at": None} for row in rows_of(job, PREDICTIONS)] == found == logged


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_a_command_on_a_folder_starts_no_java(job, tmp_path, command):
    fill(job, [example(1, 1, keen=True, bought=None)])
    job.lake.ensure(SESSIONS)
    run_score(job)
    fill(job, [example(1, 2, keen=True, bought=None)])
    places = {
        "CLICKSTREAM_LAKE": job.settings.lake_root,
        "CLICKSTREAM_STATE": str(job.settings.state_root),
        "JAVA_HOME": str(tmp_path),
        "PATH": "",
    }
    arguments = [sys.executable, "-m", f"pipelines.{command}", "--json"]
    done = subprocess.run(arguments, env=places, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found.get("scored", 1) == 1
    assert found.get("versions", []) == []


def test_continuous_scoring_in_process_stops_on_sigterm(job):
    fill(job, [example(1, 1, keen=True, bought=None)])
    places = {
        "CLICKSTREAM_LAKE": job.settings.lake_root,
        "CLICKSTREAM_STATE": str(job.settings.state_root),
        "CLICKSTREAM_STREAM__TRIGGER_SECONDS": "0.2",
        "PATH": "",
    }
    command = [sys.executable, "-m", "pipelines.score", "--continuous"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=places, cwd=ROOT, **pipes) as process:
        until(lambda: len(rows_of(job, PREDICTIONS)) == 1, "the first score", limit=60)
        fill(job, [example(1, 1, keen=True, bought=None), example(2, 1, keen=True, bought=None)])
        until(lambda: len(rows_of(job, PREDICTIONS)) == 2, "the second score", limit=60)
        process.send_signal(signal.SIGTERM)
        printed, problems = process.communicate(timeout=30)
    assert (process.returncode, problems) == (0, "")
    assert "score: 2 sessions in" in printed
    metrics = PendingMetrics(job.settings.metrics, PREDICTIONS.name)
    assert metrics.state().done["rows_in"] == 2, "fill writes both rows again"


def test_a_closed_session_keeps_the_features_it_was_scored_on(job, gold_of):
    gold_of(SESSIONS, USER_HISTORY, TABLE)
    for table in SILVER.values():
        job.lake.ensure(table)
    keep(job.lake, ANNA_BUYS[:5])
    run_aggregate(job)
    run_score(job)
    # The newest arrival is what closes sessions where no broker tells the time.
    keep(job.lake, [*ANNA_BUYS[5:], view("ben/s1", at("12:00"))])
    run_aggregate(job)
    (given,) = [row for row in rows_of(job, LOG) if row["user_id"] == "anna"]
    examples = job.local_lake.read(TABLE, where={"user_id": ["anna"], "cut": [5]})
    assert (given["user_id"], given["cut"], examples["bought_later"].to_pylist()) == ("anna", 5, [True])
    assert [given["features_hash"]] == features_hash(examples).to_pylist()


def test_without_a_champion_nothing_is_scored(untrained, tmp_path):
    with pytest.raises(DataError, match="clickstream train"):
        run_score(untrained)
    assert not (tmp_path / "lake").exists()
    Registry(untrained.settings).open()  # a store without models
    with pytest.raises(DataError, match="has the alias champion"):
        run_score(untrained)


def test_each_question_is_scored_without_the_other(untrained, capsys):
    """The next session's model alone is live; then a model of it is registered, and is not live."""
    following, first = (Registry(untrained.settings, target) for target in (NEXT_SESSION, IN_SESSION))
    fill(untrained, examples())
    version = run_train(untrained, target=NEXT_SESSION, max_depth=2).version
    following.set_alias(version, CHAMPION)
    fill(untrained, [example(1, 1, keen=True, bought=False)])
    result = run_score(untrained)
    assert (result.scored, result.model_version) == (0, None)
    assert (result.next_scored, result.next_model_version) == (1, version.number)
    said = capsys.readouterr().err
    assert said.count("is not scored") == said.count("score: in_session is not scored. No version of") == 1

    fill(untrained, TAUGHT)
    train_live(untrained, max_depth=2)
    following.delete_alias(CHAMPION)
    result = run_score(untrained)
    assert (result.scored, result.next_scored, result.next_model_version) == (150, 0, None)
    said = capsys.readouterr().err
    assert said.count("is not scored") == said.count("score: next_session is not scored. No version of") == 1
    first.delete_alias(CHAMPION)
    with pytest.raises(DataError, match="purchase_in_session has the alias champion"):
        run_score(untrained)


def test_a_champion_without_its_files_is_an_error(job):
    fill(job, [example(1, 1, keen=True, bought=None)])
    home = job.settings.mlflow_home
    (home / "artifacts").rename(home / "elsewhere")
    try:
        with pytest.raises(OutsideError, match="files of version 1 of purchase_in_session are gone"):
            run_score(job)
    finally:
        (home / "elsewhere").rename(home / "artifacts")
    assert rows_of(job, LOG) == []
