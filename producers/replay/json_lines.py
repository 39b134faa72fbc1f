"""Read exports of JSON lines, whose objects differ from one tracker's version to the next."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from lakehouse.errors import DataError
from producers.contract.timestamps import read_instant
from producers.record import Record, encode
from producers.replay.format import Line, UnfitError, Unreadable

Described = tuple[str, dict[str, Any]]
"""What an object is: a topic, and the fields of its event; those without a value are left out."""


def json_records(
    lines: Iterator[Line], describe: Callable[[Mapping[str, Any]], Described | None]
) -> Iterator[Record | Unreadable]:
    """One record for each line that ``describe`` takes for an event; it gives None for what is none.

    Numbers keep their digits. ``describe`` raises UnfitError for an object that lacks what makes it an event.
    """
    for number, raw in lines:
        line = raw.removeprefix(b"\xef\xbb\xbf").strip()
        if not line:
            continue
        try:
            described = describe(_object(line))
            if described is not None:
                yield _record(*described)
        except (ValueError, RecursionError) as error:
            yield Unreadable(number, f"it is no JSON ({error}); save the export as JSON lines")
        except UnfitError as error:
            yield Unreadable(number, str(error))
        except DataError as error:
            yield Unreadable(number, error.args[0])


def _object(line: bytes) -> Mapping[str, Any]:
    found = json.loads(line, parse_float=Decimal)
    if not isinstance(found, dict):
        raise UnfitError("it is no JSON object")
    return found


def _record(topic: str, fields: dict[str, Any]) -> Record:
    event = {name: value for name, value in fields.items() if value not in (None, "")}
    at = read_instant(str(event.get("timestamp", "")).strip())
    if at is None:
        raise UnfitError(f"its time is {event.get('timestamp')!r}, which is no time")
    return topic, str(event.get("session_id", "")).encode("utf-8", "replace") or None, encode(event), at


def at(found: Any, *path: str) -> Any:
    """What stands at a path of keys; None where there is none, or something that is no plain value."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return None if isinstance(found, dict | list | bool) else found
