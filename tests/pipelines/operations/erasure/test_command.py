"""The command says what it did, takes ids from a file, and refuses to guess whom to erase."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from lakehouse.errors import UsageError
from pipelines.operations.erasure import command
from tests.support.erasure import build_gold, files_that_have, installation, visit


@pytest.fixture
def erase(tmp_path, monkeypatch):
    """Runs the command on an installation that knows two people."""
    settings, lake = installation(tmp_path)
    for number, who in enumerate(("anna-1234", "bob-12345")):
        visit(lake, 100 * number, who, f"session-{number}")
    build_gold(settings, lake)
    monkeypatch.setenv("CLICKSTREAM_LAKE", settings.lake_root)
    monkeypatch.setenv("CLICKSTREAM_STATE", str(settings.state_root))

    app = typer.Typer()
    app.command()(command.erase)

    def run(*words, code=0):
        result = CliRunner().invoke(app, [*words])
        if code is None:
            return result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def test_the_command_erases_and_says_so(erase, tmp_path):
    ids = tmp_path / "ids.txt"
    ids.write_text("anna-1234\r\n\nbob-12345\nanna-1234\n")
    assert "Nothing was changed." in erase("anna-1234", "--dry-run")
    done = json.loads(erase("--from", str(ids), "--json"))
    assert len(done["people"]) == 2
    assert "rows of 2 people are gone" in done["sentence"]
    ids.unlink()
    assert files_that_have(tmp_path, "anna-1234", "bob-12345") == []
    assert "0 rows of 1 person are gone" in erase("anna-1234").replace("\n", " ")
    assert "1 of 1 were on the list" in erase("anna-1234", "--readmit")


def test_an_id_that_no_table_has_is_not_erased(erase, tmp_path):
    """Neither a typo, nor one of several, gets onto the list; with the flag it does, and again needs none."""
    ids = tmp_path / "ids.txt"
    ids.write_text("anna-1234\nanna-12345\n")
    before = files_that_have(tmp_path / "state", "anna")
    for words in (["Anna-1234"], ["anna-123"], ["anna-12345"], ["--from", str(ids)]):
        refused = erase(*words, code=None)
        assert isinstance(refused, UsageError), words
        assert "No table has anything of this id" in str(refused)
        planned = erase(*words, "--dry-run", code=1)
        assert "No table has anything of this id" in planned
        assert "clickstream sql" in planned
        assert json.loads(erase(*words, "--dry-run", "--json", code=1))["not_found"] == 1
    assert files_that_have(tmp_path / "state", "anna") == before
    assert "0 of 1 were on the list" in erase("anna-123", "--readmit")
    assert "0 rows of 1 person are gone" in erase("anna-12345", "--even-if-absent")
    assert "0 rows of 1 person are gone" in erase("anna-12345")
    assert "rows of 2 people are gone" in erase("--from", str(ids))


def test_whom_to_erase_is_not_guessed(tmp_path):
    empty = tmp_path / "ids.txt"
    empty.write_text("\n \n")
    for words in (("", None), ("anna", empty), ("", empty), ("", tmp_path / "none")):
        with pytest.raises(UsageError):
            command.ids_of(*words)
