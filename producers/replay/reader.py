"""Replay real exports as records for Kafka: read a file, plain or gzipped, line by line in little memory."""

from __future__ import annotations

import gzip
import heapq
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, cast

from lakehouse.errors import UsageError
from producers.record import Record
from producers.replay.format import Line, Reader, Unreadable
from producers.replay.formats import FORMATS
from producers.replay.formats.csv import FORMAT as CSV
from producers.replay.mapped_csv import read_mapped
from producers.replay.mapping import read_mapping

LONGEST_LINE = 64 * 1_024 * 1_024
"""In bytes; a longer line is listed as unreadable."""

SORTED_AT_ONCE = 500_000
"""Records that ``in_order`` holds, to sort them."""


def replay(
    path: Path, name: str, complain: Callable[[Unreadable], None], mapping: Path | None = None
) -> Iterator[Record]:
    """Yield the records of an export, in the format's order; lines that cannot be read go to ``complain``.

    ``mapping`` is the file that says what the columns of ``csv`` are.

    Raises UsageError for a format that does not exist, a file that cannot be opened, the wrong columns or a wrong
    mapping.
    """
    if name not in FORMATS:
        raise UsageError(f"There is no format {name!r}.", f"The formats are {', '.join(FORMATS)}.")
    read = FORMATS[name].read
    if mapping is not None:
        if name != CSV.name:
            raise UsageError(f"The format {name} has its own columns.", "Leave out --mapping, or take --format csv.")
        read = partial(read_mapped, mapping=read_mapping(mapping))
    try:
        file = _opened(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Name a file that is there.") from error
    return _records(file, read, complain)


def _records(file: IO[bytes], read: Reader, complain: Callable[[Unreadable], None]) -> Iterator[Record]:
    with file:
        for record in read(_lines(file, complain)):
            if isinstance(record, Unreadable):
                complain(record)
            else:
                yield record


def in_order(records: Iterator[Record]) -> Iterator[Record]:
    """Sort records by time, as far as a buffer of ``SORTED_AT_ONCE`` reaches: all of a smaller file."""
    held: list[tuple[int, int, Record]] = []
    for count, record in enumerate(records):
        if len(held) < SORTED_AT_ONCE:
            heapq.heappush(held, (record[3], count, record))
        else:
            yield heapq.heappushpop(held, (record[3], count, record))[2]
    while held:
        yield heapq.heappop(held)[2]


def _opened(path: Path) -> IO[bytes]:
    file = path.open("rb")
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if file.peek(2)[:2] == b"\x1f\x8b" else file


def _lines(file: IO[bytes], complain: Callable[[Unreadable], None]) -> Iterator[Line]:
    number = 0
    try:
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                complain(Unreadable(number, f"it is longer than {LONGEST_LINE:,} bytes"))
                while (line := file.readline(LONGEST_LINE)) and not line.endswith(b"\n"):
                    pass
                continue
            yield number, line.rstrip(b"\r\n")
    except (EOFError, OSError, zlib.error) as error:
        complain(Unreadable(number + 1, f"the file is damaged from here on ({error}); get it again"))
