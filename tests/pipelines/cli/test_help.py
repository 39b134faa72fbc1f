"""Whoever asks for help gets it: no command and no option without a word on what it does."""

from collections.abc import Iterator
from typing import Any

import typer

from pipelines.cli.app import app


def _silent(command: Any, path: str) -> Iterator[str]:
    if not (command.help or "").strip():
        yield path
    for parameter in command.params:
        if not (parameter.help or "").strip():
            yield f"{path} {parameter.name}"
    for name, below in getattr(command, "commands", {}).items():
        yield from _silent(below, f"{path} {name}")


def test_every_command_and_option_says_what_it_is():
    assert list(_silent(typer.main.get_command(app), "clickstream")) == []
