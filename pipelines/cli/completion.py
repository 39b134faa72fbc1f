"""Completion for shells: the commands and options by a list made from them, tables and events by their declarations.

The commands themselves load Spark and more, which takes longer than anyone waits for the tab key. ``python -m
pipelines.cli.completion`` makes the list anew; a test holds it against the commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from enum import Enum
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

ASKED = "_CLICKSTREAM_COMPLETE"
"""The variable in which a shell says that it asks."""

OUTLINE = Path(__file__).with_name("completion.json")
"""The list of the commands and their options."""


def _tables() -> Iterable[str]:
    from pipelines.runtime.catalog import TABLES

    return TABLES


def _events() -> Iterable[str]:
    from producers.events import EVENTS

    return EVENTS


def _formats() -> Iterable[str]:
    from producers.replay.formats import FORMATS

    return FORMATS


_WORDS: dict[str, Callable[[], Iterable[str]]] = {"TABLE": _tables, "EVENT": _events, "FORMAT": _formats}
"""What can stand where a parameter's help says one of these words."""


def outline(command: Any) -> dict[str, Any]:
    """A command of the real program as plain values: what can be typed after its name."""
    below = getattr(command, "commands", None)
    if below is not None:
        return {"help": command.help, "commands": {name: outline(one) for name, one in below.items()}}
    return {"help": command.get_short_help_str(limit=200), "parameters": [_parameter(one) for one in command.params]}


def _parameter(one: Any) -> dict[str, Any]:
    annotation = one.type_descriptor.annotation
    is_choice = isinstance(annotation, type) and issubclass(annotation, Enum)
    known = {
        "names": " ".join([*one.opts, *one.secondary_opts]) if one.param_type_name == "option" else "",
        "help": one.help,
        "is_flag": getattr(one, "is_flag", False),
        "words": one.metavar if one.metavar in _WORDS else "",
        "choices": " ".join(choice.value for choice in annotation) if is_choice else "",
    }
    return {name: value for name, value in known.items() if value}


def rebuilt(known: dict[str, Any]) -> typer.Typer:
    """Commands that can be completed like the real ones, and do nothing."""
    app = typer.Typer(help=known["help"])
    for name, one in known["commands"].items():
        if "commands" in one:
            app.add_typer(rebuilt(one), name=name)
        else:
            app.command(name, help=one["help"])(_placeholder(one["parameters"]))
    return app


def _placeholder(parameters: list[dict[str, Any]]) -> Callable[..., None]:
    def command(**_: Any) -> None: ...

    takes = {f"p{place}": _annotation(one) for place, one in enumerate(parameters)}
    kind = Parameter.KEYWORD_ONLY
    made: Any = command
    made.__annotations__ = takes
    made.__signature__ = Signature(
        [Parameter(name, kind, default=None, annotation=annotation) for name, annotation in takes.items()]
    )
    return command


def _annotation(one: dict[str, Any]) -> Any:
    def complete(incomplete: str) -> list[str]:
        words = _WORDS[one["words"]]() if "words" in one else one["choices"].split()
        return [word for word in words if word.startswith(incomplete)]

    takes_words = complete if "words" in one or "choices" in one else None
    if "names" in one:
        kind = bool if "is_flag" in one else str
        return Annotated[kind, typer.Option(*one["names"].split(), help=one["help"], autocompletion=takes_words)]
    return Annotated[str, typer.Argument(help=one["help"], autocompletion=takes_words)]


def answer() -> None:
    """Tells a shell how the command line can go on."""
    rebuilt(json.loads(OUTLINE.read_text(encoding="utf-8")))(prog_name="clickstream")


def in_json(command: Any) -> str:
    """The outline of the whole program as the file has it."""
    return json.dumps(outline(command), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    from pipelines.cli.app import app

    OUTLINE.write_text(in_json(typer.main.get_command(app)), encoding="utf-8")
