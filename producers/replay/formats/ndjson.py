"""The project's own events, one JSON object a line; what is sent is the source text, character for character.

A line is either ``{"topic": "clicks", "value": {…}}``, of which the value is sent, or an event by itself. An
event with an ``element_id`` is a click, one with an ``interaction_type`` an interaction, any other a page view.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from producers.contract.timestamps import read_instant
from producers.events import EVENTS
from producers.record import Record
from producers.replay.format import Format, Line, Unreadable


class _Line(msgspec.Struct):
    topic: Any = None
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    element_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    interaction_type: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    session_id: Any = None
    timestamp: Any = None


_HINT = 'write an event, or {"topic": "clicks", "value": {…}}'


def read(lines: Iterator[Line]) -> Iterator[Record | Unreadable]:
    """Read events in the file's order; one whose time cannot be read counts as of the time before."""
    decoder, last = msgspec.json.Decoder(_Line), 0
    for number, raw in lines:
        line = raw.removeprefix(b"\xef\xbb\xbf").strip()
        if not line:
            continue
        try:
            event, text = decoder.decode(line), line
            topic = event.topic
            if wrapped := isinstance(event.value, msgspec.Raw) and topic is not None:
                text = bytes(event.value)
                event = decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield Unreadable(number, f"it is no JSON object ({error}); {_HINT}")
            continue
        if not wrapped:
            topic = _kind(event)
        if not isinstance(topic, str) or topic not in EVENTS:
            yield Unreadable(number, f"topic {topic!r} is none of {', '.join(EVENTS)}; {_HINT}")
            continue
        at = read_instant(str(event.timestamp).strip())
        last = last if at is None else at
        key = str(event.session_id) if isinstance(event.session_id, str | int) else ""
        yield topic, key.encode("utf-8", "replace") or None, text, last


def _kind(event: _Line) -> str:
    if event.element_id is not msgspec.UNSET:
        return "clicks"
    return "interactions" if event.interaction_type is not msgspec.UNSET else "page_views"


FORMAT = Format("ndjson", "This project's own events, one JSON object a line.", read)
"""Events as they are."""
