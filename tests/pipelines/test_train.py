"""Training: what is learnt, what is refused, what goes live, what is kept."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gold.shared.features import NUMBERS
from gold.training_examples import TABLE
from lakehouse.errors import DataError
from lakehouse.storage import spark_schema
from pipelines.ml.model import with_probability
from pipelines.ml.registry import ANSWERS, Registry, open_registry, tracking_uri
from pipelines.ml.targets import IN_SESSION, QUESTIONS
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.train import run_train

pytestmark = pytest.mark.spark

START = datetime(2026, 1, 1, tzinfo=UTC)


def examples(users=220, *, buys=lambda keen, _: keen, closed=lambda _: True, seed=1):
    """Visits of one user each, an hour apart; the keen ones put things into the cart, and buy."""
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
            rows.append((f"visitor-{user:05}", "visit", cut, *numbers.values(), *texts, *ends))
    return rows


def noisy(keen, rng):
    return rng.random() < (0.8 if keen else 0.05)


def fill(job, rows):
    job.lake.ensure(TABLE)
    job.lake.overwrite(TABLE, job.spark.createDataFrame(rows, spark_schema(TABLE)))


def train_live(job, **options):
    """Trains, and makes the version live whatever it is worth."""
    result = run_train(job, **options)
    if not result.promoted:
        registry = Registry(job.settings)
        registry.promote(registry.version(result.model_version), "For a test.")
    return result


@pytest.fixture(scope="module")
def trained(spark, tmp_path_factory):
    """An installation with one model."""
    home = tmp_path_factory.mktemp("trained")
    settings = load_settings(lake=str(home / "lake"), state=home / "state")
    job = Job(settings, spark)
    fill(job, examples(buys=noisy))
    return job, run_train(job)


def test_a_planted_signal_is_found(trained):
    _, result = trained
    assert result.promoted
    assert result.metrics["average_precision"] > result.metrics["prevalence"] + 0.2
    assert next(iter(result.importances)) == "cart_adds"
    assert "cart_adds <= 0.5" in result.rules
    assert "Products put into the cart so far." in result.rules
    assert set(result.baselines) == {"all_negative", "one_rule", "logistic_regression"}
    assert set(result.metrics_by_cut) == {1, 2, 3}
    low, high = result.intervals["average_precision"]
    assert low <= result.metrics["average_precision"] <= high
    assert result.notes[0].startswith("Made of 2")  # two hundred and some: too few to trust


def test_the_result_can_be_printed_for_machines(trained):
    from dataclasses import asdict

    json.dumps(asdict(trained[1]))


def test_what_is_kept_names_its_data_and_no_visitor(trained):
    job, result = trained
    home = job.settings.mlflow_home
    files = [path for path in home.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    pictures = {"precision_recall", "roc", "confusion", "calibration", "lift", "by_cut", "importances", "tree"}
    assert {f"{name}.png" for name in pictures} <= names
    assert {"rules.txt", "importances.csv", "answers.csv", "profile.json", "MLmodel", "requirements.txt"} <= names
    assert not [name for name in names if "pickle" in name or name.endswith(".pkl")]
    for path in files:
        body = path.read_bytes()
        assert b"visitor-" not in body, path
        assert b"cloudpickle" not in body or path.suffix == ".yaml", path
    assert not list((job.settings.state_root / "scratch").rglob("*.parquet"))

    from mlflow import MlflowClient

    run = MlflowClient(tracking_uri(job.settings)).get_run(result.run_id)
    assert run.info.run_name == f"{result.model_name} version {result.model_version}"
    assert run.data.tags["table"] == TABLE.name
    assert run.data.tags["table_version"] == str(job.lake.version(TABLE))
    assert run.data.metrics["test/average_precision"] == pytest.approx(result.metrics["average_precision"])
    assert run.inputs.dataset_inputs[0].dataset.name == TABLE.name
    assert run.inputs.dataset_inputs[0].dataset.digest == run.data.tags["table_digest"]
    assert run.data.params["first_session"] == "2026-01-01 00:00:00"
    assert run.data.metrics["test/average_precision_low"] == result.intervals["average_precision"][0]


def test_the_answers_that_are_kept_are_those_that_were_measured(trained):
    job, result = trained
    registry = Registry(job.settings)
    version = registry.version(result.model_version)
    params, metrics = registry.kept(version)
    assert params["test_from"] == result.test_from
    header, *lines = registry.text(version, ANSWERS).splitlines()
    assert header == "probability,rows,buyers"
    said, rows, buyers = np.array([[float(value) for value in line.split(",")] for line in lines]).T
    assert rows.sum() == metrics["test/rows"]
    assert buyers.sum() / rows.sum() == pytest.approx(result.metrics["prevalence"])
    squares = buyers * (1 - said) ** 2 + (rows - buyers) * said**2
    assert squares.sum() / rows.sum() == pytest.approx(result.metrics["brier"])


def test_the_same_seed_gives_the_same_tree_and_a_tie_changes_nothing(trained):
    job, first = trained
    second = run_train(job)
    assert (second.rules, second.threshold, second.metrics) == (first.rules, first.threshold, first.metrics)
    assert not second.promoted
    assert "which chance explains" in second.reason
    assert second.champion_version == first.model_version
    registry = Registry(job.settings)
    assert registry.live().number == first.model_version
    challenger = registry.named("challenger")
    assert challenger.number == second.model_version
    assert challenger.tags["reason"] == second.reason
    assert float(challenger.tags["decided_difference_low"]) == 0


def test_a_new_process_says_the_same(trained, tmp_path):
    job, result = trained
    registry = open_registry(job.settings)
    rows = job.lake.read(TABLE).orderBy("user_id", "cut").limit(40)
    own = with_probability(registry.load(registry.live()), rows).orderBy("user_id", "cut").collect()
    said = [float(row["probability"] >= result.threshold) for row in own]
    frame = tmp_path / "rows.parquet"
    rows.select(*(column.name for column in IN_SESSION.inputs)).toPandas().to_parquet(frame)
    script = tmp_path / "predict.py"  # not `python -c`: PySpark takes that for a doctest, and ends it
    script.write_text(
        "import json, sys, mlflow, pandas\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/purchase_in_session@champion')\n"
        "print(json.dumps([float(one) for one in model.predict(pandas.read_parquet(sys.argv[2]))]))\n"
    )
    command = [sys.executable, str(script), tracking_uri(job.settings), str(frame)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout.splitlines()[-1]) == said
    assert 0 < sum(said) < len(said)


def test_unknown_categories_and_nulls_get_a_probability(trained):
    job, _ = trained
    registry = open_registry(job.settings)
    nothing = job.spark.createDataFrame(
        [(1, *[None] * len(NUMBERS), "carrier pigeon", None, "hats", None)],
        ", ".join(f"`{column.name}` {column.type}" for column in IN_SESSION.inputs),
    )
    assert 0 <= with_probability(registry.load(registry.live()), nothing).first()["probability"] <= 1


def test_more_categories_than_a_tree_takes(job):
    rows = [list(row) for row in examples(buys=noisy)]
    place = TABLE.column_names.index("last_category")
    for number, row in enumerate(rows):
        row[place] = f"category {number}"
    fill(job, [tuple(row) for row in rows])
    assert run_train(job, max_depth=2).promoted


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "There is no training data"),
        (examples(30, closed=lambda _: False), "None of the 30 sessions has its answer yet"),
        (examples(60, closed=lambda user: user < 20), "Only 20 sessions have their answer, and training needs 50; 40"),
        (examples(100, buys=lambda *_: False), "The answer is no for all 59 sessions in the training period"),
        (examples(100, buys=lambda *_: True), "The answer is yes for all 59 sessions in the training period"),
    ],
)
def test_too_little_to_learn_from_is_refused(job, rows, says):
    fill(job, rows)
    with pytest.raises(DataError, match=says) as refused:
        run_train(job)
    assert refused.value.hint
    assert not (job.settings.mlflow_home / "mlflow.db").exists()


def test_a_lake_without_the_table_has_no_training_data(job):
    with pytest.raises(DataError, match="clickstream aggregate"):
        run_train(job)


def test_nobody_who_buys_later_is_nothing_to_judge_by(job):
    rows = examples(100, buys=noisy)
    place = TABLE.column_names.index("bought_later")
    fill(job, [(*row[:place], row[place] and row[0] < "visitor-00070", *row[place + 1 :]) for row in rows])
    with pytest.raises(DataError, match="The answer is no for all 20 sessions in the test period"):
        run_train(job)


def test_a_search_takes_the_shape_that_is_best_on_other_users(job):
    ticks = []
    fill(job, examples(buys=noisy))
    result = run_train(job, max_depth=2, search=True, say=lambda _, share=None: ticks.append(share))
    assert result.shape["max_depth"] == 2
    assert [tick for tick in ticks if tick is not None] == pytest.approx([number / 12 for number in range(13)])
    assert result.metrics["average_precision"] > result.metrics["prevalence"] + 0.2


def test_the_other_question_has_a_model_of_its_own(job):
    place = TABLE.column_names.index("bought_later")
    rows = examples(buys=noisy)
    fill(job, [(*row[:place], False, *row[place + 1 :]) for row in rows])  # nobody buys in the session itself
    result = run_train(job, question=QUESTIONS["next_session"], max_depth=2)
    assert (result.model_name, result.promoted) == ("purchase_next_session", True)
    assert Registry(job.settings).champion() is None


def test_labels_that_mean_nothing_teach_nothing(job):
    chance = random.Random(3)
    fill(job, examples(1_000, buys=lambda *_: chance.random() < 0.3))
    result = run_train(job, max_depth=4)
    low, high = result.intervals["average_precision"]
    assert low < result.metrics["prevalence"] < high + 0.02
    assert result.metrics["roc_auc"] == pytest.approx(0.5, abs=0.08)


def test_periods_that_differ_are_said_to(job):
    place = TABLE.column_names.index("price_last")
    rows = examples(400, buys=noisy)
    fill(job, [(*row[:place], 1.0 + (row[0] > "visitor-00320"), *row[place + 1 :]) for row in rows])
    result = run_train(job, max_depth=2)
    assert result.periods_auc > 0.9
    assert "differs from the training period, most in price_last" in result.notes[-1]
