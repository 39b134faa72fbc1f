"""The registered versions: shown, made live by hand, taken back, compared; and what a tree is and says."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gold.training_examples import TABLE
from lakehouse.errors import DataError, UsageError
from pipelines.cli import models
from pipelines.ml.explanation import read_tree, rules, with_path
from pipelines.ml.model import Shape, fit_tree, learn_encoding, with_probability
from pipelines.ml.registry import Registry
from pipelines.ml.targets import IN_SESSION, QUESTIONS, QuestionName
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.train import run_train
from tests.pipelines.test_train import examples, fill, noisy, train_live

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
    monkeypatch.setattr(models, "open_job", lambda *_: job)

    def run(*words):
        result = CliRunner().invoke(models.app, [*words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return run


def test_each_version_is_shown_with_what_decided(command, generations):
    _, second = generations
    shown = json.loads(command("list", "--json"))
    assert [one["number"] for one in shown] == ["2", "1"]
    assert shown[0]["tags"]["reason"] == second.reason
    assert [one["aliases"] for one in shown] == (
        [["champion"], []] if second.promoted else [["challenger"], ["champion"]]
    )
    table = command("list")
    assert "Will this open session end in a purchase?" in table
    assert "champion" in table


def test_a_version_is_made_live_by_hand_and_taken_back(command, generations):
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


def test_what_replaced_nothing_cannot_be_taken_back(command, job):
    fill(job, examples(buys=noisy))
    train_live(job, max_depth=1)
    registry = Registry(job.settings)
    with pytest.raises(DataError, match="replaced no other"):
        registry.roll_back("Why not.")
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


def test_the_questions_are_those_that_can_be_asked():
    assert [*QUESTIONS] == [one.value for one in QuestionName]


@pytest.fixture
def tree(job):
    """A tree of two levels on rows with a signal, and the rows."""
    fill(job, examples(400, buys=noisy))
    rows = job.lake.read(TABLE)
    encoding = learn_encoding(rows, IN_SESSION)
    return fit_tree(rows, encoding, Shape(2, 20, "gini"), seed=1), rows


def test_leaves_of_the_same_majority_stay_apart(tree):
    model, rows = tree
    given = {row["probability"] for row in with_probability(model, rows).select("probability").distinct().collect()}
    leaves = [*read_tree(model, IN_SESSION).leaves()]
    assert len(leaves) == 4
    assert len(given) == 4
    assert sum(one < 0.5 for one in given) >= 2


def test_a_path_names_what_was_asked_and_leads_to_the_probability(tree):
    model, rows = tree
    root = read_tree(model, IN_SESSION)
    words = rules(root, IN_SESSION)
    assert root.rows == rows.count()
    found = (
        with_path(model, [*root.leaves()], IN_SESSION, rows)
        .select("probability", "path", "cart_adds")
        .distinct()
        .collect()
    )
    for row in found:
        assert f"{row['probability']:.1%} buy" in words
        assert row["path"].startswith(f"cart adds {row['cart_adds']:g}")


def test_a_path_has_words_for_texts_and_for_what_is_not_known(job):
    rows = [list(row) for row in examples(400, buys=lambda *_: False)]
    names = TABLE.column_names
    for number, row in enumerate(rows):
        row[names.index("last_category")] = (None, "shoes")[number % 2]
        row[names.index("price_last")] = (None, 19.5)[number // 2 % 2]
        row[names.index("bought_later")] = number % 4 == 3
    fill(job, [tuple(row) for row in rows])
    examples_ = job.lake.read(TABLE)
    model = fit_tree(examples_, learn_encoding(examples_, IN_SESSION), Shape(2, 20, "gini"), seed=1)
    paths = {
        row["path"]
        for row in with_path(model, [*read_tree(model, IN_SESSION).leaves()], IN_SESSION, examples_)
        .select("path")
        .distinct()
        .collect()
    }
    told = {phrase for path in paths for phrase in path.split(", ")}
    assert {"price last 19.5", "no price last yet", "last category shoes", "no last category yet"} >= told
    assert len(told) >= 3
