"""An MLflow store that goes away during training, and one that is damaged before scoring."""

from __future__ import annotations

import pytest

from gold.prediction_log import TABLE as LOG
from lakehouse.errors import OutsideError
from pipelines.ml.registry import Registry, open_registry
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.score import run_score
from pipelines.train import run_train
from tests.support.training import examples, fill, noisy

pytestmark = [pytest.mark.faults, pytest.mark.spark]


def test_a_store_lost_during_training_leaves_the_champion(job, monkeypatch):
    fill(job, examples(buys=noisy))
    run_train(job, max_depth=2)
    champion = open_registry(job.settings).champion()
    home, aside = job.settings.mlflow_home, job.settings.mlflow_home.with_name("aside")
    register = Registry.register

    def gone(*arguments):
        home.rename(aside)
        home.write_text("no folder")
        return register(*arguments)

    monkeypatch.setattr(Registry, "register", gone)
    fill(job, examples(buys=noisy, seed=2))
    with pytest.raises(OutsideError, match=r"MLflow store in .* failed.*run it again"):
        run_train(job, max_depth=3)
    monkeypatch.undo()
    home.unlink()
    aside.rename(home)
    assert open_registry(job.settings).champion() == champion
    assert run_train(job, max_depth=3).version != champion


def test_a_damaged_store_stops_scoring_before_any_write(spark, tmp_path):
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")
    damaged = Job(settings, spark)
    settings.mlflow_home.mkdir(parents=True)
    (settings.mlflow_home / "mlflow.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(OutsideError, match=r"MLflow store .* is damaged.*Restore it"):
        run_score(damaged)
    assert not damaged.lake.exists(LOG)
