"""What the tests take from Node.js: fetched once by npm, pinned by the lock file's hashes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lakehouse.locks import exclusive

HERE = Path(__file__).parent


def node_folder(cache: pytest.Cache) -> Path:
    """A folder with the scripts of this package and ``node_modules``; the test is skipped where there can be none."""
    npm = shutil.which("npm")
    if not (npm and shutil.which("node")):
        pytest.skip("Node.js with npm is not here")
    folder = Path(cache.mkdir("node"))
    with exclusive(folder, "npm"):
        for file in (*HERE.glob("*.js"), *HERE.glob("*.json")):
            shutil.copy(file, folder)
        if not (folder / "node_modules" / ".package-lock.json").exists():
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            try:
                subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                pytest.skip(f"npm cannot fetch what package-lock.json names: {error}")
    return folder
