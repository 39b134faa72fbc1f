"""Logged predictions are compared with outcomes, and a champion that got worse is warned about."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from pyspark.sql import functions as F

from gold.model_metrics import TABLE as METRICS
from gold.prediction_log import TABLE as LOG
from gold.sessions import TABLE as SESSIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DataError
from lakehouse.storage import spark_schema
from pipelines.evaluate import evaluate, may_have_outcomes, run_evaluate
from pipelines.ml.metrics import measure
from pipelines.ml.targets import NEXT_SESSION
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.score import run_score
from pipelines.train import run_train
from tests.support.training import examples, fill, noisy, train_live

pytestmark = pytest.mark.spark

SHIFT = "_later"
NOTHING = {"STRING": "", "BIGINT": 0, "DOUBLE": 0.0, "DECIMAL(18,2)": Decimal(0), "BOOLEAN": False}


def sessions_of(rows):
    """The rows of gold.sessions that go with rows of gold.training_examples, as far as anything is known of them."""
    place = {name: EXAMPLES.column_names.index(name) for name in EXAMPLES.column_names}
    found = {}
    for row in rows:
        at, bought = row[place["started_at"]], row[place["bought_later"]]
        known = {
            "user_id": row[0],
            "session_id": row[1],
            "bought": bool(bought),
            "is_closed": bought is not None,
            "is_suspect": False,
            "started_on": at.date(),
            "ended_on": at.date(),
            "started_at": at,
            "ended_at": at,
            "closes_at": at + timedelta(minutes=30),
            "last_arrived_at": at,
            "referrer_kind": "direct",
        }
        found[row[:2]] = tuple(
            known.get(one.name, NOTHING.get(one.type) if one.required else None) for one in SESSIONS.columns
        )
    return [*found.values()]


def put(job, rows):
    fill(job, rows)
    job.lake.ensure(SESSIONS)
    job.lake.overwrite(SESSIONS, job.spark.createDataFrame(sessions_of(rows), spark_schema(SESSIONS)))


def later(rows):
    """The same sessions by other users, in March."""
    instants = [EXAMPLES.column_names.index(one.name) for one in EXAMPLES.columns if one.type == "TIMESTAMP"]
    day = EXAMPLES.column_names.index("started_on")

    def moved(row):
        by = {place: row[place] and row[place] + timedelta(days=60) for place in (*instants, day)}
        return (row[0] + SHIFT, *(by.get(place, value) for place, value in enumerate(row) if place))

    return [moved(row) for row in rows]


@pytest.fixture(scope="module")
def job(spark, tmp_path_factory):
    """An installation whose champion scored its own sessions and later ones, all closed since."""
    home = tmp_path_factory.mktemp("evaluated")
    job = Job(load_settings(lake=str(home / "lake"), state=home / "state"), spark)
    first = examples(400, buys=noisy)
    put(job, first)
    train_live(job, max_depth=2)
    put(job, [*first, *later(examples(300, buys=noisy, seed=9))])
    run_score(job)
    # As if each had been scored right after its cutoff, while the session was open.
    given = job.lake.read(LOG).withColumn("scored_at", F.expr("cut_at + INTERVAL 1 SECOND")).localCheckpoint()
    job.lake.overwrite(LOG, given)
    return job


def test_a_version_is_evaluated_on_sessions_it_has_not_seen(job):
    (found,) = run_evaluate(job)
    assert found.is_champion
    assert found.warnings == ()
    # The later sessions, two months after the first: what was right before does not hide what is wrong now.
    assert found.sessions == found.scores == 300
    assert found.metrics["average_precision"] > found.metrics["prevalence"] + 0.2
    assert max(found.drift.values()) < 0.1

    rows = job.lake.read(METRICS).collect()
    # Every day is kept. A fifth of the first sessions are the test period; each was scored at its newest cutoff.
    assert sum(row["scores"] for row in rows) == pytest.approx(300 + 80, abs=3)
    assert len([row for row in rows if row["started_on"].month >= 3]) == found.days < len(rows)
    one = max(rows, key=lambda row: row["scores"])
    pairs = (
        job.lake.read(LOG)
        .where(f"started_on = DATE'{one['started_on']}'")
        .join(job.lake.read(SESSIONS).select("user_id", "session_id", "bought"), ["user_id", "session_id"])
        .toPandas()
    )
    again = measure(pairs["bought"].to_numpy(bool), pairs["probability"].to_numpy(), pairs["threshold"][0])
    assert (one["brier"], one["average_precision"]) == pytest.approx((again["brier"], again["average_precision"]))


def test_a_score_given_after_the_session_was_over_is_left_out(job):
    given = job.lake.read(LOG).localCheckpoint()
    job.lake.overwrite(LOG, given.withColumn("scored_at", F.expr("cut_at + INTERVAL 1 HOUR")))
    assert run_evaluate(job) == []
    job.lake.overwrite(LOG, given)


def test_nothing_new_writes_nothing(job):
    run_evaluate(job)
    before = job.lake.version(METRICS)
    run_evaluate(job)
    assert job.lake.version(METRICS) == before


def test_a_champion_that_became_wrong_fails_with_exit_code_1(job, monkeypatch, capsys):
    before = job.lake.read(EXAMPLES).localCheckpoint()
    rows = [tuple(row) for row in before.collect()]
    place, keen = EXAMPLES.column_names.index("bought_later"), EXAMPLES.column_names.index("cart_adds")
    turned = [
        (*row[:place], not row[place], *row[place + 1 :]) if SHIFT in row[0] and row[keen] > 0 else row for row in rows
    ]
    put(job, turned)
    monkeypatch.setattr("pipelines.runtime.job.open_job", lambda *_: job)
    monkeypatch.setattr("pipelines.evaluate.load_settings", lambda: job.settings)
    with pytest.raises(DataError, match=r"ranks worse than it did.*Run `clickstream train`") as failed:
        evaluate(as_json=True)
    assert failed.value.exit_code == 1
    assert "has a calibration error of" in str(failed.value)
    (version,) = json.loads(capsys.readouterr().out)["versions"]
    keys = ["model_version", "is_champion", "days", "sessions", "scores", "metrics", "intervals", "drift", "trouble"]
    keys.append("model_name")
    assert [*version] == keys
    assert version["trouble"]


def test_sessions_unlike_the_training_rows_are_warned_about(job):
    rows = [tuple(row) for row in job.lake.read(EXAMPLES).localCheckpoint().collect()]
    keen = EXAMPLES.column_names.index("cart_adds")
    put(job, [(*row[:keen], 5.0, *row[keen + 1 :]) if SHIFT in row[0] else row for row in rows])
    (found,) = run_evaluate(job)
    assert any("most in cart_adds" in sentence for sentence in found.warnings)


def test_the_next_sessions_are_judged_by_what_came_next(job):
    """The same scores as if they had been given for the next session: half of the answers are not known yet."""
    log, rows = job.lake.read(LOG).localCheckpoint(), job.lake.read(EXAMPLES).localCheckpoint()
    answered = rows.withColumn(
        "bought_next", F.expr("CASE WHEN hash(session_id, user_id) % 2 = 0 THEN bought_later END")
    )
    known_at = F.expr("CASE WHEN bought_next IS NOT NULL THEN started_at + INTERVAL 2 HOURS END")
    put(job, [tuple(row) for row in answered.withColumn("bought_next_known_at", known_at).collect()])
    version = run_train(job, target=NEXT_SESSION, max_depth=2).version.number
    asked = log.where("model_version = '1'").withColumn("model_name", F.lit(NEXT_SESSION.model))
    asked = asked.withColumn("question", F.lit(NEXT_SESSION.name)).withColumn("model_version", F.lit(version))
    job.lake.append(LOG, asked)
    assert may_have_outcomes(job.settings)
    (found,) = [one for one in run_evaluate(job) if one.model_name == NEXT_SESSION.model]
    some = answered.where("bought_next IS NOT NULL").select("user_id", "session_id").distinct().count()
    assert 0 < found.sessions < some
    kept = job.lake.read(METRICS).where(f"model_name = '{NEXT_SESSION.model}'").agg(F.sum("scores")).first()[0]
    assert 0 < kept < some
    job.lake.overwrite(LOG, log)


def test_without_predictions_there_is_nothing_to_evaluate(spark, tmp_path):
    fresh = Job(load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state"), spark)
    with pytest.raises(DataError, match="clickstream train"):
        run_evaluate(fresh)
    fill(fresh, examples(100, buys=noisy))
    train_live(fresh, max_depth=1)
    with pytest.raises(DataError, match="clickstream score"):
        run_evaluate(fresh)
