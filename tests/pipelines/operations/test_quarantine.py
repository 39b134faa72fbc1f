"""Quarantined records are replayed once the contract has grown, and discarded with a reason."""

from __future__ import annotations

import dataclasses
import sys

import pytest
from typer.testing import CliRunner

from bronze.raw_events import BRONZE
from gold.data_quality import TABLE as QUALITY
from lakehouse.errors import UsageError
from pipelines import gold_builder
from pipelines.aggregate import run_aggregate
from pipelines.cli.quarantine import app as quarantine_app
from pipelines.operations import quarantine, recover
from pipelines.operations.quarantine_list import waiting_groups
from pipelines.operations.status import run_status
from pipelines.operations.verification.gold import check_gold
from pipelines.refine import run_refine
from pipelines.runtime.erased_people import add_people
from producers.contract.event_type import Field
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.records import land, record, rows, value

pytestmark = pytest.mark.spark


def test_a_replay_moves_to_silver_what_the_contract_now_takes(job, tables, monkeypatch):
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
    assert (planned.validated, planned.good, planned.waiting) == (4, 2, 2)
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


def test_gold_reads_a_replay_to_its_end(job, tables, monkeypatch, gold_of):
    """The replay changes rows of the quarantine, and no commit comes after it."""
    gold_of(QUALITY)
    land(tables, "interactions", [record("interactions", 0, value("interactions", interaction_type="teleport"))])
    run_refine(job)
    run_aggregate(job)
    grown = dataclasses.replace(EVENTS["interactions"], fields=tuple(map(with_teleport, EVENTS["interactions"].fields)))
    monkeypatch.setattr(quarantine, "EVENTS", {**EVENTS, "interactions": grown})
    assert quarantine.run_replay(job).good == 1
    run_aggregate(job)
    read = gold_builder.read_offsets(job.settings)
    assert read[QUARANTINE.name]["reservoirVersion"] == job.lake.version(QUARANTINE) + 1
    assert [check.name for check in check_gold(job, [QUALITY]) if not check.ok] == []
    assert [one.behind for one in run_status(job.settings) if one.stream == gold_builder.STREAM] == [0]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_replay_brings_nobody_back_who_was_erased(job, tables, monkeypatch, dry_run):
    theirs = value("interactions", user_id="jane doe", interaction_type="teleport")
    ours = value("interactions", user_id="john doe", interaction_type="teleport")
    land(tables, "interactions", [record("interactions", 0, theirs), record("interactions", 1, ours)])
    run_refine(job)
    add_people(job.settings, ["jane doe"])
    grown = dataclasses.replace(EVENTS["interactions"], fields=tuple(map(with_teleport, EVENTS["interactions"].fields)))
    monkeypatch.setattr(quarantine, "EVENTS", {**EVENTS, "interactions": grown})
    replayed = quarantine.run_replay(job, dry_run=dry_run)
    assert (replayed.validated, replayed.good) == (1, 1)
    if not dry_run:
        assert rows(tables.read(SILVER["interactions"]), "user_id") == [("john doe",)]
        assert rows(tables.read(QUARANTINE), "offset", "status", "rules") == [
            (0, "discarded", ["erased"]), (1, "replayed", ["interaction_type_unknown"]),
        ]  # fmt: skip
        held = rows(tables.read(BRONZE["interactions"]), "offset", "value")
        assert held == [(0, None), (1, bytearray(ours))]


@pytest.mark.usefixtures("tables")
def test_a_replay_that_was_interrupted_is_finished_by_recover(job, monkeypatch):
    land(job.lake, "interactions", [record("interactions", 0, value("interactions", interaction_type="teleport"))])
    run_refine(job)
    grown = dataclasses.replace(EVENTS["interactions"], fields=tuple(map(with_teleport, EVENTS["interactions"].fields)))
    with monkeypatch.context() as patched:
        patched.setattr(quarantine, "EVENTS", {**EVENTS, "interactions": grown})
        patched.setattr(quarantine, "_update_quarantine", lambda *_: sys.exit("killed"))
        with pytest.raises(SystemExit):
            quarantine.run_replay(job)
    assert quarantine.half_replayed(job).count() == 1
    monkeypatch.setattr(recover, "stream_tables", dict)
    (finding,) = recover.run_recover(job, apply=True)
    assert "1 records are in silver" in finding.problem
    assert rows(job.lake.read(QUARANTINE), "status") == [("replayed",)]
    assert recover.run_recover(job) == [recover.Finding(QUARANTINE.name)]


def with_teleport(field: Field) -> Field:
    return dataclasses.replace(field, choices=(*field.choices, "teleport")) if field.choices else field
