"""Training: what is learnt, what is refused, what goes live, what is kept."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from gold.features import NUMBERS
from gold.training_examples import TABLE
from lakehouse.errors import DataError
from lakehouse.storage import struct
from pipelines.purchase_model import INPUTS, with_probability
from pipelines.registry import Registry, Version, open_registry, tracking_uri
from pipelines.session import Job
from pipelines.settings import load_settings
from pipelines.train import decide, run_train

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
            ends = (bought, None, at.date(), at, at + timedelta(minutes=cut))
            rows.append((f"visitor-{user:05}", "visit", cut, *numbers.values(), *texts, *ends))
    return rows


def noisy(keen, rng):
    return rng.random() < (0.8 if keen else 0.05)


def fill(job, rows):
    job.lake.ensure(TABLE)
    job.lake.overwrite(TABLE, job.spark.createDataFrame(rows, struct(job.spark, TABLE)))


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


def test_the_result_can_be_printed_for_machines(trained):
    from dataclasses import asdict

    json.dumps(asdict(trained[1]))


def test_what_is_kept_names_its_data_and_no_visitor(trained):
    job, result = trained
    home = job.settings.mlflow_home
    files = [path for path in home.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"rules.txt", "importances.csv", "importances.png", "MLmodel", "requirements.txt"} <= names
    assert not [name for name in names if "pickle" in name or name.endswith(".pkl")]
    for path in files:
        body = path.read_bytes()
        assert b"visitor-" not in body, path
        assert b"cloudpickle" not in body or path.suffix == ".yaml", path
    assert not list((job.settings.state_root / "scratch").rglob("*.parquet"))

    from mlflow import MlflowClient

    run = MlflowClient(tracking_uri(job.settings)).get_run(result.run_id)
    assert run.data.tags["table"] == TABLE.name
    assert run.data.tags["table_version"] == str(job.lake.version(TABLE))
    assert run.data.metrics["test/average_precision"] == pytest.approx(result.metrics["average_precision"])
    assert run.inputs.dataset_inputs[0].dataset.name == TABLE.name


def test_the_same_seed_gives_the_same_tree_and_a_tie_changes_nothing(trained):
    job, first = trained
    second = run_train(job)
    assert (second.rules, second.threshold, second.metrics) == (first.rules, first.threshold, first.metrics)
    assert not second.promoted
    assert second.champion_version == first.model_version
    assert Registry(job.settings).live().number == first.model_version


def test_a_new_process_says_the_same(trained, tmp_path):
    job, result = trained
    registry = open_registry(job.settings)
    rows = job.lake.read(TABLE).orderBy("user_id", "cut").limit(40)
    own = with_probability(registry.load(registry.live()), rows).orderBy("user_id", "cut").collect()
    said = [float(row["probability"] >= result.threshold) for row in own]
    frame = tmp_path / "rows.parquet"
    rows.select(*(column.name for column in INPUTS)).toPandas().to_parquet(frame)
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
        ", ".join(f"`{column.name}` {column.type}" for column in INPUTS),
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
        (examples(30, closed=lambda _: False), "All 30 sessions are still open"),
        (examples(60, closed=lambda user: user < 20), "Only 20 sessions are closed, and training needs 50; 40"),
        (examples(100, buys=lambda *_: False), "None of the 60 sessions in the training period"),
        (examples(100, buys=lambda *_: True), "All of the 60 sessions in the training period"),
    ],
)
def test_too_little_to_learn_from_is_refused(job, rows, says):
    fill(job, rows)
    with pytest.raises(DataError, match=says) as refused:
        run_train(job)
    assert refused.value.cure
    assert not (job.settings.mlflow_home / "mlflow.db").exists()


def test_a_lake_without_the_table_has_no_training_data(job):
    with pytest.raises(DataError, match="clickstream aggregate"):
        run_train(job)


def test_nobody_who_buys_later_is_nothing_to_judge_by(job):
    rows = examples(100, buys=noisy)
    place = TABLE.column_names.index("bought_later")
    fill(job, [(*row[:place], row[place] and row[0] < "visitor-00070", *row[place + 1 :]) for row in rows])
    with pytest.raises(DataError, match="None of the 20 sessions in the test period"):
        run_train(job)


def test_only_the_better_one_goes_live():
    live = Version("3", "run", 0.5)
    assert decide({"average_precision": 0.5, "prevalence": 0.1}, live, 0.4)[0]
    assert not decide({"average_precision": 0.4, "prevalence": 0.1}, live, 0.4)[0]
    assert decide({"average_precision": 0.2, "prevalence": 0.1}, None, None)[0]
    promoted, reason = decide({"average_precision": 0.1, "prevalence": 0.1}, None, None)
    assert not promoted
    assert "does not beat chance" in reason
