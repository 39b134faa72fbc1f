"""Describe one check of `verify`: what it compared, whether that holds, its figures and the first offence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, Row

from bronze.raw_events import COORDINATE_NAMES


@dataclass(frozen=True)
class Check:
    """One check. ``ok`` is true only where it was done and holds; ``offence`` also says why it was not done."""

    name: str
    ok: bool
    figures: dict[str, Any] = field(default_factory=dict)
    offence: str = ""
    done: bool = True

    @classmethod
    def not_done(cls, name: str, reason: str) -> Check:
        """A check that could not be made, for example because Kafka does not answer."""
        return cls(name, ok=False, offence=reason, done=False)


def check_no_rows(name: str, rows: DataFrame, figure: str) -> Check:
    """A check that there are no such rows; the first one by its coordinates is the offence."""
    count = rows.count()
    first = rows.orderBy(*COORDINATE_NAMES).first() if count else None
    return Check(name, not count, {figure: count}, format_coordinates(first) if first else "")


def format_coordinates(row: Row) -> str:
    """Where a record stands in Kafka, as topic/topic_id/partition/offset."""
    return "/".join(str(row[name]) for name in COORDINATE_NAMES)


def format_key(key: Iterable[str], row: Row) -> str:
    """A row's key as ``name value, name value``; bytes are written in hexadecimal digits."""
    values = ((name, row[name]) for name in key)
    return ", ".join(
        f"{name} {value.hex() if isinstance(value, bytes | bytearray) else value}" for name, value in values
    )
