"""What a training learns, refuses, registers and makes live."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest
from pyspark.ml import PipelineModel

from gold.shared.features import NUMBERS
from gold.training_examples import TABLE
from lakehouse.embedded_kafka.config import free_port
from lakehouse.errors import DataError
from pipelines.ml.calibration import CalibrationCurve
from pipelines.ml.leaf_values import with_corrected_leaves
from pipelines.ml.model_files import FILES
from pipelines.ml.model_package import load_tree, model_folder
from pipelines.ml.prediction import leaf_paths, predict_with_path, with_probability
from pipelines.ml.registry import ANSWERS, Registry, open_registry
from pipelines.ml.saved_tree import read_saved_tree
from pipelines.ml.store import tracking_uri
from pipelines.ml.targets import IN_SESSION, TARGETS
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.train import run_train, train
from tests.support.polling import until
from tests.support.training import examples, fill, noisy

pytestmark = pytest.mark.spark


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
    record, evaluation = result.record, result.record.evaluation
    assert result.decision.promoted
    assert evaluation.metrics["average_precision"] > evaluation.metrics["prevalence"] + 0.2
    assert next(iter(record.importances)) == "cart_adds"
    assert "cart_adds <= 0.5" in record.rules
    assert "Products put into the cart so far, as sessions.cart_adds counts." in record.rules
    assert set(evaluation.baselines) == {"all_negative", "one_rule", "logistic_regression"}
    assert set(evaluation.metrics_by_cutoff) == {1, 2, 3}
    low, high = evaluation.intervals["average_precision"]
    assert low <= evaluation.metrics["average_precision"] <= high
    assert record.notes()[0].startswith("Made of 2")  # two hundred and some: too few to trust


KEYS = (
    *("job", "seconds", "model_name", "model_version", "run_id", "promoted", "reason", "threshold"),
    *("validation_from", "test_from", "sessions", "shape", "metrics", "intervals", "metrics_by_cut", "baselines"),
    *("champion_version", "decided_by", "periods_auc", "importances", "rules", "notes"),
)
"""The keys of ``train --json``, in their order: an interface."""


def test_json_has_the_promised_keys_and_the_trained_figures(trained, monkeypatch, capsys):
    job, result = trained
    monkeypatch.setattr("pipelines.train.open_job", lambda *_, **__: job)
    monkeypatch.setattr("pipelines.train.run_train", lambda *_, **__: result)
    train(as_json=True)
    document = json.loads(capsys.readouterr().out)
    evaluation = result.record.evaluation
    assert tuple(document) == KEYS
    assert document["job"] == "train"
    assert (document["model_name"], document["model_version"]) == ("purchase_in_session", "1")
    assert (document["promoted"], document["champion_version"]) == (True, None)
    assert document["shape"] == {"max_depth": 18, "rows_per_leaf": 15, "impurity": "gini"}
    assert set(document["sessions"]) == {"train", "validation", "test"}
    assert document["metrics"] == pytest.approx(evaluation.metrics)
    assert document["intervals"] == {name: list(pair) for name, pair in evaluation.intervals.items()}
    assert set(document["metrics_by_cut"]) == {"1", "2", "3"}
    assert set(document["baselines"]) == {"all_negative", "one_rule", "logistic_regression"}
    (precision,) = {one.average_precisions[0] for one in evaluation.comparisons.values()}
    assert document["decided_by"]["average_precision"] == precision
    assert document["threshold"] == evaluation.threshold == pytest.approx(0.2)
    assert document["validation_from"] < document["test_from"]
    assert document["notes"] == result.record.notes()


def test_what_mlflow_keeps_names_its_data_and_no_user(trained):
    job, result = trained
    home = job.settings.mlflow_home
    files = [path for path in home.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    figures = {"precision_recall", "roc", "confusion", "calibration", "lift", "by_cut", "importances", "tree"}
    assert {f"{name}.png" for name in figures} <= names
    assert {"rules.txt", "importances.csv", "answers.csv", "profile.json", "MLmodel", "requirements.txt"} <= names
    assert not [name for name in names if "pickle" in name or name.endswith(".pkl")]
    for path in files:
        body = path.read_bytes()
        assert b"user-0" not in body, path
        assert b"cloudpickle" not in body or path.suffix == ".yaml", path
    assert not list((job.settings.state_root / "scratch").rglob("*.parquet"))

    from mlflow import MlflowClient

    run = MlflowClient(tracking_uri(job.settings)).get_run(result.version.run_id)
    assert run.info.run_name == "purchase_in_session version 1"
    assert run.data.tags["table"] == TABLE.name
    assert run.data.tags["table_version"] == str(job.lake.version(TABLE))
    evaluation = result.record.evaluation
    assert run.data.metrics["test/average_precision"] == pytest.approx(evaluation.metrics["average_precision"])
    assert run.inputs.dataset_inputs[0].dataset.name == TABLE.name
    assert run.inputs.dataset_inputs[0].dataset.digest == run.data.tags["table_digest"]
    assert run.data.params["first_session"] == "2026-01-01 00:00:00"
    assert run.data.metrics["test/average_precision_low"] == evaluation.intervals["average_precision"][0]


def test_kept_predictions_are_those_that_were_measured(trained):
    job, result = trained
    registry = Registry(job.settings)
    params, metrics = registry.params_and_metrics(result.version)
    assert params["test_from"] == result.document()["test_from"]
    header, *lines = registry.text(result.version, ANSWERS).splitlines()
    assert header == "probability,rows,buyers"
    probabilities, rows, buyers = np.array([[float(value) for value in line.split(",")] for line in lines]).T
    assert rows.sum() == metrics["test/rows"]
    measured = result.record.evaluation.metrics
    assert buyers.sum() / rows.sum() == pytest.approx(measured["prevalence"])
    squares = buyers * (1 - probabilities) ** 2 + (rows - buyers) * probabilities**2
    assert squares.sum() / rows.sum() == pytest.approx(measured["brier"])


def test_the_same_seed_gives_the_same_tree_which_is_no_champion(trained):
    job, first = trained
    second = run_train(job)
    assert second.record.rules == first.record.rules
    assert second.record.evaluation.threshold == first.record.evaluation.threshold
    assert second.record.evaluation.metrics == first.record.evaluation.metrics
    assert not second.decision.promoted
    assert "which chance explains" in second.decision.reason
    assert second.champion == first.version
    registry = Registry(job.settings)
    assert registry.live() == first.version
    challenger = registry.version_with_alias("challenger")
    assert challenger == second.version
    assert challenger.tags["reason"] == second.decision.reason
    assert float(challenger.tags["decided_difference_low"]) == 0


SERVE = """
import json, sys, time
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/purchase_in_session@champion")
rows = pandas.read_parquet(sys.argv[2])
model.predict(rows)
began = time.perf_counter()
found = model.predict(rows)
seconds = time.perf_counter() - began
example = model.predict(model.input_example)
optional = [one.name for one in model.metadata.get_input_schema() if not one.required]
without = model.predict(rows.drop(columns=optional))
print(json.dumps([found.to_dict("list"), seconds, len(example), optional, len(without)]))
"""


def test_a_process_without_java_predicts_the_same(trained, tmp_path):
    job, result = trained
    registry = open_registry(job.settings)
    rows = job.lake.read(TABLE).orderBy("user_id", "cut").limit(40)
    model = registry.load(registry.live())
    own = predict_with_path(model, leaf_paths(model), IN_SESSION, rows).orderBy("user_id", "cut").collect()
    frame = tmp_path / "rows.parquet"
    inputs = [column.name for column in IN_SESSION.inputs]
    rows.select(*inputs).toPandas().to_parquet(frame)
    script = tmp_path / "predict.py"
    script.write_text(SERVE)
    command = [sys.executable, str(script), tracking_uri(job.settings), str(frame)]
    without_java = {"PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=without_java)
    found, seconds, example, optional, without = json.loads(done.stdout.splitlines()[-1])
    assert found["probability"] == [row["probability"] for row in own]
    assert found["path"] == [row["path"] for row in own]
    assert set(found["threshold"]) == {result.version.threshold}
    assert found["prediction"] == [row["probability"] >= result.version.threshold for row in own]
    assert 0 < sum(found["prediction"]) < len(own)
    assert seconds < 0.5
    assert (example, without) == (1, 40)
    assert set(optional) == {column.name for column in IN_SESSION.inputs if not column.required}


def test_a_served_model_answers_json(trained):
    """What `mlflow models serve` does with a request."""
    from mlflow.pyfunc import load_model
    from mlflow.pyfunc.scoring_server import invocations

    job, result = trained
    model = load_model(str(model_folder(job.settings, result.version)))
    request = json.dumps({"dataframe_split": json.loads(model.input_example.to_json(orient="split"))})
    answered = invocations(request, "application/json", model, model.metadata.get_input_schema())
    assert answered.status == 200
    (answer,) = json.loads(answered.response)["predictions"]
    assert set(answer) == {"probability", "prediction", "threshold", "path"}


def test_mlflow_serves_the_model_by_its_own_command(trained, tmp_path):
    job, result = trained
    folder = model_folder(job.settings, result.version)
    port = str(free_port(None))
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "-m",
        str(folder),
        "-p",
        port,
        "--env-manager",
        "local",
    ]
    without_java = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path), "JAVA_HOME": "/none"}
    log = (tmp_path / "log").open("w")
    with subprocess.Popen(
        command, env=without_java, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
    ) as it:
        try:
            address = f"http://127.0.0.1:{port}"
            until(lambda: answers(f"{address}/ping"), "an answer of the server", limit=120)
            example = json.loads(result.record.example.to_json(orient="split", index=False))
            body, kind = json.dumps({"dataframe_split": example}).encode(), {"Content-Type": "application/json"}
            request = Request(f"{address}/invocations", body, kind)  # noqa: S310 - this machine's own
            with urlopen(request, timeout=60) as answered:  # noqa: S310 - this machine's own
                (answer,) = json.loads(answered.read())["predictions"]
        finally:
            os.killpg(it.pid, signal.SIGTERM)
    assert set(answer) == {"probability", "prediction", "threshold", "path"}
    assert answer["threshold"] == result.version.threshold


def answers(address):
    try:
        with urlopen(address, timeout=5) as found:  # noqa: S310 - this machine's own
            return found.status == 200
    except OSError:
        return False


def test_what_was_chosen_on_validation_is_kept(trained):
    job, result = trained
    params, metrics = Registry(job.settings).params_and_metrics(result.version)
    assert params["threshold_chosen_on"] == "costs"
    assert float(params["threshold_by_costs"]) == pytest.approx(0.2)
    assert float(params["calibration_slope"]) > 0
    assert params["teacher_folds"] == "4"
    assert metrics["teacher/average_precision"] == pytest.approx(result.record.evaluation.teacher["average_precision"])
    assert metrics["validation/calibration_error_after"] >= 0


def test_corrected_leaves_are_in_the_model_itself(trained, tmp_path):
    """Spark, the same model loaded again, and the tree as data give the corrected probability, to the last bit."""
    job, result = trained
    curve = CalibrationCurve(-0.7, 1.4)
    plain = result.record.model
    corrected = with_corrected_leaves(plain, curve)
    corrected.save(str(tmp_path / "model"))
    rows = job.lake.read(TABLE)
    frame = rows.orderBy(*TABLE.key).toPandas()
    before, after = (
        with_probability(one, rows).orderBy(*TABLE.key).toPandas()["probability"].to_numpy()
        for one in (plain, corrected)
    )
    assert after == pytest.approx(curve(before), abs=1e-12)
    assert len(np.unique(after)) == len(np.unique(before)) > 2
    loaded = read_saved_tree(tmp_path / "model", IN_SESSION, 0.2)
    assert loaded.predict(frame).probability.tobytes() == after.tobytes()
    again = with_probability(PipelineModel.load(str(tmp_path / "model")), rows).orderBy(*TABLE.key).toPandas()
    assert again["probability"].to_numpy().tobytes() == after.tobytes()


def test_a_version_without_its_tree_as_data_is_read(trained):
    """Releases that wrote no tree as data wrote no digest of a version's files either."""
    job, result = trained
    tree = load_tree(job.settings, IN_SESSION, result.version)
    older = {name: value for name, value in result.version.tags.items() if name != FILES}
    file = model_folder(job.settings, result.version) / "tree.json"
    text = file.read_text()
    file.unlink()
    try:
        assert load_tree(job.settings, IN_SESSION, replace(result.version, tags=older)) == tree
    finally:
        file.write_text(text)


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
    assert run_train(job, max_depth=2).decision.promoted


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "There is no training data"),
        (examples(30, closed=lambda _: False), "None of the 30 sessions has a known outcome yet"),
        (
            examples(60, closed=lambda user: user < 20),
            "Only 20 sessions have a known outcome, and training needs 50; 40",
        ),
        (examples(100, buys=lambda *_: False), "The outcome is no for all 59 sessions in the training period"),
        (examples(100, buys=lambda *_: True), "The outcome is yes for all 59 sessions in the training period"),
    ],
)
def test_too_little_training_data_is_refused(job, rows, message):
    fill(job, rows)
    with pytest.raises(DataError, match=message) as refused:
        run_train(job)
    assert refused.value.hint
    assert not (job.settings.mlflow_home / "mlflow.db").exists()


def test_a_lake_without_the_table_has_no_training_data(job):
    with pytest.raises(DataError, match="clickstream aggregate"):
        run_train(job)


def test_a_test_period_without_buyers_is_refused(job):
    rows = examples(100, buys=noisy)
    place = TABLE.column_names.index("bought_later")
    fill(job, [(*row[:place], row[place] and row[0] < "user-00070", *row[place + 1 :]) for row in rows])
    with pytest.raises(DataError, match="The outcome is no for all 20 sessions in the test period"):
        run_train(job)


def test_a_search_takes_the_shape_that_is_best_on_other_users(job):
    ticks = []
    fill(job, examples(buys=noisy))
    result = run_train(job, max_depth=2, search=True, report_progress=lambda _, share=None: ticks.append(share))
    assert result.record.shape["max_depth"] == 2
    assert [tick for tick in ticks if tick is not None] == pytest.approx([number / 12 for number in range(13)])
    metrics = result.record.evaluation.metrics
    assert metrics["average_precision"] > metrics["prevalence"] + 0.2


def test_the_other_target_has_a_model_of_its_own(job):
    place = TABLE.column_names.index("bought_later")
    rows = examples(buys=noisy)
    fill(job, [(*row[:place], False, *row[place + 1 :]) for row in rows])  # nobody buys in the session itself
    result = run_train(job, target=TARGETS["next_session"], max_depth=2)
    assert result.document()["model_name"] == "purchase_next_session"
    assert result.decision.promoted
    assert Registry(job.settings).champion() is None


def test_labels_that_mean_nothing_teach_nothing(job):
    chance = random.Random(3)
    fill(job, examples(1_000, buys=lambda *_: chance.random() < 0.3))
    result = run_train(job, max_depth=4)
    evaluation = result.record.evaluation
    low, high = evaluation.intervals["average_precision"]
    assert low < evaluation.metrics["prevalence"] < high + 0.02
    assert evaluation.metrics["roc_auc"] == pytest.approx(0.5, abs=0.08)


def test_a_shift_between_the_periods_is_noted(job):
    place = TABLE.column_names.index("price_last")
    rows = examples(400, buys=noisy)
    fill(job, [(*row[:place], 1.0 + (row[0] > "user-00320"), *row[place + 1 :]) for row in rows])
    result = run_train(job, max_depth=2)
    assert result.record.shift.roc_auc > 0.9
    assert "differs from the training period, most in price_last" in result.record.notes()[-1]
