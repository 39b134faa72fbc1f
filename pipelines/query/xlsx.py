"""Rows as an Excel workbook: text stays text, numbers stay numbers, and what Excel cannot hold is said, never cut."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_575
"""How many rows a sheet holds, beside the one with the columns' names."""

LONGEST = 32_767
"""How many characters a cell holds; one beyond U+FFFF counts as two."""

DIGITS = 15
"""How many digits of a number Excel keeps; a number with more is written as text, which loses none."""

FIRST_DAY = date(1900, 3, 1)
"""Before this day Excel counts a 29 February that never was; an earlier day is written as text."""

_INSTANT = 'yyyy-mm-dd hh:mm:ss.000" UTC"'
_DAY = "yyyy-mm-dd"
_TEXT = "@"  # "General" would make a formula of text that looks like one as soon as someone edits it
_ESCAPED = re.compile(r"_(?=x[0-9a-fA-F]{4})|[\x00-\x08\x0b-\x1f\ufffe\uffff]|^<(?=r>)")
_CURE = "Choose --format csv or parquet."


def write_workbook(rows: pa.Table, file: Path) -> None:
    """Writes rows to a workbook of one sheet.

    Raises UsageError where Excel cannot hold them.
    """
    from xlsxwriter.exceptions import FileCreateError, FileSizeError
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

    class Sheet(Worksheet):  # type: ignore[misc]
        """A sheet that escapes text as Excel reads it."""

        _escape_control_characters = staticmethod(escaped)

    if rows.num_rows > MOST_ROWS:
        raise UsageError(f"A sheet of Excel holds {MOST_ROWS:,} rows, and there are {rows.num_rows:,}.", _CURE)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "remove_timezone": True}
    packed = BytesIO()  # the library leaves stack traces behind where the disk of its file is full
    try:
        with Workbook(packed, options) as workbook:
            _fill(workbook, workbook.add_worksheet("rows", Sheet), rows)
    except FileSizeError:
        raise UsageError("The rows take more than the 4 GB that Excel opens.", _CURE) from None
    except FileCreateError as error:  # wraps what the disk of its drafts said
        raise error.args[0] from None
    file.write_bytes(packed.getbuffer())


def _fill(workbook: Workbook, sheet: Worksheet, rows: pa.Table) -> None:
    sheet.freeze_panes(1, 0)
    formats: dict[str, Format] = {}
    for place, column in enumerate(rows.schema):
        wanted = number_format(column.type)
        if wanted not in formats:
            formats[wanted] = workbook.add_format({"num_format": wanted})
        # A day or an instant that is wider than its column is shown as #####.
        width = max(len(column.name) + 2, 28 if wanted == _INSTANT else 12)
        sheet.set_column(place, place, width, formats[wanted])
    head = workbook.add_format({"bold": True, "num_format": _TEXT})
    for place, name in enumerate(rows.column_names):
        sheet.write_string(0, place, name, head)
    for number, line in enumerate(_lines(rows), start=1):
        for place, value in enumerate(line):
            made = fitting(value)
            if isinstance(made, str) and len(made.encode("utf-16-le")) // 2 > LONGEST:
                raise UsageError(
                    f"A cell of Excel holds {LONGEST:,} characters, and {rows.column_names[place]} in row "
                    f"{number + 1:,} has {len(made):,}.",
                    _CURE,
                )
            _put(sheet, number, place, made)


def _lines(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in rows.to_batches(max_chunksize=10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def escaped(value: Any) -> Any:
    """Text in which what XML refuses is an escape of Excel's, ``_xHHHH_``, and what looks like one is none.

    The library takes text from <r> to </r> for its own markup, and of two escapes that share a sign it escapes one.
    """
    return _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", value) if isinstance(value, str) else value


def number_format(kind: pa.DataType) -> str:
    """How Excel shows the values of a type."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return _INSTANT
    if pa.types.is_date(kind):
        return _DAY
    if pa.types.is_decimal(kind):
        return f"0.{'0' * kind.scale}" if kind.scale > 0 else "0"
    if pa.types.is_integer(kind):
        return "0"
    return "General" if pa.types.is_floating(kind) or pa.types.is_boolean(kind) else _TEXT


def fitting(value: Any) -> bool | float | date | str | None:
    """A value as Excel can keep it: as what it is, or else as text that says the same.

    Instants become UTC; Excel knows no time zones.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, datetime):
        instant = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return instant if instant.date() >= FIRST_DAY else instant.isoformat()
    if isinstance(value, date):
        return value if value >= FIRST_DAY else value.isoformat()
    if isinstance(value, int | Decimal):
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        whole, _, part = text.lstrip("-").partition(".")
        return float(value) if len((whole + part.rstrip("0")).lstrip("0")) <= DIGITS else text
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _put(sheet: Worksheet, row: int, column: int, value: bool | float | date | str | None) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value)
    elif value is not None:
        sheet.write_number(row, column, value)
