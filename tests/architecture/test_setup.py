"""`make setup` makes an environment of its own, whatever the shell says of pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.support.pages import ROOT

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "one"
version = "1"
"""

BACKEND = """
from zipfile import ZipFile

def build_editable(folder, config_settings=None, metadata_directory=None):
    with ZipFile(f"{folder}/one-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("one.pth", "")
        wheel.writestr("one-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: one\\nVersion: 1\\n")
        wheel.writestr("one-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("one-1.dist-info/RECORD", "")
    return "one-1-py3-none-any.whl"
"""


def test_pip_s_variables_mislead_no_setup(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name, text in {
        "requirements.lock": "# none\n",
        "pyproject.toml": PROJECT,
        "backend.py": BACKEND,
        "pipelines/cli/warm_up.py": "",
        "pip.conf": "[global]\nuser = true\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    elsewhere = str(tmp_path / "elsewhere")
    misleading = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_USER": "1", "PIP_TARGET": elsewhere}
    done = subprocess.run(
        ["make", ".venv/.complete", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env={**os.environ, **misleading, "PIP_PREFIX": elsewhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob(".venv/lib/python*/site-packages/one-1.dist-info"))) == 1
    assert not (tmp_path / "elsewhere").exists()
