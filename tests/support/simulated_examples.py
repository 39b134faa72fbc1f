"""Training examples of simulated sessions, made in this process: no Kafka, no Spark, the same tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from gold.excess_sessions import TABLE as EXCESS_SESSIONS
from gold.session_starts import TABLE as SESSION_STARTS
from gold.sessions import TABLE as SESSIONS
from gold.shared.clock import CLOCK
from gold.training_examples import TABLE as EXAMPLES
from gold.user_history import TABLE as USER_HISTORY
from lakehouse.engines.in_process import build_tables
from lakehouse.engines.local_lake import LocalLake
from pipelines.gold_builder import clock_rows, table_sql
from pipelines.runtime.settings import load_settings
from pipelines.silver_writer import write_silver_batch_in_process
from producers.events import EVENTS
from producers.record import Record
from producers.simulator.simulator import UNTIL, simulate
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.benchmarks.inputs import records_table
from tests.support.local_tables import make_tables

GOLD = (SESSION_STARTS, EXCESS_SESSIONS, SESSIONS, USER_HISTORY, EXAMPLES)


def simulated_lake(
    folder: Path,
    sessions: int,
    seed: int,
    *,
    truth: Path | None = None,
    as_of: datetime | None = None,
    change: Callable[[Iterator[Record]], Iterator[Record]] = iter,
) -> LocalLake:
    """A lake below a folder whose gold.training_examples holds simulated sessions; those of the last minutes are open.

    ``as_of`` is the clock by which sessions close, by default the end of the simulation. ``change`` may give other
    records in place of the simulated ones.
    """
    lake = make_tables(folder, *SILVER.values(), QUARANTINE, DUPLICATES, *GOLD)
    refine_records(lake, change(simulate(seed, sessions, truth=truth)))
    settings = load_settings(lake=str(folder / "lake"), state=folder / "state")
    clock = {CLOCK.name: clock_rows(settings, as_of or UNTIL.astimezone(UTC) + timedelta(minutes=1))}
    versions = {table.name: lake.version(table) for table in SILVER.values()}
    build_tables(lake, GOLD, table_sql(), sources=clock, versions=versions, memory="2GB")
    return lake


def refine_records(lake: LocalLake, records: Iterable[Record]) -> None:
    """Validates the records as if bronze held them, and writes them into silver, quarantine and duplicates."""
    of: dict[str, list[tuple[int, Record]]] = {name: [] for name in EVENTS}
    for number, record in enumerate(records):
        of[record[0]].append((number, record))
    for name, event in EVENTS.items():
        rows = records_table(name, of[name])
        for start in range(0, rows.num_rows, 100_000):
            write_silver_batch_in_process(lake, event, rows.slice(start, 100_000))


def simulated_examples(folder: Path, sessions: int, seed: int, *, truth: Path | None = None) -> pa.Table:
    """The rows of gold.training_examples of simulated sessions."""
    return simulated_lake(folder, sessions, seed, truth=truth).read(EXAMPLES, EXAMPLES.column_names)
