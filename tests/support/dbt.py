"""dbt for the tests: installed once, by pip, into an environment of its own, pinned by the example's hashes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.locks import exclusive
from tests.support.pages import ROOT

PROJECT = ROOT / "conf" / "dbt"
PACKAGES = PROJECT / "requirements.txt"


def dbt_program(cache: pytest.Cache) -> Path:
    """The program ``dbt``; the test is skipped where pip reaches no registry."""
    folder = Path(cache.mkdir("dbt")) / hashlib.sha256(PACKAGES.read_bytes()).hexdigest()[:16]
    with exclusive(folder.parent, "dbt"):
        complete = folder / "complete"
        if not complete.exists():
            pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            try:
                subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, capture_output=True)
                command = [*pip, "--no-deps", "--require-hashes", "-r", PACKAGES]
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=400)
            except subprocess.TimeoutExpired:
                pytest.skip("pip takes too long to fetch dbt")
            except subprocess.CalledProcessError as error:
                if "No matching distribution" not in error.stderr:
                    raise AssertionError(error.stderr) from error
                pytest.skip(f"pip cannot fetch dbt: {error.stderr[-300:]}")
            complete.touch()
    return folder / "bin" / "dbt"
