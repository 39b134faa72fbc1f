"""The programs that set-up runs in processes of their own name nothing that they lack: it only says so, and goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lakehouse import spark_jars
from pipelines.cli import warm_up


@pytest.mark.parametrize("program", [warm_up._WORK, spark_jars._RESOLVE], ids=["archive", "jars"])
def test_a_program_of_set_up_has_all_that_it_names(program):
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", "--stdin-filename", "p.py", "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
