"""The command: a whole project in a folder, the same bytes each time, and nobody's work lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.errors import UsageError
from pipelines.bi.powerbi.command import powerbi
from pipelines.bi.powerbi.project import LIST
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


@pytest.mark.parametrize(("path", "hints"), [("/home/me/lake/gold", True), (r"C:\lake\gold", False)])
def test_a_folder_that_windows_has_not_is_said_to_be_one(tmp_path, path, hints):
    done = run("--out", str(tmp_path / "a"), "--path", path)
    assert done.returncode == 0, done.stderr
    said = "".join(done.stdout.split())
    assert (r"asin\\wsl.localhost\Ubuntu\home\me\lake\gold" in said) is hints


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


def test_a_file_is_no_folder_to_write_to(tmp_path):
    (tmp_path / "report.pbip").write_text("mine")
    with pytest.raises(UsageError, match=r"report\.pbip is a file\. Give --out a new or empty folder"):
        powerbi(tmp_path / "report.pbip", path="C:\\gold")
    assert (tmp_path / "report.pbip").read_text() == "mine"


def test_a_place_that_is_no_folder_needs_a_path(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="--source sharing needs --path"):
        powerbi(tmp_path / "out", source=SourceKind.sharing)
    monkeypatch.setenv("CLICKSTREAM_LAKE", "s3://bucket/lake")
    with pytest.raises(
        UsageError, match=r"The lake is s3a://bucket/lake, which is no folder\. Give --source and --path"
    ):
        powerbi(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_thin_report_has_no_model_and_no_path(tmp_path):
    powerbi(tmp_path / "thin", model="Shop/Clickstream")
    assert not list((tmp_path / "thin").rglob("*.tmdl"))
    assert "byConnection" in (tmp_path / "thin/Clickstream.Report/definition.pbir").read_text()
    with pytest.raises(UsageError, match="Leave out --path and --incremental with --model"):
        powerbi(tmp_path / "other", model="Shop/Clickstream", path="C:\\gold")
    assert not (tmp_path / "other").exists()
