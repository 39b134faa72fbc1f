"""Checkpoints that are lost, damaged or another stream's: the job stops with the cure, and the cure works."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from lakehouse.checkpoints import check_checkpoint
from lakehouse.errors import OutsideError
from pipelines import refine
from pipelines.operations.recover import run_recover
from pipelines.operations.stream_tables import stream_problem, stream_tables
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from silver.events import SILVER
from tests.support.records import land, only, record, refine_only, value

pytestmark = [pytest.mark.faults, pytest.mark.spark]


EVENT = "page_views"


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


def change_a_figure(checkpoint: Path) -> None:
    """The file stays JSON: its checksum alone tells."""
    path = newest(checkpoint / "offsets")
    path.write_bytes(path.read_bytes().replace(b'"reservoirVersion":', b'"reservoirVersion":1'))


def earlier(folder: Path) -> Path:
    """The file of the micro-batch before the newest, which Spark asks for too."""
    return folder / str(int(newest(folder).name) - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = {
    "truncated offsets": truncate,
    "emptied offsets": lambda checkpoint: empty(newest(checkpoint / "offsets")),
    "emptied offsets, no checksum": lambda checkpoint: (
        empty(newest(checkpoint / "offsets")),
        next((checkpoint / "offsets").glob(f".{newest(checkpoint / 'offsets').name}.crc")).unlink(),
    ),
    "earlier offsets emptied": lambda checkpoint: empty(earlier(checkpoint / "offsets")),
    "earlier offsets cut to their head": lambda checkpoint: earlier(checkpoint / "offsets").write_bytes(b"v1\n{}\n"),
    "earlier offsets deleted": lambda checkpoint: earlier(checkpoint / "offsets").unlink(),
    "an emptied commit": lambda checkpoint: empty(newest(checkpoint / "commits")),
    "another figure": change_a_figure,
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


UNSEEN = {"metadata deleted", "metadata emptied", "the mark deleted", "all deleted", "another stream's"}
"""What needs the job to tell: the files are whole, or there are none."""


TELLING = {"truncated offsets", "earlier offsets emptied", "another figure", "all deleted", "another stream's"}
"""One of each kind; the others are kin, and take as long."""


def installation(spark, folder: Path) -> Job:
    settings = load_settings(lake=str(folder / "lake"), state=folder / "state")
    return Job(settings, spark)


@pytest.fixture(scope="module")
def made(spark, no_rows, tmp_path_factory):
    """An installation whose silver has three events, and whose bronze has a fourth."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(no_rows, folder / "lake")
    job = installation(spark, folder)
    for event in ("page_views", "clicks"):
        land(job.lake, event, [record(event, number, value(event, session_id=f"s{number}")) for number in range(3)])
    refine.run_refine(job)
    land(job.lake, "page_views", [record("page_views", 9, value("page_views", session_id="s9"))])
    refine.run_refine(job)
    land(job.lake, "page_views", [record("page_views", 3, value("page_views", session_id="s3"))])
    return folder


@pytest.fixture
def lost(spark, made, tmp_path, monkeypatch):
    """A copy of it, to be damaged."""
    shutil.copytree(made, tmp_path / "copy")
    name, every = SILVER[EVENT].name, stream_tables()
    monkeypatch.setattr("pipelines.operations.recover.stream_tables", lambda: {name: every[name]})
    return installation(spark, tmp_path / "copy")


@pytest.mark.parametrize(
    "damage", [pytest.param(damage, marks=() if damage in TELLING else pytest.mark.long) for damage in DAMAGES]
)
def test_recover_repairs_a_damaged_checkpoint(lost, damage):
    checkpoint = lost.settings.checkpoints / "silver" / "page_views"
    DAMAGES[damage](checkpoint)
    assert stream_problem(lost.settings, SILVER[EVENT].name, {}) or damage in UNSEEN
    with pytest.raises(OutsideError, match=r"checkpoint.*clickstream recover"):
        refine_only(lost, EVENT)
    assert [finding.stream for finding in run_recover(lost, apply=True) if finding.problem] == ["silver.page_views"]
    check_checkpoint(*only(lost, EVENT))
    if damage in ("truncated offsets", "all deleted"):
        assert refine_only(lost, EVENT) == [0, 1, 2, 3, 9]
        assert not any(finding.problem for finding in run_recover(lost))


@pytest.mark.parametrize("left", ["no commit", "a sum without its file", "a temporary file"])
def test_what_a_killed_driver_leaves_needs_no_cure(lost, left):
    checkpoint = lost.settings.checkpoints / "silver" / "page_views"
    last = newest(checkpoint / "commits")
    if left == "a temporary file":
        (checkpoint / "offsets" / f".7.{uuid4()}.tmp").write_bytes(b"v1")
    else:
        last.unlink()
    if left == "no commit":
        last.with_name(f".{last.name}.crc").unlink(missing_ok=True)
    assert refine_only(lost, EVENT) == [0, 1, 2, 3, 9]


def test_a_driver_killed_before_its_first_batch_restarts(job, tables):
    land(tables, "page_views", [record("page_views", 0, value("page_views"))])
    offsets = job.settings.checkpoints / "silver" / "page_views" / "offsets"
    offsets.mkdir(parents=True)
    (offsets / f".0.{uuid4()}.tmp").write_bytes(b"v1")
    assert refine_only(job, EVENT) == [0]


def test_a_deleted_table_with_a_live_checkpoint_stops_the_job(lost):
    shutil.rmtree(lost.lake.path(SILVER["page_views"]))
    with pytest.raises(OutsideError, match=r"silver.page_views.*a table that was deleted.*clickstream recover"):
        refine_only(lost, EVENT)
    run_recover(lost, apply=True)
    assert refine_only(lost, EVENT) == [0, 1, 2, 3, 9]
