"""The report on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse.errors import UsageError
from pipelines.bi.html.command import report
from pipelines.cli.main import app


@pytest.fixture
def run(shop, monkeypatch):
    """The command, on the shop's lake."""
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(shop))
    return lambda *arguments: CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_the_command_overwrites_its_own_file_alone(run, tmp_path):
    file = tmp_path / "report.html"
    for _ in range(2):
        made = run("--out", file, "--json")
        assert made.exit_code == 0, made.output
    assert "Clickstream report" in file.read_text(encoding="utf-8")
    file.write_text("<html>mine")
    assert isinstance(run("--out", file).exception, UsageError)
    assert file.read_text() == "<html>mine"
    assert run("--out", file, "--force").exit_code == 0
    assert "Clickstream report" in file.read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(("name", "taken"), [("a.pdf", False), ("a.csv", False), ("a.HTM", True), ("a", True)])
def test_a_file_of_another_ending_is_no_page(run, tmp_path, name, taken):
    done = run("--out", tmp_path / name)
    assert (tmp_path / name).exists() is taken
    assert isinstance(done.exception, UsageError) is not taken
    assert taken or "prints the page to a PDF" in str(done.exception)


@pytest.mark.parametrize("arguments", [{}, {"file": Path("report.html"), "live": True}])
def test_the_report_is_either_written_or_served(arguments):
    with pytest.raises(UsageError, match="--out FILE, or --live"):
        report(**{"file": None, "live": False} | arguments)


def test_json_says_what_was_read(run, tmp_path):
    said = json.loads(run("--out", tmp_path / "report.html", "--json").stdout)
    assert said["pages"][0] == "Overview"
    assert said["rows"]["sessions"] == 400
