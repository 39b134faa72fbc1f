"""Print for a person or a machine: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.text import Text

from lakehouse.errors import LakehouseError, OutsideError, StoppedError
from lakehouse.signals import ignore_repeated_signals
from pipelines.runtime.commands import command_of
from pipelines.runtime.hints import with_command_hint


class PlainConsole(Console):
    """Shows text as it is: nothing in it is markup, and no sign in it makes the terminal do something.

    What is printed comes from events, files and Kafka. A style is given as one, never within a text.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The parts of what is printed."""
        for part in super().render(renderable, options):
            yield part if part.control else Segment(harmless(part.text), part.style)


def harmless(text: str) -> str:
    """Text in which what a terminal obeys, or what hides or turns letters, is written as an escape."""
    if text.isprintable():
        return text
    return "".join(mark if _is_shown(mark) else mark.encode("unicode_escape").decode() for mark in text)


def _is_shown(mark: str) -> bool:
    return mark.isprintable() or mark in "\n\t" or unicodedata.category(mark) == "Zs"


out = PlainConsole(width=None if sys.stdout.isatty() else 160)
"""For results; without a terminal, wide enough for a table."""

err = PlainConsole(stderr=True, soft_wrap=not sys.stderr.isatty())
"""For progress and errors; a log has no width, so no line of it is broken."""


# JSON escapes what is below U+0020 by itself.
_HIDDEN = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def print_json(value: Any) -> None:
    """One JSON document on standard output, for machines."""
    document = json.dumps(value, indent=2, default=str, ensure_ascii=False)
    sys.stdout.write(_HIDDEN.sub(lambda mark: f"\\u{ord(mark[0]):04x}", document) + "\n")
    sys.stdout.flush()


def spinner() -> Progress:
    """A line that shows the work and its time; nothing without a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


class ReportProgress(Protocol):
    """Shows what is being done, and which share of it is done where that is known."""

    def __call__(self, text: str, share: float | None = None, /) -> None:
        """Shows it."""


def say(text: str) -> None:
    """Prints a line about what goes on; a long one is not broken, as a log has no width."""
    err.print(text, soft_wrap=True)


class NowAndThen:
    """Prints a line now and then where no terminal shows the progress, so that a log is not silent for long."""

    def __init__(self, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._said_at = clock()

    def __call__(self, text: str) -> None:
        """Prints it if it is time."""
        if not err.is_terminal and self._clock() - self._said_at >= self._seconds:
            say(text)
            self._said_at = self._clock()


@contextmanager
def progress_bar(name: str, *, as_json: bool = False) -> Iterator[ReportProgress]:
    """A progress bar for work that has steps; without a terminal, a line now and then.

    No line ``as_json``: spark-submit makes one of both outputs, and it would stand before the document.
    """
    now_and_then = NowAndThen()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(f"{name}: starting", total=None)

        def report_progress(text: str, share: float | None = None, /) -> None:
            total = None if share is None else 1.0
            if not as_json:
                now_and_then(f"{name}: {text}")
            progress.update(task, description=f"{name}: {text}", total=total, completed=share or 0.0)

        yield report_progress


def debugging() -> bool:
    """Whether stack traces are wanted: ``--debug`` or CLICKSTREAM_DEBUG."""
    return os.environ.get("CLICKSTREAM_DEBUG", "") not in ("", "0")


def fail(error: BaseException) -> NoReturn:
    """Prints an error as one sentence with its hint, and exits with its code."""
    if debugging():
        err.print_exception()
    if isinstance(error, KeyboardInterrupt | StoppedError):
        err.print("stopped")
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 143)
    described = describe_error(error)
    err.print(Text.assemble(("error:", "bold red"), f" {described}"), soft_wrap=True)
    raise SystemExit(described.exit_code)


def describe_error(error: BaseException) -> LakehouseError:
    """An error as one sentence with its hint."""
    if "pyspark" in sys.modules and _java_is_gone(error):
        return OutsideError(
            "Java, which runs Spark, has ended: it was killed, or ran out of memory.",
            "Run it again, nothing is lost; if it comes back, raise spark.driver_memory. "
            "Its last words are in logs/spark.log of the state folder.",
        )
    if isinstance(error, LakehouseError):
        return with_command_hint(error)
    if damaged := _damaged():
        # Spark, delta-rs and DuckDB each say in their own words that a file is missing, and none names the table.
        return with_command_hint(damaged)
    first = (str(error).strip().splitlines() or [""])[0][:500].rstrip(".")
    return OutsideError(f"{type(error).__name__}: {first}.", "Run it again with --debug for the whole story.")


def _damaged() -> LakehouseError | None:
    """The first table that is damaged; None where none is, or that cannot be told."""
    from pipelines.runtime.settings import load_settings  # these take as long as all the rest of a short command
    from pipelines.runtime.table_damage import damaged_tables

    try:
        return next(iter(damaged_tables(load_settings()).values()), None)
    except Exception:  # noqa: BLE001 - the error to be described is another one
        return None


def _java_is_gone(error: BaseException) -> bool:
    from lakehouse.session import java_is_gone  # only now: commands without Spark need not wait for it

    return java_is_gone(error)


def call(command: Callable[..., Any]) -> NoReturn:
    """Runs a command's app or function with the command line's arguments, and never shows a stack trace unasked."""
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
        os.environ["CLICKSTREAM_DEBUG"] = "1"
    ignore_repeated_signals()
    try:
        if any(name.startswith("CLICKSTREAM_") for name in os.environ):
            from pipelines.runtime.settings import refuse_unknown  # takes as long as all the rest of a short command

            refuse_unknown()
        command_of(command)(standalone_mode=True)
    except (Exception, KeyboardInterrupt, StoppedError) as error:  # noqa: BLE001 - the last stop before a person
        fail(error)
    raise SystemExit(0)
