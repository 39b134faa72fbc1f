"""A checkpoint is refused where it is lost, damaged, or belongs to something else."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.checkpoints import (
    _fits_checksum,
    batch_times,
    bind_checkpoint,
    check_checkpoint,
    checkpoint_query_id,
    committed_offsets,
    completed_batches,
    has_planned_batch,
    mark_recovering,
    note_versions,
    oldest_needed,
    planned_records,
    prepare_checkpoint,
    resume_from,
    resumes_at,
)
from lakehouse.errors import CheckpointError
from lakehouse.streams import Stream

METADATA = json.dumps({"id": "q1"})


@pytest.fixture
def stream(tmp_path):
    """A stream with two completed micro-batches and a planned one."""
    made = Stream(
        name="silver.things",
        checkpoint=tmp_path / "checkpoint",
        prepare=lambda: None,
        source_id="source-1",
        target_id="target-1",
        target_has_rows=lambda: True,
    )
    bind_checkpoint(made)
    (made.checkpoint / "metadata").write_text(METADATA)
    for folder, batches in (("offsets", 3), ("commits", 2)):
        (made.checkpoint / folder).mkdir()
        for number in range(batches):
            progress = "\n".join(["v1", json.dumps({"batchTimestampMs": 1_000 * number}), json.dumps({"at": number})])
            (made.checkpoint / folder / str(number)).write_text(progress)
    return made


def test_a_checkpoint_of_its_source_and_table_is_right(stream):
    check_checkpoint(stream)
    prepare_checkpoint(stream)
    assert has_planned_batch(stream.checkpoint)
    assert completed_batches(stream.checkpoint) == [0, 1]
    assert committed_offsets(stream.checkpoint) == [{"at": 1}]
    assert checkpoint_query_id(stream.checkpoint) == "q1"
    assert batch_times(stream.checkpoint, 1)[0] == 1.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "silver.others"}, "belongs to another stream"),
        ({"target_id": "target-2"}, "belongs to a table that was deleted"),
        ({"source_id": "source-2"}, "belongs to a source that was deleted"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(stream, change, says):
    with pytest.raises(CheckpointError, match=says):
        check_checkpoint(replace(stream, **change))
    bind_checkpoint(replace(stream, **change))
    check_checkpoint(replace(stream, **change))


@pytest.mark.parametrize("name", ["metadata", "stream.json", "offsets/1"])
@pytest.mark.parametrize("content", [None, "", "{"])
def test_a_damaged_checkpoint_is_refused(stream, name, content):
    path = stream.checkpoint / name
    path.unlink()
    if content is not None:
        path.write_text("v1\n{}\n{" if name == "offsets/1" else content)
    with pytest.raises(CheckpointError, match="is damaged"):
        check_checkpoint(stream)


def test_a_lost_checkpoint_is_refused_unless_it_may_resume(stream, tmp_path):
    lost = replace(stream, checkpoint=tmp_path / "another")
    with pytest.raises(CheckpointError, match="is lost"):
        check_checkpoint(lost)
    assert resumes_at(lost.checkpoint) is None
    resume_from(lost.checkpoint, "here")
    assert resumes_at(lost.checkpoint) == "here"
    check_checkpoint(lost)
    check_checkpoint(replace(stream, checkpoint=tmp_path / "a third", target_has_rows=lambda: False))


def test_a_position_that_cannot_be_read_is_refused(stream):
    (stream.checkpoint / "resume.json").write_text("{}")
    with pytest.raises(CheckpointError, match="is damaged"):
        resumes_at(stream.checkpoint)


def test_commits_without_offsets_are_refused(stream):
    for path in (stream.checkpoint / "offsets").iterdir():
        path.unlink()
    (stream.checkpoint / "commits" / "1").unlink()
    (stream.checkpoint / "commits" / "0").unlink()
    (stream.checkpoint / "offsets" / "0").write_text("v1\n{}\n{}")
    (stream.checkpoint / "commits" / "0").write_text("v1\n{}")
    check_checkpoint(stream)
    (stream.checkpoint / "offsets" / "0").rename(stream.checkpoint / "offsets" / "x")
    with pytest.raises(CheckpointError, match="is damaged"):
        check_checkpoint(stream)


def test_what_a_killed_driver_left_is_cleared_before_the_start(stream, tmp_path):
    fresh = replace(stream, checkpoint=tmp_path / "fresh", target_has_rows=lambda: False)
    (fresh.checkpoint / "sources" / "0").mkdir(parents=True)
    prepare_checkpoint(fresh)
    assert [path.name for path in fresh.checkpoint.iterdir()] == ["stream.json"]


def test_the_checksum_of_a_deleted_file_is_removed(stream):
    kept, left = (stream.checkpoint / "commits" / f".{number}.crc" for number in (1, 2))
    kept.write_text("")
    left.write_text("")
    prepare_checkpoint(stream)
    assert kept.exists()
    assert not left.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=1_200), place=st.integers(0, 1_199), block=st.sampled_from([512, 7, 1]))
def test_a_checksum_tells_every_changed_byte(tmp_path, content, place, block):
    file = tmp_path / "0"
    sums = [zlib.crc32(content[start : start + block]) for start in range(0, len(content), block)]
    file.with_name(".0.crc").write_bytes(struct.pack(f">4si{len(sums)}I", b"crc\0", block, *sums))
    assert _fits_checksum(file, content)
    if content:
        place %= len(content)
        assert not _fits_checksum(file, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not _fits_checksum(file, content[:place])


def log_of(folder, *versions):
    """The log of a table that has these versions."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "_delta_log").mkdir(parents=True)
    for version in versions:
        (folder / "_delta_log" / f"{version:020d}.json").write_text("{}")
    return folder


def stands_at(stream, *positions):
    """Lets the stream's two completed batches and its planned one end at these places of its source."""
    for number, (version, index) in enumerate(positions):
        position = json.dumps({"reservoirVersion": version, "index": index})
        (stream.checkpoint / "offsets" / str(number)).write_text(f"v1\n{{}}\n{position}")


def test_a_table_older_than_it_was_seen_is_refused(stream, tmp_path):
    table = log_of(tmp_path / "table", 0, 1, 2)
    stream = replace(stream, written={"silver.things": table})
    note_versions(stream)
    check_checkpoint(stream)
    log_of(table, 0, 1, 2, 3)
    check_checkpoint(stream)
    log_of(table, 0, 1)
    with pytest.raises(CheckpointError, match=r"silver.things is at version 1, but the stream .* has seen version 2"):
        check_checkpoint(stream)
    (stream.checkpoint / "written.json").write_text("{")
    with pytest.raises(CheckpointError, match="is damaged"):
        check_checkpoint(stream)


@pytest.mark.parametrize(
    ("position", "newest", "refused"), [((5, -1), 4, False), ((5, -1), 3, True), ((5, 2), 4, True)]
)
def test_a_source_older_than_it_was_read_is_refused(stream, tmp_path, position, newest, refused):
    stands_at(stream, (1, -1), (2, -1), position)
    source = log_of(tmp_path / "source", *range(newest + 1))
    stream = replace(stream, reads={"bronze.things": source})
    if not refused:
        check_checkpoint(stream)
        return
    with pytest.raises(CheckpointError, match=r"bronze.things is at version"):
        check_checkpoint(stream)


def test_a_log_that_begins_above_the_last_batch_is_refused(stream, tmp_path):
    stands_at(stream, (3, -1), (5, -1), (6, -1))
    assert oldest_needed(stream.checkpoint) == [3]
    check_checkpoint(replace(stream, reads={"bronze.things": log_of(tmp_path / "source", 3, 4, 5)}))
    with pytest.raises(CheckpointError, match=r"The log of bronze.things was cleaned away.* from version 3 on"):
        check_checkpoint(replace(stream, reads={"bronze.things": log_of(tmp_path / "source", 4, 5)}))


def test_a_stream_waits_for_the_end_of_its_recovery(stream):
    mark_recovering(stream.checkpoint)
    with pytest.raises(CheckpointError, match=r"recovery of silver.things was interrupted"):
        check_checkpoint(stream)


_ENDS = st.dictionaries(st.sampled_from(["0", "1", "2"]), st.integers(0, 10**12))


@given(before=_ENDS, end=_ENDS, topic=st.sampled_from(["clicks", "a b", "é"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_batch_from_kafka_has_at_most_its_offsets(tmp_path, before, end, topic):
    (tmp_path / "offsets").mkdir(exist_ok=True)
    ends = {partition: max(place, before.get(partition, 0)) for partition, place in (before | end).items()}
    for batch, places in enumerate((before, ends)):
        (tmp_path / "offsets" / str(batch)).write_text(f"v1\n{{}}\n{json.dumps({topic: places})}\n")
    assert planned_records(tmp_path, 1) == sum(ends.values()) - sum(before.values())
    assert planned_records(tmp_path, 0) is None
    assert planned_records(tmp_path, 2) is None


@pytest.mark.parametrize(
    "line", ["", "null", "[]", '{"clicks": 1}', '{"clicks": {"0": null}}', '{"clicks": {}}\n{}', "{"]
)
def test_odd_offsets_do_not_tell_how_many_records(tmp_path, line):
    (tmp_path / "offsets").mkdir()
    for batch, said in enumerate(('{"clicks": {"0": 1}}', line)):
        (tmp_path / "offsets" / str(batch)).write_text(f"v1\n{{}}\n{said}\n")
    assert planned_records(tmp_path, 1) is None
