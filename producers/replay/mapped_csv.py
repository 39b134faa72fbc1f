"""Turn the rows of any CSV into records, by a mapping of its columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from lakehouse.errors import UsageError
from producers.contract.event_type import Kind
from producers.contract.timestamps import read_instant
from producers.events import EVENTS
from producers.record import Record, encode
from producers.replay.format import Line, UnfitError, Unreadable
from producers.replay.mapping import DELIMITERS, CsvMapping, MappedEvent

_BOM = "\ufeff"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_COMMA = re.compile(r"-?[0-9]{1,3}(?:[. \u00a0\u202f'][0-9]{3})*(?:,[0-9]+)?|-?[0-9]+(?:,[0-9]+)?")
_LOOKS_COMMA = re.compile(r"-?[0-9.]*[0-9],[0-9]{1,2}")
_FEW_DIGITS = 40  # of more digits, the contract says that it is no price
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_HAS_ZONE = re.compile(r"(?:[Zz]|[+-][0-9]{2}:?(?:[0-9]{2})?)(?:\[.*\])?\Z")


def read_mapped(lines: Iterator[Line], mapping: CsvMapping) -> Iterator[Record | Unreadable]:
    """Read events in the file's order. A row is one line, so that a stray quote damages its own line only.

    A row that is no event of the mapping is passed over, as is the header where it stands in the file again.
    Raises UsageError for a header without the columns that the mapping names.
    """
    text, given = _first_line(lines, mapping), mapping.delimiter
    if match := _SEPARATOR.fullmatch(text.strip()):  # as Excel writes and reads it
        text, given = _first_line(lines, mapping), given or match[1]
    delimiter = given or _delimiter(text, mapping)
    header = _cells(text, delimiter)
    _check_header(header, mapping, text)
    for number, line in lines:
        try:
            row = next(csv.reader([_decoded(line, mapping)], delimiter=delimiter, strict=True), [])
        except UsageError as error:
            yield Unreadable(number, str(error))
            continue
        except csv.Error as error:
            yield Unreadable(number, f"it cannot be read as CSV ({error}); a row is one line, also within quotes")
            continue
        if not any(cell.strip() for cell in row) or [cell.strip().removeprefix(_BOM) for cell in row] == header:
            continue
        if len(row) != len(header):
            yield Unreadable(number, f"it has {len(row)} columns, the header has {len(header)}")
            continue
        try:
            yield from _records(dict(zip(header, row, strict=True)), mapping)
        except UnfitError as error:
            yield Unreadable(number, str(error))


def _first_line(lines: Iterator[Line], mapping: CsvMapping) -> str:
    """The next line, which has to be the header. Raises UsageError where the file has other lines than these."""
    first = next(lines, (1, b""))[1]
    if first.startswith(_UTF_16):
        raise UsageError("The file is in UTF-16.", "Save it as CSV in UTF-8.")
    if b"\r" in first:
        raise UsageError(
            "The lines of the file end in carriage returns alone.",
            "Turn them into line feeds, as `tr '\\r' '\\n' <FILE >NEW` does.",
        )
    return _decoded(first.removeprefix(_BOM.encode()), mapping)


def _cells(text: str, delimiter: str) -> list[str]:
    """The names in a header."""
    return [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]


def _decoded(line: bytes, mapping: CsvMapping) -> str:
    try:
        return line.decode(mapping.encoding)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"Byte {error.start} of the line, 0x{line[error.start]:02x}, is not {mapping.encoding}.",
            'Name what the file is written in, as encoding = "cp1252", in the mapping.',
        ) from error


def _delimiter(header: str, mapping: CsvMapping) -> str:
    """The delimiter that gives the most of the columns that the mapping names, and then the most columns."""

    def fits(delimiter: str) -> tuple[int, int]:
        names = _cells(header, delimiter)
        return len(set(names) & set(mapping.columns)), len(names)

    return max(DELIMITERS, key=fits)


def _check_header(header: list[str], mapping: CsvMapping, text: str) -> None:
    if missing := [name for name in mapping.columns if name not in header]:
        raise UsageError(
            f"The file has no column {', '.join(missing)}; its first line begins {text[:120]!r}.",
            "Name in the mapping the columns as they stand in the file's first line.",
        )
    if twice := sorted({name for name in mapping.columns if header.count(name) > 1}):
        raise UsageError(f"The file has two columns {twice[0]}.", "Give one of them another name in its first line.")


def _records(row: Mapping[str, str], mapping: CsvMapping) -> Iterator[Record]:
    for event in mapping.events:
        if event.is_in(row):
            yield _record(row, event, mapping)


def _record(row: Mapping[str, str], event: MappedEvent, mapping: CsvMapping) -> Record:
    value: dict[str, Any] = {}
    at = 0
    for field in EVENTS[event.kind].fields:
        text = event.constants.get(field.name, row.get(event.fields.get(field.name, ""), "")).strip()
        if not text:
            continue
        if field.kind is Kind.TIMESTAMP:
            at = _instant(field.name, text, mapping)
            value[field.name] = _iso(at)
        elif field.kind is Kind.NUMBER:
            value[field.name] = _number(field.name, text, mapping)
        else:
            value[field.name] = text
    return event.kind, str(value.get("session_id", "")).encode() or None, encode(value), at


def _instant(name: str, text: str, mapping: CsvMapping) -> int:
    if mapping.time_format:
        try:
            found = datetime.strptime(text, mapping.time_format)  # noqa: DTZ007  a zone is given below
        except ValueError:
            raise UnfitError(f"{name} is {text!r}, which is not as time_format says, {mapping.time_format!r}") from None
        zoned = found if found.tzinfo else found.replace(tzinfo=mapping.time_zone or UTC)
        return _micros(zoned)
    instant = read_instant(text)
    if instant is None:
        raise UnfitError(
            f'{name} is {text!r}, which is no time: say in time_format how it is written, as "%d.%m.%Y %H:%M"'
        )
    if mapping.time_zone is None or text.replace(".", "").isdigit() or _HAS_ZONE.search(text):
        return instant
    return _micros((_1970 + timedelta(microseconds=instant)).replace(tzinfo=mapping.time_zone))


def _micros(zoned: datetime) -> int:
    return (zoned - _1970) // timedelta(microseconds=1)


def _iso(instant: int) -> str:
    return (_1970 + timedelta(microseconds=instant)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(name: str, text: str, mapping: CsvMapping) -> Decimal | str:
    if mapping.decimal_comma:
        if not _COMMA.fullmatch(text):
            raise UnfitError(f"{name} is {text!r}, which is no number with a decimal comma")
        text = re.sub(r"[. \u00a0\u202f']", "", text).replace(",", ".")
    elif _LOOKS_COMMA.fullmatch(text):
        raise UnfitError(f"{name} is {text!r}: if that is a decimal comma, say decimal_comma = true in the mapping")
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text  # the contract says what is wrong with it
    return number if number.is_finite() and abs(number.adjusted()) < _FEW_DIGITS else text
