"""A project in a folder: written again it is the same, and nobody's work is lost."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from lakehouse.errors import UsageError
from pipelines.bi.powerbi.project import LIST, write_project


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "listing",
    [
        "{",
        "[]",
        '{"made_by": "someone"}',
        '{"made_by": "clickstream powerbi", "files": {"../outside": "0"}}',
        '{"made_by": "clickstream powerbi", "files": {"/etc/hostname": "0"}}',
    ],
)
def test_a_list_that_we_did_not_write_is_not_believed(tmp_path, listing, files):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / LIST).write_text(listing)
    with pytest.raises(UsageError, match="no project that"):
        write_project(folder, files, force=True)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, files):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write_project(tmp_path / "out", files)


def test_a_project_made_again_deletes_only_its_stale_files(tmp_path, files):
    write_project(tmp_path, {**files, "Clickstream.Report/definition/pages/old/page.json": "{}\n"})
    cache = tmp_path / "Clickstream.SemanticModel" / ".pbi" / "cache.abf"
    cache.parent.mkdir()
    cache.write_bytes(b"data")
    write_project(tmp_path, files)
    assert set(bytes_of(tmp_path)) == {*files, LIST, "Clickstream.SemanticModel/.pbi/cache.abf"}
    assert not (tmp_path / "Clickstream.Report/definition/pages/old").exists()


def test_work_done_in_desktop_is_not_lost_unless_told(tmp_path, files):
    write_project(tmp_path, files)
    page = "Clickstream.Report/definition/pages/overview/page.json"
    (tmp_path / page).write_text("{}")
    with pytest.raises(UsageError, match=r"was changed since it was made: .*page\.json\. Give --out another folder"):
        write_project(tmp_path, files)
    assert (tmp_path / page).read_text() == "{}"
    write_project(tmp_path, files, force=True)
    assert (tmp_path / page).read_text() == files[page]


def test_the_list_tells_what_was_written(tmp_path, files):
    write_project(tmp_path, files)
    listed = json.loads((tmp_path / LIST).read_text())["files"]
    assert listed == {
        path: hashlib.sha256(content).hexdigest() for path, content in bytes_of(tmp_path).items() if path != LIST
    }
