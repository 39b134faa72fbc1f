"""The example for dbt runs on the SQL endpoint as the docs say, and writes nothing there."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from deltalake import DeltaTable, write_deltalake

from tests.support.dbt import PROJECT, dbt_program
from tests.support.pages import DOCS, blocks
from tests.support.sql_endpoint import GIVEN

pytestmark = pytest.mark.spark

PAGE = (DOCS / "how-to" / "sql-endpoint.md").read_text(encoding="utf-8")
SOURCES = [f"source:gold.{name}" for name in GIVEN]


@pytest.fixture
def dbt(request, served, tmp_path):
    """Runs dbt as the page says."""
    program = dbt_program(request.config.cache)
    folders = dict.fromkeys(("DBT_PROJECT_DIR", "DBT_PROFILES_DIR"), str(PROJECT))
    scratch = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}

    def run(*words):
        return subprocess.run(
            [program, "--no-use-colors", *words],
            cwd=tmp_path,
            env={**os.environ, **folders, **scratch, "CLICKSTREAM_SQL_PORT": str(served.port)},
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

    return run


def test_the_page_tells_the_commands_that_are_run_here():
    told = [line.partition("bin/dbt ")[2] for line in blocks(PAGE) if "bin/dbt " in line]
    assert told == ["debug", "show --select revenue_by_week", "test --select source:gold.sessions"]


def test_dbt_shows_a_model_and_tests_the_sources(dbt, served):
    before = {name: DeltaTable(f"{served.lake}/gold/{name}").version() for name in GIVEN}
    shown = dbt("show", "--select", "revenue_by_week")
    assert shown.returncode == 0, shown.stdout
    assert re.search(r"\| week_from +\| sessions \|", shown.stdout)
    tested = dbt("test", "--select", *SOURCES)
    found = re.findall(r" of \d+ (PASS|FAIL|ERROR)(?: \d+)? (\w+) ", tested.stdout)
    ended = {name: how for how, name in found}
    # The rows that were made for this leave columns out, which dbt has to notice.
    assert ended.pop("sessions_has_what_is_required") == "FAIL", tested.stdout
    assert len(ended) >= 8
    assert set(ended.values()) == {"PASS"}, tested.stdout
    assert {name: DeltaTable(f"{served.lake}/gold/{name}").version() for name in GIVEN} == before

    sessions = DeltaTable(f"{served.lake}/gold/sessions")
    write_deltalake(sessions, sessions.to_pyarrow_table().slice(0, 1), mode="append")
    tested = dbt("test", "--select", "sessions_has_a_key_once")
    assert tested.returncode == 1, tested.stdout
    assert "Got 1 result" in tested.stdout


def test_dbt_finds_the_endpoint(dbt):
    done = dbt("debug")
    assert done.returncode == 0, done.stdout
    assert "All checks passed!" in done.stdout
