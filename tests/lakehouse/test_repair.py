"""A damaged log is made readable: what is whole stays, and each version that was lost is taken by an empty one."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakehouse.delta_log import clean_log, examine, is_repairable, newest_version, reaches_back, repair, sync
from lakehouse.engines.local_lake import LocalLake
from tests.lakehouse.engines.test_version_checksum import TABLE as CHECKSUMMED
from tests.lakehouse.engines.test_version_checksum import write
from tests.support.injuries import clean_log as clean_all
from tests.support.injuries import commits, data_files, delete_only_checkpoint, make_checkpoint
from tests.support.local_tables import make_tables


@pytest.fixture
def folder(tmp_path):
    """A table of five commits, each with one row, in partitions whose names need quoting."""
    for number in range(5):
        rows = pa.table({"day": [f"a {number}%"], "n": [number]})
        write_deltalake(tmp_path / "a lake" / "täble", rows, partition_by=["day"], mode="append")
    return tmp_path / "a lake" / "täble"


def numbers(folder):
    return sorted(DeltaTable(folder).to_pyarrow_table()["n"].to_pylist())


@pytest.mark.parametrize("version", [1, 4])
@pytest.mark.parametrize("cut", [0, 40, None])
def test_a_lost_commit_becomes_one_that_changes_nothing(folder, tmp_path, version, cut):
    path = commits(folder)[version]
    if cut is None and version == 4:
        return  # of the newest one nobody knows that it was there
    if cut is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:cut])
    assert examine(folder)
    repair(folder, tmp_path / "aside")
    assert examine(folder) == []
    assert newest_version(folder) == 4
    assert numbers(folder) == [number for number in range(5) if number != version]
    assert json.loads(path.read_text())["commitInfo"]["operation"] == "REPAIR"
    assert (tmp_path / "aside" / path.name).exists() == (cut is not None)
    write_deltalake(folder, pa.table({"day": ["b"], "n": [9]}), mode="append")
    assert numbers(folder)[-1] == 9


def test_a_newest_commit_is_missed_by_its_checksum(tmp_path):
    """delta-rs refuses such a table, and Spark's state of a version would be that of another."""
    lake = make_tables(tmp_path, CHECKSUMMED)
    for number in range(3):
        write(lake, "append", {number})
    folder = lake.folder(CHECKSUMMED)
    commits(folder)[3].unlink()
    assert [str(damage) for damage in examine(folder)] == [f"_delta_log/{3:020d}.json is missing"]
    repair(folder, tmp_path / "aside")
    assert examine(folder) == []
    again = LocalLake(lake.root, tmp_path / "locks")
    assert (again.version(CHECKSUMMED), again.rows(CHECKSUMMED)) == (3, 2)
    write(again, "append", {7})
    assert examine(folder) == []
    assert sorted(DeltaTable(folder).to_pyarrow_table()["thing"].to_pylist()) == [0, 1, 7]


def test_missing_files_leave_the_table_as_no_change_of_data(folder, tmp_path):
    lost = data_files(folder)[2]
    lost.unlink()
    repair(folder, tmp_path / "aside")
    assert examine(folder) == []
    assert len(numbers(folder)) == 4
    [removed] = [one["remove"] for line in commits(folder)[5].open() if (one := json.loads(line)) and "remove" in one]
    assert removed["dataChange"] is False


@settings(max_examples=60, deadline=None)
@given(lost=st.sets(st.integers(0, 9)), cut=st.sets(st.integers(0, 9)))
@example(lost={0, 1, 7, 8, 9}, cut={6})
def test_any_log_is_whole_again_or_said_to_be_lost(tmp_path_factory, lost, cut):
    home = tmp_path_factory.mktemp("any")
    folder = home / "table"
    for number in range(8):
        write_deltalake(folder, pa.table({"n": [number]}), mode="append")
        if number in {2, 5}:
            DeltaTable(folder).create_checkpoint()
    files = [path for path in sorted((folder / "_delta_log").iterdir()) if path.name[0].isdigit()]
    assert len(files) == 10
    for number, path in enumerate(files):
        if number in cut:
            path.write_bytes(path.read_bytes()[:-20])
        if number in lost:
            path.unlink()
    if not is_repairable(folder):
        with pytest.raises(ValueError, match="cannot be repaired"):
            repair(folder, home / "aside")
        return
    newest = newest_version(folder)
    repair(folder, home / "aside")
    assert examine(folder) == []
    assert newest_version(folder) == newest
    whole = numbers(folder)
    write_deltalake(folder, pa.table({"n": [9]}), mode="append")
    assert numbers(folder) == [*whole, 9]


@pytest.mark.parametrize("injure", ["delete", "cut"])
def test_a_checkpoint_is_not_needed_while_the_commits_are_there(folder, tmp_path, injure):
    made = make_checkpoint(folder)
    if injure == "delete":
        made.unlink()
    else:
        made.write_bytes(made.read_bytes()[:-10])
    [damage] = examine(folder)
    assert damage.file.endswith(made.name)
    assert not damage.loses_rows
    repair(folder, tmp_path / "aside")
    assert examine(folder) == []
    assert numbers(folder) == [0, 1, 2, 3, 4]


def test_a_log_without_its_beginning_cannot_be_repaired(folder, tmp_path):
    delete_only_checkpoint(folder, None)
    assert examine(folder)[0].loses_rows
    assert not is_repairable(folder)
    with pytest.raises(ValueError, match="cannot be repaired"):
        repair(folder, tmp_path / "aside")


def test_repair_leaves_a_whole_table_alone(folder, tmp_path):
    before = {path: path.read_bytes() for path in commits(folder)}
    repair(folder, tmp_path / "aside")
    assert {path: path.read_bytes() for path in commits(folder)} == before


def test_a_write_without_rows_is_no_damage(folder):
    write_deltalake(folder, pa.table({"day": pa.array([], "string"), "n": pa.array([], "int64")}), mode="append")
    assert examine(folder) == []


def test_metrics_of_another_writer_are_believed(folder):
    for operation, metrics in (("MERGE", {"numOutputRows": "9"}), ("WRITE", {"rows": "9"}), ("ODD", None)):
        info = {"commitInfo": {"operation": operation, "operationMetrics": metrics}}
        (folder / "_delta_log" / f"{newest_version(folder) + 1:020d}.json").write_text(json.dumps(info))
    assert examine(folder) == []


def test_a_log_is_cleaned_up_to_a_checkpoint(folder):
    assert clean_log(folder, 3) == 0
    make_checkpoint(folder)
    write_deltalake(folder, pa.table({"day": ["b"], "n": [9]}), mode="append")
    assert clean_log(folder, 3) == 0
    assert clean_log(folder, 5) == 4
    assert numbers(folder) == [0, 1, 2, 3, 4, 9]
    assert examine(folder) == []
    assert reaches_back(folder, 4)
    assert not reaches_back(folder, 3)


def test_a_log_reaches_back_to_what_is_yet_to_come(folder):
    clean_all(folder, None)
    assert reaches_back(folder, 5)
    assert reaches_back(folder, 4)
    assert not reaches_back(folder, 3)


def test_what_was_committed_is_made_durable_file_by_file(folder, monkeypatch):
    synced = []
    monkeypatch.setattr("lakehouse.engines.delta_commit.sync", synced.append)
    assert sync(folder, 3) == 4
    newest = commits(folder)[-1]
    [added] = [path for path in data_files(folder) if path in synced]
    assert synced == [added, newest, newest.parent, added.parent]
    assert sync(folder, 4) == 4
    assert len(synced) == 4
