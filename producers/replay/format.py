"""Declare a format of exports: a file of real events, which the format turns into records line by line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from lakehouse.errors import DeclarationError, UsageError
from producers.record import Record

SITE = "https://shop.example"
"""Exports name products, not pages; their pages are in this shop."""


@dataclass(frozen=True)
class Unreadable:
    """A line that is not what the format says, and how to fix it."""

    line: int
    reason: str


class UnfitError(Exception):
    """What stands in a line is no event, and why."""


Line: TypeAlias = tuple[int, bytes]
"""The number of a line, from 1, and its bytes without the line end."""

Reader: TypeAlias = Callable[[Iterator[Line]], Iterator[Record | Unreadable]]


@dataclass(frozen=True)
class Format:
    """A format of exports: its name, what it is, and what reads it. A reader streams and keeps little."""

    name: str
    doc: str
    read: Reader

    def __post_init__(self) -> None:
        if not self.name or not self.doc:
            raise DeclarationError("A format needs a name and a sentence about it.")


def product_url(product: str) -> str:
    """Give the address of a product's page."""
    return f"{SITE}/product/{product}"


def iso(microseconds: int) -> str:
    """Write an instant as events carry it, to the millisecond: that is all that exports know."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000:03d}Z"


def csv_rows(lines: Iterator[Line], columns: tuple[str, ...]) -> Iterator[tuple[int, Mapping[str, str]] | Unreadable]:
    """Read CSV with a header, whose columns may come in any order and have others between them.

    A row is one line, so that a stray quote damages its own line only. Raises UsageError for another header.
    """
    first = next(lines, (1, b""))[1].removeprefix(b"\xef\xbb\xbf")
    header = [name.strip() for name in first.decode("utf-8", "replace").split(",")]
    if missing := [name for name in columns if name not in header]:
        raise UsageError(
            f"The file has no column {', '.join(missing)}; its first line begins {','.join(header)[:80]!r}.",
            f"Its first line must name {','.join(columns)}.",
        )
    for number, line in lines:
        try:
            text = line.decode()
            row = next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
        except (UnicodeDecodeError, csv.Error, StopIteration) as error:
            yield Unreadable(number, f"it cannot be read ({error}); save the file as CSV in UTF-8")
            continue
        if len(row) == len(header):
            yield number, dict(zip(header, row, strict=True))
        elif text.strip():
            yield Unreadable(number, f"it has {len(row)} fields, the header has {len(header)}")
