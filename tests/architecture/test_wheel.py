"""The wheel carries everything that the program reads, and the same files make the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def built(source, folder):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"),
            *("-q", "-w", str(folder), str(source)),
        ],
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


def tracked(*folders):
    command = ["git", "ls-files", *folders]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


def from_the_wheel(wheel, folder, *command, **settings):
    """What Python says of a command where the code comes from the wheel alone, as it does under spark-submit."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    environment = {**inherited, "PYTHONPATH": str(wheel), **settings}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


READS = """
import lakehouse, pipelines.ml.model_package
from lakehouse.shipped_files import read_shipped
from pipelines.gold_builder import incremental_tables, table_sql
from pipelines.ml import decision_tree
assert ".whl/" in lakehouse.__file__, lakehouse.__file__
assert set(table_sql()) == {table.name for table in incremental_tables()}
assert b"class DecisionTree" in read_shipped(__import__("pathlib").Path(decision_tree.__file__))
"""


def test_the_program_runs_from_within_the_wheel(wheel, tmp_path):
    conf = {"CLICKSTREAM_CONF": str(ROOT / "conf")}
    read = from_the_wheel(wheel, tmp_path, "-c", READS, **conf)
    assert read.returncode == 0, read.stderr
    checked = ("-m", "pipelines.cli.main", "shop", "check", "https://www.google.com/search?q=shoes")
    told = from_the_wheel(wheel, tmp_path, *checked, **conf)
    assert (told.returncode, "search" in told.stdout) == (0, True), told.stderr

    refused = from_the_wheel(wheel, tmp_path, *checked)
    assert refused.returncode == 2
    assert f"The settings cannot be read from inside {wheel}." in " ".join(refused.stderr.split())
    assert "Set CLICKSTREAM_CONF" in refused.stderr


def test_the_wheel_is_complete_and_reproducible(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    assert {"conf/base.toml", *tracked("pipelines", "conf")} <= names

    # Another checkout: another folder, other times, other rights, another order on the disk.
    copy = tmp_path / "elsewhere"
    packages = ("bronze", "silver", "gold", "pipelines", "producers", "lakehouse", "conf")
    for name in reversed(tracked(*packages, "pyproject.toml", "README.md", "LICENSE", "NOTICE", ".gitignore")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
        (copy / name).chmod(0o600)
        os.utime(copy / name, (1, 1))
    assert built(copy, tmp_path / "second").read_bytes() == wheel.read_bytes()
