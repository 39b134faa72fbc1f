"""Descriptions are for people: no output and no decision depends on their text."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import pytest

from gold.shared.features import FEATURES
from lakehouse.table import Format
from pipelines import gold_builder
from pipelines.bi.html.render import Report
from pipelines.bi.powerbi.project import project_files
from pipelines.bi.powerbi.sources import SourceKind, gold_source
from pipelines.ml import explanation
from pipelines.ml.targets import TARGETS
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.settings import load_settings
from tests.pipelines.bi.html.made_gold import made_gold, no_gold, write_gold

OTHER_WORDS = ["Other words.", "COUNT(DISTINCT user_id), null before the first; a share, a mean."]


def described(column, words):
    return dataclasses.replace(column, doc=words)


def all_described(tables, words):
    """The tables with other descriptions."""
    return tuple(
        dataclasses.replace(
            table, doc=f"One row per {words}", columns=tuple(described(column, words) for column in table.columns)
        )
        for table in tables
    )


def without_descriptions(files):
    return {path: re.sub(r"(?m)^\t*///.*\n", "", text) for path, text in files.items()}


@pytest.mark.parametrize("words", OTHER_WORDS)
def test_power_bi_shows_the_same_whatever_the_words(words):
    source = gold_source(SourceKind.folder, "/lake/gold")
    before = project_files(tuple(GOLD.values()), source)
    after = project_files(all_described(GOLD.values(), words), source)
    assert after != before
    assert without_descriptions(after) == without_descriptions(before)


@pytest.mark.parametrize("words", OTHER_WORDS)
def test_the_html_report_is_the_same_whatever_the_words(words, tmp_path):
    write_gold(tmp_path, no_gold() | made_gold(sessions=40, days=5))

    def html(tables):
        report = Report(tables)
        gold = report.open(str(tmp_path))
        with gold.connection:
            return report.html(gold, made_at=dt.datetime(2026, 2, 10, tzinfo=dt.UTC))

    assert html(all_described(GOLD.values(), words)) == html(tuple(GOLD.values()))


def conditions_on(inputs):
    """What the tree says of a split at each number: at one that only a missing value is below, and at another."""

    def split(index, threshold):
        return {"featureIndex": index, "numCategories": -1, "leftCategoriesOrThreshold": [threshold]}

    return [
        explanation._conditions(split(index, threshold), inputs, ())
        for index in range(len(inputs))
        for threshold in (-0.5, 3)
    ]


@pytest.mark.parametrize("words", OTHER_WORDS)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_tree_is_explained_the_same_whatever_the_words(target, words):
    assert conditions_on([described(column, words) for column in target.numbers]) == conditions_on(target.numbers)


def test_the_tree_says_where_a_value_may_not_be_known():
    known = {column.name: column for column in FEATURES}
    assert conditions_on([known["price_mean"], known["page_views"]]) == [
        ("price_mean is not known yet", "price_mean is known"),
        ("price_mean <= 3 or not known yet", "price_mean > 3"),
        ("page_views <= -0.5", "page_views > -0.5"),
        ("page_views <= 3", "page_views > 3"),
    ]


@pytest.mark.parametrize("words", OTHER_WORDS)
def test_the_stream_goes_on_whatever_the_words(words, monkeypatch):
    settings = load_settings()
    tables = gold_builder.incremental_tables()
    before = gold_builder.gold_checkpoint(settings)
    monkeypatch.setattr(gold_builder, "incremental_tables", lambda: all_described(tables, words))
    assert gold_builder.gold_checkpoint(settings) == before


@pytest.mark.parametrize("table", GOLD.values(), ids=GOLD)
def test_names_that_people_read_as_a_format_declare_it(table):
    formats = {"_id": Format.ID, "_hash": Format.HASH, "_rate": Format.SHARE, "_share": Format.SHARE}
    formats |= {"_mean": Format.MEAN, "probability": Format.SHARE, "threshold": Format.SHARE}
    for column in table.columns:
        for ending, values in formats.items():
            if column.name.endswith(ending):
                assert column.format is values, column.name
        assert not (column.additive and "COUNT(DISTINCT" in column.doc), column.name
