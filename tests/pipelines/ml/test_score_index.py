"""The scores in memory are those of gold after every commit, whoever wrote it, and only new files are read."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gold.session_predictions import TABLE as PREDICTIONS
from pipelines.ml import score_index
from pipelines.ml.score_index import ScoreIndex
from tests.support.scores import AT, score_lake, scores, write_scores

SESSIONS = [(f"u{number % 3}", f"s{number}") for number in range(8)]


def in_gold(lake):
    return {(row["user_id"], row["session_id"]): row for row in lake.read(PREDICTIONS).to_pylist()}


def in_memory(index):
    found = {session: index.find(*session) for session in [*SESSIONS, ("u0", "nobody")]}
    return {session: row for session, row in found.items() if row}


@settings(max_examples=15)
@given(st.lists(st.one_of(st.just("compact"), st.just("erase"), st.sets(st.sampled_from(SESSIONS), min_size=1))))
def test_it_equals_gold_after_any_commits(steps):
    with TemporaryDirectory() as folder:
        lake = score_lake(Path(folder))
        index = ScoreIndex(lake.root)
        for number, step in enumerate(steps):
            if step == "compact":
                lake.compact(PREDICTIONS)
            elif step == "erase":
                lake.overwrite(PREDICTIONS, lake.read(PREDICTIONS).slice(1))
            else:
                write_scores(lake, scores(*step, cut=number + 1, at=AT + timedelta(seconds=number)))
            index.refresh()
            kept, found = in_gold(lake), in_memory(index)
            assert found.keys() == kept.keys()
            assert all(row.items() <= kept[session].items() for session, row in found.items())
            assert index.sessions == len(kept)


def test_a_commit_costs_only_its_own_files(tmp_path, monkeypatch):
    lake = score_lake(tmp_path)
    write_scores(lake, scores(("u", "a")))
    index = ScoreIndex(lake.root)
    index.refresh()
    read = []
    whole = score_index._File
    monkeypatch.setattr(score_index, "_File", lambda rows: read.append(rows.num_rows) or whole(rows))
    assert not index.refresh()
    write_scores(lake, scores(("u", "b"), ("u", "c")))
    assert index.refresh()
    assert read == [2]


def test_sessions_of_one_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr(score_index, "hash", lambda _: 7, raising=False)
    file = score_index._File(scores(*SESSIONS))
    assert [file.find(*session)["session_id"] for session in SESSIONS] == [session for _, session in SESSIONS]
    assert file.find("u0", "nobody") is None


def test_it_waits_for_a_table_and_keeps_what_it_read(tmp_path):
    index = ScoreIndex(str(tmp_path / "lake"))
    index.refresh()
    assert "There is no table gold.session_predictions" in index.error
    assert index.read_at is None
    lake = score_lake(tmp_path)
    write_scores(lake, scores(("u", "a")))
    index.refresh()
    assert (index.error, index.sessions) == ("", 1)
    away = Path(lake.root).rename(tmp_path / "away")
    read_at = index.read_at
    index.refresh()
    assert index.error
    assert index.find("u", "a")
    assert index.read_at == read_at
    away.rename(lake.root)
    index.refresh()
    assert index.error == ""


def test_a_table_made_again_is_another_one(tmp_path):
    lake = score_lake(tmp_path / "one")
    write_scores(lake, scores(("u", "a")))
    other = score_lake(tmp_path / "two")
    write_scores(other, scores(("u", "b")))
    index = ScoreIndex(lake.root)
    index.refresh()
    shutil.rmtree(lake.root)
    shutil.copytree(other.root, lake.root)
    index.refresh()
    assert (index.find("u", "a"), index.find("u", "b")["cut"]) == (None, 1)


def test_a_damaged_log_is_said(tmp_path):
    lake = score_lake(tmp_path)
    write_scores(lake, scores(("u", "a")))
    (Path(lake.root) / "gold/session_predictions/_delta_log" / f"{1:020d}.json").write_text("")
    index = ScoreIndex(lake.root)
    index.refresh()
    assert "is damaged" in index.error
    with pytest.raises(TypeError):
        index.find("u", "a")["cut"]
