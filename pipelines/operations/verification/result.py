"""Describe one check of `verify`: what it compared, whether that holds, its figures and the first offence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, Row

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.errors import LakehouseError
from lakehouse.session import java_is_gone
from pipelines.runtime.stream_errors import reason_of

RECOVER = "`clickstream recover --apply`"
"""What repairs the files of tables and the checkpoints of streams."""

REBUILD_SILVER = "`clickstream rebuild silver`, then `clickstream aggregate`"
"""What computes silver again."""


START_KAFKA = "Start Kafka, for example with `clickstream broker start`, and run `clickstream verify` again."
"""What lets a check be made that needs Kafka."""


def recover_stream(stream: str) -> str:
    """What lets a stream bring back what it lacks."""
    return f"`clickstream recover --stream {stream} --apply`"


@dataclass(frozen=True)
class Check:
    """One check. ``ok`` is true only where it was done and holds; ``offence`` also says why it was not done.

    ``fix`` says what to run where it does not hold.
    """

    name: str
    ok: bool
    figures: dict[str, Any] = field(default_factory=dict)
    offence: str = ""
    done: bool = True
    fix: str = ""

    def __post_init__(self) -> None:
        if self.ok:
            object.__setattr__(self, "fix", "")

    @classmethod
    def not_done(cls, name: str, reason: str, fix: str = START_KAFKA) -> Check:
        """A check that could not be made, for example because Kafka does not answer; ``fix`` lets it be made."""
        return cls(name, ok=False, offence=reason, done=False, fix=fix)


def tried(name: str, checks: Callable[[], Iterable[Check]], fix: str = RECOVER) -> Iterator[Check]:
    """The checks; where they cannot be made, for a table cannot be read, a failed one of that name."""
    try:
        yield from checks()
    except Exception as error:
        if java_is_gone(error):
            raise
        offence = error.message if isinstance(error, LakehouseError) else f"it cannot be made: {reason_of(error)}"
        yield Check(name, ok=False, offence=offence, fix=fix)


def check_no_rows(name: str, rows: DataFrame, figure: str, fix: str = "") -> Check:
    """A check that there are no such rows; the first one by its coordinates is the offence."""
    count = rows.count()
    first = rows.orderBy(*COORDINATE_NAMES).first() if count else None
    return Check(name, not count, {figure: count}, format_coordinates(first) if first else "", fix=fix)


def format_coordinates(row: Row) -> str:
    """Where a record stands in Kafka, as topic/topic_id/partition/offset."""
    return "/".join(str(row[name]) for name in COORDINATE_NAMES)


def format_key(key: Iterable[str], row: Row | Mapping[str, Any]) -> str:
    """A row's key as ``name value, name value``; bytes are written in hexadecimal digits."""
    values = ((name, row[name]) for name in key)
    return ", ".join(
        f"{name} {value.hex() if isinstance(value, bytes | bytearray) else value}" for name, value in values
    )
