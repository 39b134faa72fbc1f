"""Say on which days a scope has input rows, so that a refresh reads those days alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lakehouse.table import Table

_DAY_OF = re.compile(r"to_date\((\w+)\)")


@dataclass(frozen=True)
class Span:
    """Where to find the days on which a scope has input rows, without reading all of them.

    ``table`` has one row per scope, with the days of its first and its last input row in
    ``first`` and ``last``. An input row has its day in the column ``day``.
    """

    table: Table
    first: str
    last: str
    day: str


def day_of_instant(sql: str) -> str | None:
    """The column of which the SQL makes the day; None where it does something else."""
    found = _DAY_OF.fullmatch(sql)
    return found[1] if found else None
