"""Silver and gold kept up by the jobs: late events, replays and rebuilds."""

from __future__ import annotations

import dataclasses
import sys

import pytest
from typer.testing import CliRunner

from bronze.raw_events import BRONZE
from gold.data_quality import TABLE as QUALITY
from gold.pipeline_metrics import TABLE as METRICS
from gold.sessions import TABLE as SESSIONS
from lakehouse.errors import OutsideError, UsageError
from lakehouse.locks import WriterLock
from pipelines.aggregate import run_aggregate
from pipelines.cli.quarantine import app as quarantine_app
from pipelines.gold_builder import STREAM
from pipelines.operations import quality, quarantine, recover
from pipelines.operations.checks_gold import check_gold
from pipelines.operations.quarantine_list import waiting_groups
from pipelines.operations.status import run_status
from pipelines.rebuild import Layer, content_hash, run_rebuild
from pipelines.refine import run_refine
from producers.contract.event_type import Field
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.records import land, record, rows, value

pytestmark = pytest.mark.spark


def test_what_waits_enters_silver_once_the_list_has_grown_and_a_rebuild_gives_the_same(job, tables, monkeypatch):
    unknown = value("interactions", interaction_type="teleport")
    land(tables, "interactions", [
        record("interactions", 0, unknown),
        record("interactions", 1, value("interactions", user_id=None, interaction_type="teleport")),
        record("interactions", 2, unknown),
        record("interactions", 3, b"not json"),
    ])  # fmt: skip
    run_refine(job)
    assert [row["rule"] for row in waiting_groups(job.settings)] == [
        "interaction_type_unknown", "json_invalid", "user_id_missing",
    ]  # fmt: skip

    monkeypatch.setattr("pipelines.operations.quarantine_list.load_settings", lambda: job.settings)
    shown = CliRunner().invoke(quarantine_app, ["show", "interactions", "0", "3"])
    assert "breaks           json_invalid: " in shown.stdout
    assert "value            not json" in shown.stdout

    grown = dataclasses.replace(EVENTS["interactions"], fields=tuple(map(with_teleport, EVENTS["interactions"].fields)))
    monkeypatch.setattr(quarantine, "EVENTS", {**EVENTS, "interactions": grown})
    planned = quarantine.run_replay(job, dry_run=True)
    assert (planned.judged, planned.good, planned.waiting) == (4, 2, 2)
    assert tables.read(SILVER["interactions"]).count() == 0
    assert quarantine.run_replay(job) == planned
    assert rows(tables.read(SILVER["interactions"]), "offset", "interaction_type") == [(0, "teleport")]
    assert rows(tables.read(DUPLICATES), "offset", "kept_offset") == [(2, 0)]
    assert rows(tables.read(QUARANTINE), "offset", "status", "rules") == [
        (0, "replayed", ["interaction_type_unknown"]),
        (1, "open", ["user_id_missing"]),
        (2, "replayed", ["interaction_type_unknown"]),
        (3, "open", ["json_invalid"]),
    ]
    assert quarantine.run_replay(job).good == 0

    assert quarantine.run_discard(job, reason="a test", rule="json_invalid") == 1
    assert rows(tables.read(QUARANTINE).where("status = 'discarded'"), "value", "discard_reason") == [
        (bytearray(b"not json"), "a test")
    ]
    with pytest.raises(UsageError, match="reason"):
        quarantine.run_discard(job, reason=" ", rule="json_invalid")


@pytest.mark.usefixtures("tables")
def test_a_replay_that_was_interrupted_is_finished_by_recover(job, monkeypatch):
    land(job.lake, "interactions", [record("interactions", 0, value("interactions", interaction_type="teleport"))])
    run_refine(job)
    grown = dataclasses.replace(EVENTS["interactions"], fields=tuple(map(with_teleport, EVENTS["interactions"].fields)))
    with monkeypatch.context() as patched:
        patched.setattr(quarantine, "EVENTS", {**EVENTS, "interactions": grown})
        patched.setattr(quarantine, "_write_down", lambda *_: sys.exit("killed"))
        with pytest.raises(SystemExit):
            quarantine.run_replay(job)
    assert quarantine.replayed_halfway(job).count() == 1
    monkeypatch.setattr(recover, "all_streams", lambda _: [])
    (finding,) = recover.run_recover(job, apply=True)
    assert "1 records are in silver" in finding.problem
    assert rows(job.lake.read(QUARANTINE), "status") == [("replayed",)]
    assert recover.run_recover(job) == [recover.Finding(QUARANTINE.name)]


def with_teleport(field: Field) -> Field:
    return dataclasses.replace(field, choices=(*field.choices, "teleport")) if field.choices else field


def test_silver_and_gold_are_rebuilt_to_the_same_rows(job, tables, gold_of):
    gold = (SESSIONS, QUALITY)
    gold_of(*gold)
    for event in EVENTS:
        good = value(event, event_id="e1")
        land(
            tables,
            event,
            [record(event, 0, good), record(event, 1, value(event)), record(event, 2, b"{}"), record(event, 3, good)],
        )
    run_refine(job)
    run_aggregate(job)
    quarantine.run_discard(job, reason="a test", event="clicks")
    run_aggregate(job)
    compared = ("topic", "partition", "offset", "value", "rules", "status", "discard_reason")
    before = {table.name: content_hash(tables.read(table)) for table in (*SILVER.values(), DUPLICATES, *gold)}
    waiting = rows(tables.read(QUARANTINE), *compared)

    run_rebuild(job, Layer.silver)
    assert {
        name: content_hash(tables.read(table))
        for name, table in {t.name: t for t in (*SILVER.values(), DUPLICATES)}.items()
    } == {name: before[name] for name in before if name.startswith("silver")}
    assert rows(tables.read(QUARANTINE), *compared) == waiting
    run_refine(job)
    run_aggregate(job)
    after = run_rebuild(job, Layer.gold)
    assert after == {name: before[name] for name in before if name.startswith("gold")}
    assert all(check.ok for check in check_gold(job, gold))


def test_a_day_with_too_many_bad_records_fails(job, tables, gold_of):
    gold_of(QUALITY)
    land(tables, "clicks", [record("clicks", n, value("clicks", price=-1 if n < 3 else n)) for n in range(4)])
    land(tables, "page_views", [record("page_views", 0, value("page_views"))])
    run_refine(job)
    assert run_aggregate(job)[STREAM].rows == 5
    assert run_aggregate(job)[STREAM].rows == 0
    found = {(day.event, day.received, day.kept, day.quarantined, day.verdict) for day in quality.run_quality(job)}
    assert found == {("clicks", 4, 1, 3, "fail"), ("page_views", 1, 1, 0, "ok")}
    rules = tables.read(QUALITY).where("rule != 'all'")
    assert rows(rules, "event", "rule", "received", "quarantined") == [("clicks", "price_negative", 4, 3)]


@pytest.mark.usefixtures("tables")
def test_a_rebuild_is_refused_while_a_stream_writes(job):
    held = WriterLock(job.settings.locks, "silver.clicks")
    try:
        with pytest.raises(OutsideError, match="already"):
            run_rebuild(job, Layer.silver)
    finally:
        held.release()


def test_a_lost_checkpoint_stops_the_job_and_names_the_cure(job, tables):
    land(tables, "clicks", [record("clicks", 0, value("clicks"))])
    tables.append(SILVER["clicks"], SILVER["clicks"].build(tables.read(BRONZE["clicks"])))
    with pytest.raises(OutsideError, match=r"checkpoint of silver.clicks is lost.*clickstream recover"):
        run_refine(job)
    ((stream, batch, error, cure),) = rows(tables.read(METRICS), "stream", "batch_id", "error", "cure")
    assert (stream, batch) == ("silver.clicks", 0)
    assert f"{error} {cure}".startswith("The checkpoint of silver.clicks is lost")
    assert "clickstream recover" in next(one.cure for one in run_status(job.settings) if one.stream == stream)
