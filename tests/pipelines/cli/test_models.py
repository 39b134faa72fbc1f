"""The registered versions are listed, promoted by hand, rolled back and compared."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from lakehouse.errors import DataError, UsageError
from pipelines.cli import models
from pipelines.ml.promotion import roll_back
from pipelines.ml.registry import Registry
from pipelines.ml.targets import TARGETS, TargetName
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.train import run_train
from tests.support.training import examples, fill, noisy, train_live

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def generations(spark, tmp_path_factory):
    """An installation with a poor first model and a better second one."""
    home = tmp_path_factory.mktemp("generations")
    job = Job(load_settings(lake=str(home / "lake"), state=home / "state"), spark)
    fill(job, examples(600, buys=noisy))
    train_live(job, max_depth=1, where="cut = 1")
    return job, run_train(job, max_depth=3)


@pytest.fixture
def command(generations, monkeypatch):
    job, _ = generations
    monkeypatch.setattr(models, "load_settings", lambda: job.settings)
    monkeypatch.setattr("pipelines.runtime.job.open_job", lambda *_: job)

    def run(*words):
        result = CliRunner().invoke(models.app, [*words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return run


def test_the_list_says_why_each_version_is_or_is_not_live(command, generations):
    _, second = generations
    shown = json.loads(command("list", "--json"))
    assert [one["number"] for one in shown] == ["2", "1"]
    assert shown[0]["tags"]["reason"] == second.decision.reason
    assert [one["aliases"] for one in shown] == (
        [["champion"], []] if second.decision.promoted else [["challenger"], ["champion"]]
    )
    table = command("list")
    assert "Will this open session end in a purchase?" in table
    assert "champion" in table


def test_a_version_is_promoted_by_hand_and_rolled_back(command, generations):
    registry = Registry(generations[0].settings)
    command("promote", "1")
    assert command("promote", "2", "--reason", "I say so.") == (
        "Version 2 of purchase_in_session is live in place of version 1.\n"
    )
    assert registry.live().number == "2"
    assert registry.live().why.endswith("Made live: I say so.")
    assert "Version 1 of purchase_in_session is live again" in command("rollback", "--reason", "It was a mistake.")
    assert registry.live().number == "1"
    assert registry.version("2").why.endswith("Taken back: It was a mistake.")
    command("promote", "2")
    assert "Taken back" not in registry.live().why


def test_what_replaced_nothing_cannot_be_rolled_back(command, job):
    fill(job, examples(buys=noisy))
    train_live(job, max_depth=1)
    registry = Registry(job.settings)
    with pytest.raises(DataError, match="replaced no other"):
        roll_back(registry, "Why not.")
    with pytest.raises(UsageError, match=r"no version '7'. It has 2, 1"):
        command("promote", "7")


def test_two_versions_are_compared_on_the_same_rows(command):
    found = json.loads(command("compare", "2", "1", "--json"))
    back = json.loads(command("compare", "1", "2", "--json"))
    assert found["rows"] == back["rows"] > 100
    assert found["average_precisions"] == back["average_precisions"][::-1]
    low, high = found["precision_interval"]
    assert back["precision_interval"] == pytest.approx([-high, -low])
    assert "average precision" in command("compare", "2", "1")
    with pytest.raises(UsageError, match="Name two different versions"):
        command("compare", "2", "2")


def test_question_goes_on_working_as_the_name_of_target(command):
    assert json.loads(command("list", "--question", "in_session", "--json")) == json.loads(command("list", "--json"))
    listed = command("list", "--target", "next_session")
    assert listed == command("list", "--question", "next_session")
    assert "Will this user's next session bring a purchase?" in listed


def test_the_option_names_every_target():
    assert [*TARGETS] == [name.value for name in TargetName]
