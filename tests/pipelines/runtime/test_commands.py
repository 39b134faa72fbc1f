"""A group lists its commands by their entries, and imports the one that is asked for."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.cli.quarantine import app as quarantine
from pipelines.runtime.commands import Lazy, command_of, lazy_app

APPS = {"clickstream": app, "clickstream quarantine": quarantine}


def _entries():
    for path, one in APPS.items():
        group = command_of(one)
        for name, entry in getattr(group, "entries", {}).items():
            yield pytest.param(group.commands[name], entry, id=f"{path} {name}")


@pytest.mark.parametrize(("command", "entry"), list(_entries()))
def test_an_entry_says_what_its_command_says(command, entry):
    first = " ".join(command.help.split("\n\n")[0].split())
    assert entry.help == first, f"Write {first!r} into the entry of {entry.target}."


def test_a_list_of_commands_imports_none_of_them():
    lazy = lazy_app({"missing": Lazy("no.such.module:command", "Do what nobody can.")}, "A program.")
    assert "Do what nobody can." in CliRunner().invoke(lazy, ["--help"]).output


def test_a_misspelt_command_gets_a_suggestion():
    output = CliRunner().invoke(app, ["exprot"]).output
    assert "Did you mean 'export'?" in output


def test_a_flag_has_no_type_in_the_help(capsys):
    def work(quickly: Annotated[bool, typer.Option("--quickly", help="Hurry.")] = False, depth: int = 1) -> None:
        raise AssertionError(quickly, depth)

    assert "<bool>" not in CliRunner().invoke(app, ["--help"]).output
    with pytest.raises(SystemExit):
        command_of(work)(["--help"])
    output = capsys.readouterr().out
    assert "--quickly" in output
    assert "<int>" in output
    assert "<bool>" not in output
