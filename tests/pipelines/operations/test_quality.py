"""A day with too many quarantined records fails."""

from __future__ import annotations

import pytest

from gold.data_quality import TABLE as QUALITY
from pipelines.aggregate import run_aggregate
from pipelines.gold_builder import STREAM
from pipelines.operations import quality
from pipelines.refine import run_refine
from tests.support.records import land, record, rows, value

pytestmark = pytest.mark.spark


def test_a_day_with_too_many_bad_records_fails(job, tables, gold_of):
    gold_of(QUALITY)
    land(tables, "clicks", [record("clicks", n, value("clicks", price=-1 if n < 3 else n)) for n in range(4)])
    land(tables, "page_views", [record("page_views", 0, value("page_views"))])
    run_refine(job)
    assert run_aggregate(job)[STREAM].rows == 5
    assert run_aggregate(job)[STREAM].rows == 0
    found = {(day.event, day.received, day.kept, day.quarantined, day.verdict) for day in quality.run_quality(job)}
    assert found == {("clicks", 4, 1, 3, "fail"), ("page_views", 1, 1, 0, "ok")}
    assert rows(tables.read(QUALITY).where("rule = 'all'"), "event", "event_id_reused") == [
        ("clicks", 0),
        ("page_views", 0),
    ]
    rules = tables.read(QUALITY).where("rule != 'all'")
    assert rows(rules, "event", "rule", "received", "quarantined") == [("clicks", "price_negative", 4, 3)]


def test_strangers_under_one_event_id_are_counted(job, tables, gold_of):
    gold_of(QUALITY)
    bodies = [value("clicks", event_id="1", user_id=user) for user in ("u1", "u2", "u3")]
    bodies += [value("clicks", event_id="2"), value("clicks"), value("clicks", event_id="n/a", user_id="u4")]
    for number, body in enumerate(bodies):  # over several batches
        land(tables, "clicks", [record("clicks", number, body)])
        run_refine(job)
        run_aggregate(job)
    found = tables.read(QUALITY)
    assert rows(found, "rule", "received", "kept", "event_id_reused") == [("all", 6, 6, 3)]
