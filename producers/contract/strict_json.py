"""Read strict JSON (RFC 8259) and keep the source text of values. Standard library only.

Why not a library: ``details`` are stored as their own source text, a sentence in quarantine names the
character where JSON ends, and nesting of any depth must be counted. ``json`` and ``msgspec`` give no
position in the nesting, ``ijson`` no source text; ``json.loads`` also reads NaN, keeps the last of two
equal keys, and recurses. This reader has no call stack, so no nesting is too deep for it, and it looks
at every character a bounded number of times.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

_WHITE = r"[ \t\n\r]*+"
_BODY = r'[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+'
_STRING = f'"{_BODY}"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SCALAR = f"{_STRING}|{_NUMBER}|true|false|null"

NUMBER = re.compile(_NUMBER)
"""A plain JSON number, to be matched in full."""

# Groups: a key, a scalar and the mark after it, or else the start of an object or array.
_REST = rf"{_WHITE}(?:({_SCALAR}){_WHITE}([,}}\]])|([{{\[]))"
_MEMBER = re.compile(rf"{_WHITE}({_STRING}){_WHITE}:{_REST}")
_ELEMENT = re.compile(rf"(){_REST}")
_FIRST = re.compile(rf"{_WHITE}({_SCALAR}|[{{\[])")
_NEXT = re.compile(rf"{_WHITE}([,}}\]])")
_EMPTY = re.compile(rf"{_WHITE}([}}\]])")
_END = re.compile(_WHITE + r"\Z")

# As far as these match, a text may go on to be JSON.
_START_OF_VALUE = rf'{_WHITE}(?:"{_BODY}(?:"{_WHITE})?|(?:{_NUMBER}|true|false|null){_WHITE})?'
_STARTS = {
    _MEMBER: re.compile(rf'{_WHITE}(?:"{_BODY}(?:"{_WHITE}(?::{_START_OF_VALUE})?)?)?'),
    _ELEMENT: re.compile(_START_OF_VALUE),
    _FIRST: re.compile(_START_OF_VALUE),
    _NEXT: re.compile(_WHITE),
    _END: re.compile(_WHITE),
}


class JsonType(StrEnum):
    """What a JSON value is."""

    STRING = "string"
    NUMBER = "number"
    OBJECT = "object"
    ARRAY = "array"
    TRUE = "true"
    FALSE = "false"
    NULL = "null"


class JsonValue(NamedTuple):
    """A value and the very characters that it was written with, without white space around it."""

    type: JsonType
    source: str

    @classmethod
    def of(cls, source: str) -> JsonValue:
        """The value that this source, known to be JSON, is."""
        return cls(_TYPES[source[0]], source)

    def text(self) -> str:
        """What a string says, its escapes undone; a lone surrogate escape stays a lone surrogate."""
        return unescaped(self.source)


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """One JSON text: its outermost value, that object's members, duplicated keys and depth.

    ``depth`` counts levels of nesting, the outermost being the first. ``duplicated`` lists the keys
    that occur twice in one object at any level, ``members`` the last member of each key.
    """

    type: JsonType
    members: dict[str, JsonValue]
    duplicated: tuple[str, ...]
    depth: int


class NotJsonError(ValueError):
    """A text is not JSON from this character (counted from 0) on."""

    def __init__(self, position: int) -> None:
        super().__init__(f"Not JSON from character {position} on.")
        self.position = position


def unescaped(source: str) -> str:
    """What a JSON string, given with its quotes, says."""
    return str(json.loads(source)) if "\\" in source else source[1:-1]


def read_json(text: str) -> JsonDocument:
    """Read one JSON text; raises NotJsonError where it is none."""
    return _Reader(text).read()


class _Reader:
    """Read a text once. ``open`` holds the keys of each open object, and None for each open array."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.open: list[set[str] | None] = []
        self.members: dict[str, JsonValue] = {}
        self.duplicated: dict[str, None] = {}
        self.depth = 0
        self.member = ("", 0)

    def read(self) -> JsonDocument:
        first = self._match(_FIRST)[1]
        if first in _OPENING:
            self._open(first)
        while self.open:
            keys = self.open[-1]
            match = self._match(_ELEMENT if keys is None else _MEMBER)
            source, scalar, mark, opening = match.groups()
            if keys is not None:
                key = unescaped(source)
                if key in keys:
                    self.duplicated[key] = None
                keys.add(key)
                if len(self.open) == 1:
                    self._keep(key, scalar, match.start(4))
            if opening:
                self._open(opening)
            elif mark != ",":
                self._close(mark)
        self._match(_END)
        return JsonDocument(JsonValue.of(first).type, self.members, tuple(self.duplicated), self.depth)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.position)
        if match is None:
            start = _STARTS[pattern].match(self.text, self.position)
            raise NotJsonError(start.end() if start else self.position)
        self.position = match.end()
        return match

    def _keep(self, key: str, scalar: str | None, start: int) -> None:
        """Keep a member of the outermost object, or, of an object or array, where its value starts."""
        if scalar is None:
            self.member = (key, start)
        else:
            self.members[key] = JsonValue.of(scalar)

    def _open(self, opening: str) -> None:
        self.open.append(set() if opening == "{" else None)
        self.depth = max(self.depth, len(self.open))
        empty = _EMPTY.match(self.text, self.position)
        if empty:
            self.position = empty.end()
            self._close(empty[1])

    def _close(self, mark: str) -> None:
        """Close what ends with this mark, just read, and all that ends right after it."""
        while mark != ",":
            keys = self.open.pop()
            if mark != ("]" if keys is None else "}"):
                raise NotJsonError(self.position - 1)
            if not self.open:
                return
            if len(self.open) == 1 and self.open[0] is not None:
                key, start = self.member
                self.members[key] = JsonValue.of(self.text[start : self.position])
            mark = self._match(_NEXT)[1]


_OPENING = ("{", "[")
_TYPES = {
    '"': JsonType.STRING,
    "{": JsonType.OBJECT,
    "[": JsonType.ARRAY,
    "t": JsonType.TRUE,
    "f": JsonType.FALSE,
    "n": JsonType.NULL,
    **dict.fromkeys("-0123456789", JsonType.NUMBER),
}
