"""Show how the streams stand again and again, until Ctrl-C, for whoever looks on; starts no Spark."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from rich.console import Group
from rich.live import Live
from rich.text import Text

from lakehouse.errors import LakehouseError
from lakehouse.signals import stopping
from pipelines.operations.status import StreamStatus, as_rows, needs_person, parts, run_status
from pipelines.runtime.console import out
from pipelines.runtime.hints import with_command_hint
from pipelines.runtime.settings import Settings


def watch(settings: Settings, seconds: float, *, as_json: bool) -> bool:
    """Looks every so many seconds until it is told to stop; returns whether the last look found what needs a person.

    A terminal shows the newest look in place of the one before; with ``as_json`` each look is a line. Where there is
    no lake yet, or no more, it says so and looks again.
    """
    needed = False
    with stopping() as stop, stop.polled_by_caller():
        if as_json or not out.is_terminal:
            while not stop.is_set():
                needed = _line(settings) if as_json else _block(settings)
                stop.wait(seconds)
            return needed
        with Live(console=out, auto_refresh=False, transient=False) as live:
            while not stop.is_set():
                found, sentence = _look(settings)
                needed = bool(sentence) or needs_person(found)
                at = f"{datetime.now(UTC):%H:%M:%S} UTC; every {seconds:g} s, Ctrl-C ends it"
                live.update(_stacked(found, sentence, at), refresh=True)
                stop.wait(seconds)
    return needed


def _look(settings: Settings) -> tuple[list[StreamStatus], str]:
    try:
        return run_status(settings), ""
    except LakehouseError as error:
        return [], str(with_command_hint(error))
    except Exception as error:  # noqa: BLE001 - files may go while they are read: the next look finds others
        return [], f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"


def _line(settings: Settings) -> bool:
    found, sentence = _look(settings)
    needed = bool(sentence) or needs_person(found)
    told = {"at": datetime.now(UTC).isoformat(), "needs_person": needed, "error": sentence, "streams": as_rows(found)}
    sys.stdout.write(json.dumps(told, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return needed


def _block(settings: Settings) -> bool:
    found, sentence = _look(settings)
    out.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    for part in parts(found) if found else [Text(sentence)]:
        out.print(part, soft_wrap=isinstance(part, Text))
    return bool(sentence) or needs_person(found)


def _stacked(found: list[StreamStatus], sentence: str, at: str) -> Group:
    return Group(*(parts(found) if found else [Text(sentence)]), Text(at, style="dim"))
