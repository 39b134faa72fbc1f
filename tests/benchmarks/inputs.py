"""What the benchmarks work on: the same simulated events for the same seed, in Kafka or straight in a lake."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from bronze.raw_events import BRONZE
from lakehouse.embedded_kafka.broker import Broker
from lakehouse.engines.local_lake import LocalLake
from pipelines.runtime.settings import Settings, load_settings
from producers.events import EVENTS
from producers.kafka import Sender, ensure_topics
from producers.record import Record
from producers.simulator.simulator import UNTIL, simulate

SEED = 7
A_DAY = 70_000
"""Events a day: ten times the history is ten times as many days, not ten times as many events in each."""

ROWS = 200_000
"""Rows of one append to bronze."""

ARRIVES_AFTER = 1_000_000
"""Microseconds from an event to its arrival, where it does not come through Kafka."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: events, rounds after the warm-up, and where files may lie meanwhile."""

    folder: Path
    events: int = 1_000_000
    rounds: int = 5
    history: int = 100_000
    """Events of the shorter history before a batch; the longer one has ten times as many."""

    batch: int = 2_000
    until: str = "gold"
    """The last layer that a history is made up to."""

    seconds: float = 100.0
    """After so many seconds a rival has no further round."""

    def settings(self, name: str, **options: Any) -> Settings:
        """An installation of its own below the folder."""
        return load_settings(lake=str(self.folder / name / "lake"), state=self.folder / name / "state", **options)


def events(count: int, *, after: int = 0, of: int = 0, dirty: float = 0.0) -> Iterator[Record]:
    """So many events in the order of their time, those that come after the first ``after``.

    They are a part of ``of`` events, by default of all up to the last of them. Only parts of equally many go together.
    """
    total = of or after + count
    # A session has six to seven events.
    days = max(total / A_DAY, 1 / 24)
    return islice(simulate(SEED, total // 6 + 50, UNTIL, days, dirty), after, after + count)


@contextmanager
def kafka(home: Path) -> Iterator[str]:
    """A broker on the records of this folder; it is stopped at the end. Gives its address."""
    broker = Broker(home)
    try:
        yield broker.start().bootstrap_servers or ""
    finally:
        broker.stop()


def send(servers: str, records: Iterator[Record]) -> int:
    """Sends records as the producer does; gives how many were acknowledged."""
    ensure_topics(servers, EVENTS, 2)
    with Sender(servers) as sender:
        for topic, key, value, _ in records:
            sender.send(topic, key, value)
    assert not sender.delivery.failed
    return sender.delivery.total


def in_kafka(folder: Path, count: int) -> Path:
    """The home of a broker that holds so many events; it is made once."""
    home = folder / f"kafka-{count}"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        with kafka(home) as servers:
            assert send(servers, events(count)) == count
        (home / "complete").touch()
    return home


def records_table(topic: str, records: list[tuple[int, Record]]) -> pa.Table:
    """Numbered records of one topic as rows of bronze; the number is the offset."""
    stamp = pa.timestamp("us", "UTC")
    arrived = pa.array([record[3] + ARRIVES_AFTER for _, record in records], stamp)
    count = len(records)
    columns = {
        "topic": pa.array([topic] * count),
        "topic_id": pa.array([f"id-{topic}"] * count),
        "partition": pa.array([0] * count, pa.int32()),
        "offset": pa.array([number for number, _ in records], pa.int64()),
        "arrived_at": arrived,
        "key": pa.array([record[1] for _, record in records], pa.binary()),
        "value": pa.array([record[2] for _, record in records], pa.binary()),
        "headers": pa.nulls(count, BRONZE_HEADERS),
        "ingested_at": arrived,
        "ingested_on": arrived.cast(pa.date32()),
    }
    return pa.table(columns)


BRONZE_HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))


def in_bronze(lake: LocalLake, records: Iterator[Record], start: int = 0) -> int:
    """Appends records straight to bronze, whose tables exist; gives how many."""
    waiting: dict[str, list[tuple[int, Record]]] = {name: [] for name in EVENTS}
    number = start
    for number, record in enumerate(records, start + 1):
        held = waiting[record[0]]
        held.append((number, record))
        if len(held) == ROWS:
            lake.append(BRONZE[record[0]], records_table(record[0], held))
            held.clear()
    for topic, held in waiting.items():
        if held:
            lake.append(BRONZE[topic], records_table(topic, held))
    return number - start


def link_tables(source: Path, target: Path) -> None:
    """Copies tables; the data files, which nobody changes, are linked, so it costs nothing."""

    def copy(one: str, other: str) -> str:
        if one.endswith(".parquet") and "_delta_log" not in one:
            os.link(one, other)
            return other
        return shutil.copy2(one, other)

    shutil.copytree(source, target, copy_function=copy)


def closing_time() -> datetime:
    """A moment at which all simulated sessions are closed."""
    return UNTIL.astimezone(UTC) + timedelta(days=1)
