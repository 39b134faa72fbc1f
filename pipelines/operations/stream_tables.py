"""Say which tables each stream reads and writes, for those who look after the streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bronze.raw_events import BRONZE
from lakehouse.checkpoints import files_problem, is_recovering, versions_problem
from lakehouse.errors import CheckpointError, TableDamageError
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.runtime.settings import Settings
from pipelines.runtime.table_damage import folders
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE


@dataclass(frozen=True)
class StreamTables:
    """The tables that a stream reads, in the order of its sources, and those that it writes."""

    reads: tuple[Table, ...]
    written: tuple[Table, ...]


def stream_tables() -> dict[str, StreamTables]:
    """Every stream by its name, layer by layer."""
    bronze = {table.name: StreamTables((), (table,)) for table in BRONZE.values()}
    silver = {
        SILVER[event].name: StreamTables((BRONZE[event],), (SILVER[event], QUARANTINE, DUPLICATES)) for event in EVENTS
    }
    gold = StreamTables(tuple(gold_builder.upstream_tables()), tuple(gold_builder.incremental_tables()))
    return {**bronze, **silver, gold_builder.STREAM: gold}


def checkpoint_of(settings: Settings, stream: str) -> Path:
    """The folder of a stream's checkpoint."""
    if stream == gold_builder.STREAM:
        return gold_builder.gold_checkpoint(settings)
    return settings.checkpoint(stream_tables()[stream].written[0])


def stream_problem(settings: Settings, stream: str, damaged: Mapping[str, TableDamageError]) -> str:
    """What the files say against a stream's start, in a sentence; empty where they say nothing.

    A table of it is ``damaged``, or a file of its checkpoint, or its tables do not have the versions that the
    checkpoint counts on.
    """
    tables = stream_tables()[stream]
    for table in (*tables.written, *tables.reads):
        if table.name in damaged:
            return damaged[table.name].message
    checkpoint = checkpoint_of(settings, stream)
    if is_recovering(checkpoint):
        return f"The recovery of {stream} was interrupted."
    if problem := files_problem(stream, checkpoint):
        return problem
    try:
        return versions_problem(
            stream,
            checkpoint,
            folders(settings.lake_root, *tables.written),
            folders(settings.lake_root, *tables.reads),
        )
    except CheckpointError as error:
        return error.message
