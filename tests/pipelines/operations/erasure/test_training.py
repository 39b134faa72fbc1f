"""A training beside an erasure: its model is in the receipt, or has learnt nothing of the person."""

from __future__ import annotations

import pytest

from gold.training_examples import TABLE
from pipelines import train as training
from pipelines.ml.registry import Registry
from pipelines.ml.training import ErasedMeanwhileError
from pipelines.operations.erasure import erase
from pipelines.operations.erasure.erase import run_erase
from pipelines.runtime.catalog import TABLES
from pipelines.train import run_train
from tests.support.training import examples, fill, noisy

pytestmark = pytest.mark.spark

WHO = "user-00003"


@pytest.fixture
def shop(job, tables):
    for table in TABLES.values():
        assert tables.exists(table)
    fill(job, examples(buys=noisy))
    return job


def while_it_evaluates(monkeypatch, work):
    """Does some work each time when a training has read its rows, and not registered yet."""
    evaluate = training.evaluate_on_test

    def evaluated(*arguments):
        work()
        return evaluate(*arguments)

    monkeypatch.setattr(training, "evaluate_on_test", evaluated)


def test_a_model_of_before_the_erasure_is_trained_again(shop, monkeypatch):
    receipts = []

    def erase_once():
        if not receipts:
            receipts.append(run_erase(shop.settings, [WHO]))

    while_it_evaluates(monkeypatch, erase_once)
    result = run_train(shop, max_depth=2)
    assert [version.number for version in Registry(shop.settings).versions()] == ["1"]
    learnt_from = shop.lake.read(TABLE, result.record.data.table_version)
    assert learnt_from.where(f"user_id = '{WHO}'").isEmpty()
    assert not learnt_from.isEmpty()
    assert receipts[0].models == ()


def test_training_is_given_up_where_people_go_all_the_time(shop, monkeypatch):
    people = iter(range(9))
    while_it_evaluates(monkeypatch, lambda: run_erase(shop.settings, [f"user-{next(people):05}"]))
    with pytest.raises(ErasedMeanwhileError, match="not registered"):
        run_train(shop, max_depth=2)
    assert Registry(shop.settings).versions() == []
    assert next(people) == 3


def test_a_model_that_is_registered_amid_it_is_listed(shop, monkeypatch):
    take_out = erase._Erasure._take_out

    def trained_first(erasure, *arguments):
        run_train(shop, max_depth=2)
        take_out(erasure, *arguments)

    monkeypatch.setattr(erase._Erasure, "_take_out", trained_first)
    receipt = run_erase(shop.settings, [WHO])
    assert [(one.model, one.version) for one in receipt.models] == [("purchase_in_session", "1")]
    shop.lake.forget(TABLE)
    assert shop.lake.read(TABLE).where(f"user_id = '{WHO}'").isEmpty()
