"""A dry run shows what a replay would send and what would be refused, and sends nothing."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from lakehouse.errors import DataError
from pipelines.cli.produce import app

MAPPING = """
[fields]
user_id = "user"
session_id = "visit"
page_url = "url"
timestamp = "time"
price = "price"

[[events]]
kind = "page_views"
"""
GOOD = "anna,s1,/p/1,2026-10-15 10:00:00,5"


@pytest.fixture
def dry_run(tmp_path):
    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")

    def run(*rows, options=()):
        (tmp_path / "file.csv").write_text("\n".join(["user,visit,url,time,price", *rows]), encoding="utf-8")
        asked = ["replay", str(tmp_path / "file.csv"), "--format", "csv", "--mapping", str(tmp_path / "mapping.toml")]
        return CliRunner().invoke(app, [*asked, "--dry-run", *options])

    return run


def test_what_would_be_sent_is_shown(dry_run):
    done = dry_run(*[GOOD] * 7)
    assert done.exit_code == 0, done.output
    assert done.output.count('"user_id":"anna"') == 5
    assert "page_views: 7 events" in done.output


def test_what_would_be_refused_is_counted_by_rule(dry_run):
    done = dry_run(
        GOOD, ",s1,/p/1,2026-10-15 10:00:00,5", "ben,s1,/p/1,2026-10-15 10:00:00,-5", "x", options=["--json"]
    )
    assert isinstance(done.exception, DataError)
    assert "2 times, and 1 lines" in str(done.exception)
    found = json.loads(done.stdout)
    assert found["events"] == {"page_views": 3}
    assert {one["rule"]: one["events"] for one in found["refused"]} == {"user_id_missing": 1, "price_negative": 1}
    assert found["unreadable_lines"][0]["line"] == 5


def test_refused_and_unreadable_lines_are_said_in_words(dry_run):
    done = dry_run(",s1,/p/1,2026-10-15 10:00:00,5", "x")
    assert "user_id_missing: 1 events. user_id is missing" in done.output
    assert "line 3: it has 1 columns" in done.output


def test_a_file_without_events_is_no_success(dry_run):
    assert "No line is an event" in str(dry_run().exception)
