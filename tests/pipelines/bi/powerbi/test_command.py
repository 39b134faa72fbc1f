"""The command: a whole project in a folder, the same bytes each time, and nobody's work lost."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.errors import UsageError
from pipelines.bi.powerbi.command import powerbi
from pipelines.bi.powerbi.project import LIST, write_project
from pipelines.bi.powerbi.sources import SourceKind

HOUSE = Path(__file__).parents[4]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run(*arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main", "powerbi", *arguments],
        cwd=HOUSE,
        env={**clean, "PYTHONPATH": str(HOUSE), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_writes_the_project_without_java(tmp_path):
    done = run(
        "--out", str(tmp_path / "a"), "--json", CLICKSTREAM_LAKE=str(tmp_path / "lake"), JAVA_HOME="/nowhere", PATH=""
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["project"] == "Clickstream.pbip"
    assert set(told["files"]) == set(bytes_of(tmp_path / "a")) - {LIST}
    expressions = (tmp_path / "a/Clickstream.SemanticModel/definition/expressions.tmdl").read_text()
    assert f'expression GoldRoot = "{tmp_path}/lake/gold" meta' in expressions


def test_declarations_give_the_same_bytes_in_any_process(tmp_path):
    for name, seed in (("a", "1"), ("b", "2")):
        done = run("--out", str(tmp_path / name), "--path", "C:\\gold", PYTHONHASHSEED=seed, TZ="Asia/Tokyo")
        assert done.returncode == 0, done.stderr
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = run("--out", str(tmp_path), "--path", "C:\\gold", "--force")
    assert done.returncode == 2
    assert "is not empty and holds no project that `clickstream powerbi` made. Give --out a new" in done.stderr
    assert bytes_of(tmp_path) == {"thesis.txt": b"mine"}


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
    with pytest.raises(UsageError, match="no project that"):
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


def test_a_place_that_is_no_folder_needs_a_path(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="--source sharing needs --path"):
        powerbi(tmp_path / "out", source=SourceKind.sharing)
    monkeypatch.setenv("CLICKSTREAM_LAKE", "s3://bucket/lake")
    with pytest.raises(
        UsageError, match=r"The lake is s3://bucket/lake, which is no folder\. Give --source and --path"
    ):
        powerbi(tmp_path / "out")
    assert not (tmp_path / "out").exists()
