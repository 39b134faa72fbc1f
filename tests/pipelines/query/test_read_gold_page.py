"""What the page tells people to run on gold with their own tools runs as it stands there, and ends well."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.engines.opened_table import dataset
from tests.pipelines.bi.html.made_gold import made_gold, write_gold
from tests.support.pages import DOCS, ROOT
from tests.support.workbook_reader import read_sheet

PAGE = (DOCS / "how-to" / "read-gold.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NEEDS_SPARK = [script for script in SCRIPTS if "open_job" in script]


@pytest.fixture
def folder(tmp_path):
    """A folder with a gold.sessions of two commits."""
    for kind, revenue in (("search", 10.0), ("direct", 2.5)):
        rows = {"referrer_kind": [kind], "revenue": [revenue], "started_at": [datetime(2026, 11, 29, tzinfo=UTC)]}
        write_deltalake(tmp_path / "lake" / "gold" / "sessions", pa.table(rows), mode="append")
    return tmp_path


def _run(script, folder):
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CLICKSTREAM_LAKE": "lake", "CLICKSTREAM_STATE": "state"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("script", [one for one in SCRIPTS if one not in NEEDS_SPARK])
def test_a_script_of_the_page_runs(folder, script):
    said = _run(script, folder)
    assert "12.5" in said or "search" in said or said.split() == ["1", "1"], said


def test_the_command_for_excel_writes_the_workbook(tmp_path):
    [command] = re.findall(r"`clickstream (export [^`]*xlsx)`", PAGE)
    write_gold(tmp_path / "lake", {"sessions": made_gold(sessions=12, days=2)["sessions"]})
    _run(f"import sys; sys.argv[1:] = {command.split()!r}; from pipelines.cli.main import main; main()", tmp_path)
    [header, *rows], _ = read_sheet(tmp_path / "sessions.xlsx")
    assert [cell.value for cell in header][:2] == ["user_id", "session_id"]
    assert len(rows) == 12


@pytest.mark.spark
def test_the_script_for_spark_runs(folder):
    [script] = NEEDS_SPARK
    assert "search|        10.0" in _run(script, folder)


@pytest.mark.parametrize("name", ["my lake", "größe", "50%", "#1", "{x}", "a'b"])
def test_arrow_reads_a_table_by_itself_wherever_it_lies(tmp_path, name):
    rows = pa.table({"a": [1, 2], "kind": ["x y", "ü/z"]})
    for partition_by in ([], ["kind"]):
        place = tmp_path / name / f"t{len(partition_by)}"
        write_deltalake(place, rows, partition_by=partition_by)
        assert sorted(dataset(DeltaTable(place)).to_table()["kind"].to_pylist()) == ["x y", "ü/z"]
