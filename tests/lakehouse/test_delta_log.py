"""Damage that a crash, a disk or a restore does to a table is named, and a whole table has none."""

from __future__ import annotations

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.delta_log import Damage, examine, is_uncommitted, newest_version, remove_uncommitted


def commit(folder, version):
    return folder / "_delta_log" / f"{version:020d}.json"


def name(version):
    return f"_delta_log/{version:020d}.json"


@pytest.fixture
def folder(tmp_path):
    """A table of four commits, the last one with two files."""
    for number in range(3):
        write_deltalake(
            tmp_path / "table", pa.table({"day": ["a b"], "n": [number]}), partition_by=["day"], mode="append"
        )
    both = pa.table({"day": ["a b", "c%"], "n": [3, 4]})
    write_deltalake(tmp_path / "table", both, partition_by=["day"], mode="append")
    return tmp_path / "table"


def test_a_whole_table_has_no_damage(folder):
    assert examine(folder) == []
    assert newest_version(folder) == 3
    assert not is_uncommitted(folder)


def test_a_folder_that_is_no_table_has_no_damage(tmp_path):
    assert examine(tmp_path / "none") == []
    assert newest_version(tmp_path / "none") == -1


@pytest.mark.parametrize("version", [1, 3])
def test_an_empty_commit_is_damage_wherever_it_stands(folder, version):
    commit(folder, version).write_bytes(b"")
    assert examine(folder) == [Damage(name(version), "is empty")]


def test_an_empty_commit_below_a_checkpoint_is_still_seen(folder):
    commit(folder, 2).write_bytes(b"")
    DeltaTable(folder).create_checkpoint()
    assert examine(folder) == [Damage(name(2), "is empty")]


def test_a_missing_commit_is_damage(folder):
    commit(folder, 2).unlink()
    assert examine(folder, files=False) == [Damage(name(2), "is missing")]


def test_commits_below_a_checkpoint_may_be_cleaned_up(folder):
    DeltaTable(folder).create_checkpoint()
    for version in range(3):
        commit(folder, version).unlink()
    assert examine(folder) == []


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 2**16))
def test_a_newest_commit_cut_anywhere_is_damage(tmp_path_factory, at):
    folder = tmp_path_factory.mktemp("cut") / "table"
    write_deltalake(folder, pa.table({"n": [1]}))
    write_deltalake(folder, pa.table({"n": [2]}), mode="append")
    whole = commit(folder, 1).read_bytes()
    # The commit has another length each time, so no strategy may depend on it.
    cut = whole[: at % len(whole.rstrip())]
    commit(folder, 1).write_bytes(cut)
    [damage] = examine(folder, files=False)
    assert damage.file == name(1)
    assert damage.problem.startswith(("is empty", "is cut short"))


def test_a_missing_data_file_is_named(folder):
    lost = next(folder.rglob("day=c*/*.parquet"))
    lost.unlink()
    assert examine(folder) == [Damage(lost.relative_to(folder).as_posix(), "is missing")]
    assert examine(folder, files=False) == []


def test_data_files_without_a_log_are_damage(folder):
    for path in (folder / "_delta_log").iterdir():
        path.unlink()
    assert [str(one) for one in examine(folder)] == ["_delta_log is missing, though there are data files"]
    assert not is_uncommitted(folder)


@pytest.mark.parametrize("left", [None, (".0.json.tmp", "{"), (f"{0:020d}.json", ""), (f"{0:020d}.json", '{"meta')])
def test_what_was_never_committed_is_no_table(tmp_path, left):
    folder = tmp_path / "table"
    (folder / "_delta_log").mkdir(parents=True)
    if left:
        (folder / "_delta_log" / left[0]).write_text(left[1])
    assert is_uncommitted(folder)
    assert examine(folder) == []
    remove_uncommitted(folder)
    assert not folder.exists()


def test_a_table_is_never_removed_as_uncommitted(folder):
    remove_uncommitted(folder)
    assert examine(folder) == []
    commit(folder, 0).write_bytes(b"")
    remove_uncommitted(folder)
    assert commit(folder, 3).exists()
