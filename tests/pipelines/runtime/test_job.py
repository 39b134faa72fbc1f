"""A job is short where its tables are small."""

from __future__ import annotations

from bronze.raw_events import BRONZE
from gold.training_examples import TABLE as EXAMPLES
from pipelines.runtime import job
from pipelines.runtime.job import has_few_rows
from pipelines.runtime.settings import load_settings
from tests.pipelines.ml.test_scoring import example, rows_of
from tests.support.local_tables import make_tables


def test_a_lake_of_small_tables_has_few_rows(tmp_path, settings, monkeypatch):
    assert has_few_rows(settings, EXAMPLES)
    lake = make_tables(tmp_path, EXAMPLES)
    lake.append(EXAMPLES, rows_of(example(1, 1, keen=True)))
    assert has_few_rows(settings, EXAMPLES, *BRONZE.values())
    monkeypatch.setattr(job, "FEW_ROWS", 0)
    assert not has_few_rows(settings, EXAMPLES)


def test_where_it_cannot_be_told_a_lake_is_not_small(tmp_path, settings):
    lake = make_tables(tmp_path, EXAMPLES)
    (lake.folder(EXAMPLES) / "_delta_log" / f"{0:020d}.json").write_text("{")
    assert not has_few_rows(settings, EXAMPLES)
    assert not has_few_rows(load_settings(lake="s3://shop/lake", state=tmp_path / "state"), EXAMPLES)
