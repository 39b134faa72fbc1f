"""How the command line speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer
from rich.console import Console

from lakehouse.errors import LakehouseError

out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
"""For results; where no terminal says how wide it is, wide enough for a table."""

err = Console(stderr=True, highlight=False)
"""For progress and errors."""


def print_json(value: Any) -> None:
    """One JSON document on standard output, for machines."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def debugging() -> bool:
    """Whether stack traces are wanted: ``--debug`` or CLICKSTREAM_DEBUG."""
    return os.environ.get("CLICKSTREAM_DEBUG", "") not in ("", "0")


def fail(error: BaseException) -> NoReturn:
    """Says one sentence with the cure, and exits with the code that the error stands for."""
    if debugging():
        err.print_exception()
    if isinstance(error, LakehouseError):
        err.print(f"[bold red]error:[/] {_plain(str(error))}")
        raise SystemExit(error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        err.print("stopped")
        raise SystemExit(130)
    first = (str(error).strip().splitlines() or [""])[0][:500]
    err.print(
        f"[bold red]error:[/] {_plain(type(error).__name__)}: {_plain(first)} "
        "Run it again with --debug for the whole story."
    )
    raise SystemExit(3)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def call(command: Callable[..., Any]) -> NoReturn:
    """Runs a command's app or function with the command line's arguments, and never shows a stack trace unasked."""
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
        os.environ["CLICKSTREAM_DEBUG"] = "1"
    try:
        if isinstance(command, typer.Typer):
            command(standalone_mode=True)
        else:
            app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            app.command()(command)
            app(standalone_mode=True)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last stop before a person
        fail(error)
    raise SystemExit(0)
