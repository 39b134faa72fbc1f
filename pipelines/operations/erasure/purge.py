"""Delete the files of older versions that still hold erased people, and take them out of the tables' logs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.delta_log import newest_version, same_rows_until
from lakehouse.delta_scrub import scrub_log
from lakehouse.engines.data_files import read_file
from lakehouse.engines.delta_commit import sync
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.table import Table
from pipelines import gold_builder
from pipelines.operations.erasure.people import Held, Person, of_any
from pipelines.operations.offsets import silver_offset
from pipelines.operations.stream_tables import checkpoint_of, stream_tables
from pipelines.runtime.erased_records import READ, records_of, texts_of
from pipelines.runtime.settings import Settings
from producers.events import EVENTS


@dataclass(frozen=True)
class Purged:
    """A table's files of older versions: how many were deleted, and which are kept and why."""

    deleted: int = 0
    kept: tuple[str, ...] = ()
    why: str = ""
    log_files: int = 0


def purge(settings: Settings, lake: ErasingLake, table: Table, person: Person, held: Held) -> Purged:
    """Deletes each data file that no current row is in and that holds the people, unless a stream has yet to read it.

    Files of the change feed and files that no version knows are among them.
    """
    folder = lake.folder(table)
    with lake.writing(table):
        current = set(lake.files(table))
        old = [path for path in sorted(folder.rglob("*.parquet")) if "_delta_log" not in path.parts]
        found = [path for path in old if str(path) not in current and _holds(table, path, person, held)]
        why = reader_behind(settings, table)
        if found and not why:
            for path in found:
                path.unlink()
                path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
            for one in {path.parent for path in found}:
                sync(one)
        scrubbed = scrub_log(folder, {*person.known_as, *held.sessions})
    kept = tuple(str(path.relative_to(folder)) for path in found) if why else ()
    return Purged(0 if why else len(found), kept, why if found else "", scrubbed)


def _holds(table: Table, path: Path, person: Person, held: Held) -> bool:
    with pq.ParquetFile(path) as file:
        names = set(file.schema_arrow.names)
    if "user_id" in names:
        return bool(pc.any(person.by_id(read_file(path, pa.schema([("user_id", pa.string())])))).as_py())
    if "value" in names:
        return _holds_record(table, path, person)
    of_records = of_any(held.records)
    if of_records is None or not set(COORDINATE_NAMES) <= names or table.layer == "gold":
        return False
    return bool(pc.any(of_records(pq.read_table(path, columns=COORDINATE_NAMES))).as_py())


def _holds_record(table: Table, path: Path, person: Person) -> bool:
    columns = [name for name in (*READ, "key") if name in table.column_names]
    rows = pq.read_table(path, columns=columns)
    texts = texts_of(person.user_ids)
    for name, event in EVENTS.items():
        mine = rows.filter(pc.equal(rows["topic"], name))
        if pc.any(records_of(event, mine, person.is_one, texts)).as_py():
            return True
    return False


def reader_behind(settings: Settings, table: Table) -> str:
    """Which stream has yet to read versions of a table, as a clause; empty where none has."""
    for name, tables in stream_tables().items():
        if table.name not in {one.name for one in tables.reads}:
            continue
        folder = Path(settings.lake_root) / table.layer / table.short_name
        checkpoint = checkpoint_of(settings, name)
        read = _version_read(settings, name, table)
        if read is None:
            continue
        if same_rows_until(folder, read) < newest_version(folder):
            return f"the stream {name} has yet to read what is newer than version {read}"
        planned, completed = _numbers(checkpoint / "offsets"), _numbers(checkpoint / "commits")
        if max(planned, default=-1) > max(completed, default=-1):
            return f"the stream {name} was stopped within a micro-batch"
    return ""


def _version_read(settings: Settings, stream: str, table: Table) -> int | None:
    if stream == gold_builder.STREAM:
        at = gold_builder.read_offsets(settings).get(table.name)
        built = gold_builder.base_versions(settings).get(table.name, -1)
    else:
        at, built = silver_offset(settings, table.short_name), -1
    if at is not None:
        return max(int(at["reservoirVersion"]) - 1, built)
    return built if built >= 0 else None


def _numbers(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()]


def reasons(purged: Mapping[str, Purged]) -> Collection[str]:
    """Why files are kept, each reason once."""
    return dict.fromkeys(one.why for one in purged.values() if one.why)
