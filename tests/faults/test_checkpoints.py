"""Checkpoints that are lost, damaged or another stream's: the job stops with the cure, and the cure works."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lakehouse.errors import OutsideError
from pipelines.recover import run_recover
from pipelines.refine import run_refine, streams
from silver.events import SILVER
from tests.records import land, record, rows, value

pytestmark = [pytest.mark.faults, pytest.mark.spark]


def newest(folder: Path) -> Path:
    return max((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def truncate(checkpoint: Path) -> None:
    path = newest(checkpoint / "offsets")
    path.write_bytes(path.read_bytes()[:-20])


def flip(checkpoint: Path) -> None:
    path = newest(checkpoint / "offsets")
    body = bytearray(path.read_bytes())
    body[-5] ^= 0xFF
    path.write_bytes(body)


DAMAGES = {
    "truncated offsets": truncate,
    "a flipped byte": flip,
    "offsets deleted": lambda checkpoint: newest(checkpoint / "offsets").unlink(),
    "all offsets deleted": lambda checkpoint: shutil.rmtree(checkpoint / "offsets"),
    "metadata deleted": lambda checkpoint: (checkpoint / "metadata").unlink(),
    "metadata emptied": lambda checkpoint: (checkpoint / "metadata").write_bytes(b""),
    "the mark deleted": lambda checkpoint: (checkpoint / "stream.json").unlink(),
    "all deleted": shutil.rmtree,
    "another stream's": lambda checkpoint: (
        shutil.rmtree(checkpoint),
        shutil.copytree(checkpoint.with_name("clicks"), checkpoint),
    ),
}


@pytest.fixture
def lost(job, tables, monkeypatch):
    """A job whose silver has been written, and a way to look at its streams without Kafka."""
    for event in ("page_views", "clicks"):
        land(tables, event, [record(event, number, value(event, session_id=f"s{number}")) for number in range(3)])
    run_refine(job)
    land(tables, "page_views", [record("page_views", 3, value("page_views", session_id="s3"))])
    monkeypatch.setattr("pipelines.recover.all_streams", streams)
    return job


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_stops_the_job_and_recover_goes_on(lost, damage):
    checkpoint = lost.settings.checkpoints / "silver" / "page_views"
    DAMAGES[damage](checkpoint)
    with pytest.raises(OutsideError, match=r"checkpoint.*clickstream recover"):
        run_refine(lost)
    assert [finding.stream for finding in run_recover(lost, apply=True) if finding.problem] == ["silver.page_views"]
    run_refine(lost)
    assert rows(lost.lake.read(SILVER["page_views"]), "offset") == [(0,), (1,), (2,), (3,)]
    assert not any(finding.problem for finding in run_recover(lost))


@pytest.mark.parametrize("lack", ["commits", "temporary"])
def test_what_a_killed_driver_leaves_needs_no_cure(lost, lack):
    checkpoint = lost.settings.checkpoints / "silver" / "page_views"
    if lack == "commits":
        newest(checkpoint / "commits").unlink()
    else:
        (checkpoint / "offsets" / ".7.0f8fad5b-d9cb-469f-a165-70867728950e.tmp").write_bytes(b"v1")
    run_refine(lost)
    assert rows(lost.lake.read(SILVER["page_views"]), "offset") == [(0,), (1,), (2,), (3,)]


def test_a_driver_killed_before_its_first_batch_was_planned_is_started_again(job, tables):
    land(tables, "clicks", [record("clicks", 0, value("clicks"))])
    offsets = job.settings.checkpoints / "silver" / "clicks" / "offsets"
    offsets.mkdir(parents=True)
    (offsets / ".0.0f8fad5b-d9cb-469f-a165-70867728950e.tmp").write_bytes(b"v1")
    run_refine(job)
    assert rows(tables.read(SILVER["clicks"]), "offset") == [(0,)]


def test_a_table_that_was_deleted_with_its_checkpoint_alive_stops_the_job(lost):
    shutil.rmtree(lost.lake.path(SILVER["page_views"]))
    with pytest.raises(OutsideError, match=r"silver.page_views.*a table that is gone.*clickstream recover"):
        run_refine(lost)
    run_recover(lost, apply=True)
    run_refine(lost)
    assert rows(lost.lake.read(SILVER["page_views"]), "offset") == [(0,), (1,), (2,), (3,)]
