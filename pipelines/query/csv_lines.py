"""Write rows as CSV that reads back as it was, on every Python and in every spreadsheet.

Python's own writer leaves a lone carriage return without quotes before 3.11.9, and such a row is two to a reader.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

_FORMULA = frozenset("=+-@")
"""What a spreadsheet takes for the beginning of a formula, as OWASP lists it under CSV injection."""


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: where it may begin like one, an apostrophe stands before it.

    Blanks of any kind and what is not seen are passed over, as a spreadsheet may do it; control characters among them
    are enough. Signs of full width and the like count as the plain ones that they are compatible with.
    """
    for mark in text:
        kind = unicodedata.category(mark)
        if kind == "Cc":
            return f"'{text}"
        if kind not in {"Zs", "Zl", "Zp", "Cf"}:
            return f"'{text}" if not _FORMULA.isdisjoint(unicodedata.normalize("NFKC", mark)[:1]) else text
    return text


def cell(value: Any) -> Any:
    """A value as CSV has it: instants in ISO 8601 with their offset, bytes in hexadecimal, numbers exact."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | list | dict):
        return harmless(str(value))
    return value


def csv_line(values: Iterable[Any], end: str) -> str:
    """A row as one line: what holds a comma, a quote or anything that is not printed stands in quotes."""
    fields = [_field(cell(value)) for value in values]
    return ('""' if fields == [""] else ",".join(fields)) + end


def _field(value: Any) -> str:
    text = "" if value is None else str(value)
    if text.isprintable() and "," not in text and '"' not in text:
        return text
    return '"' + text.replace('"', '""') + '"'
