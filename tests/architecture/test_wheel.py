"""The wheel carries everything that the program reads, and the same files make the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

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


def test_the_wheel_is_complete_and_reproducible(tmp_path):
    wheel = built(ROOT, tmp_path / "first")
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
