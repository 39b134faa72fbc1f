"""Which rows a commit appended: all of them once, and none of what was only rewritten."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gold.prediction_log import TABLE as LOG
from lakehouse.appended_rows import appended_rows
from tests.support.scores import score_lake, scores


@settings(max_examples=15)
@given(st.lists(st.one_of(st.just("compact"), st.just("erase"), st.integers(1, 3)), max_size=8), st.integers(0, 8))
def test_every_append_is_read_once_from_any_version_on(steps, first):
    with TemporaryDirectory() as folder:
        lake = score_lake(Path(folder))
        appended = []
        for number, step in enumerate(steps):
            if step == "compact":
                lake.compact(LOG)
            elif step == "erase":
                lake.overwrite(LOG, lake.read(LOG).slice(1))
            else:
                names = [f"s{number}-{row}" for row in range(step)]
                lake.append(LOG, scores(*(("u", name) for name in names)))
                appended += [(lake.version(LOG), name) for name in names]
        versions = range(min(first, lake.version(LOG)) + 1, lake.version(LOG) + 1)
        read = [*appended_rows(lake.folder(LOG), lake.schema(LOG), ["session_id"], versions)]
        assert len(read) == len(versions)
        found = pa.concat_tables(read)["session_id"].to_pylist() if read else []
        assert sorted(found) == sorted(name for version, name in appended if version in versions)


def test_a_commit_that_is_not_there_any_more_is_an_error(tmp_path):
    lake = score_lake(tmp_path)
    lake.append(LOG, scores(("u", "s")))
    for path in (lake.folder(LOG) / "_delta_log").glob(f"{1:020d}.*"):
        path.unlink()
    with pytest.raises(FileNotFoundError):
        list(appended_rows(lake.folder(LOG), lake.schema(LOG), ["session_id"], range(1, 2)))
