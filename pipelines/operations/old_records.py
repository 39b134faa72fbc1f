"""Delete the records of bronze that are past retention, where silver has their outcome; say of others why they stay.

They are the first ones of each partition: a record stays while one before it does. The outcomes in silver stay, and are
counted before anything is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bronze.raw_events import BRONZE
from lakehouse.delta_log import same_rows_until
from lakehouse.engines.data_files import read_file
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.errors import LakehouseError
from lakehouse.table import Table
from pipelines.operations.offsets import silver_offset
from pipelines.runtime.past_retention import Gone, Partition, gone_from, notes_of
from pipelines.runtime.settings import Settings
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE

_FIRST = datetime.min.replace(tzinfo=UTC)
_PLACE = ["topic_id", "partition"]
_READ = [*_PLACE, "offset", "arrived_at"]


@dataclass(frozen=True)
class OldRecords:
    """How many records are to go, below which offset of each partition, and why others stay that are as old."""

    rows: int = 0
    below: Mapping[Partition, Gone] = field(default_factory=dict)
    stay: str = ""


def find_old_records(settings: Settings, lake: ErasingLake, event: str, before: datetime) -> OldRecords:
    """The records that arrived before an instant, and can go."""
    table = BRONZE[event]
    old_files = lake.files(table, {"arrived_at": (_FIRST, before)})
    if not old_files:
        return OldRecords()
    read = _files_read(settings, lake, event)
    last_old, first_kept, unread = dict[Partition, int](), dict[Partition, int](), False
    for path in old_files:
        rows = _read(lake, table, path, _READ)
        is_old = pc.less(rows["arrived_at"], pa.scalar(before, rows.schema.field("arrived_at").type))
        if path not in read:
            unread = unread or bool(pc.any(is_old).as_py())
            is_old = pc.and_(is_old, False)
        _note(last_old, rows.filter(is_old), "max", max)
        _note(first_kept, rows.filter(pc.invert(is_old)), "min", min)
    if last_old:
        for path in set(lake.files(table, {"offset": (0, max(last_old.values()))})) - set(old_files):
            _note(first_kept, _read(lake, table, path, [*_PLACE, "offset"]), "min", min)
    ends = {place: min(last + 1, first_kept.get(place, last + 1)) for place, last in last_old.items()}
    known = gone_from(settings, table)
    nothing = Gone(0, 0)
    starts = {place: known.get(place, nothing).below for place in ends}
    held = _sums(lake, table, old_files, starts, ends)
    outcomes = _outcomes(lake, event, starts, ends)
    without = {place for place, sums in held.items() if outcomes.get(place) != sums}
    ends = {place: max(end, starts[place]) for place, end in ends.items() if place not in without}
    # What was fetched from Kafka again after it had left is counted once.
    below = {
        place: Gone(end, known.get(place, nothing).records + held.get(place, (0, 0))[0]) for place, end in ends.items()
    }
    rows = sum(count for count, _ in _sums(lake, table, old_files, dict.fromkeys(ends, 0), ends).values())
    return OldRecords(rows, below if rows else {}, _why(event, unread=unread, is_without=bool(without)))


def delete_old_records(settings: Settings, lake: ErasingLake, event: str, before: datetime) -> OldRecords:
    """Deletes them in one commit, which says so; no stream takes it for a change of data."""
    table = BRONZE[event]
    with lake.writing(table):
        old = find_old_records(settings, lake, event, before)
        if old.rows:
            ends = {place: one.below for place, one in old.below.items()}
            lake.delete(
                table,
                [*_PLACE, "offset"],
                lambda rows: _between(rows, dict.fromkeys(ends, 0), ends),
                within={"arrived_at": (_FIRST, before), "offset": (0, max(ends.values()))},
                noting=notes_of(old.below),
            )
    return old


def _files_read(settings: Settings, lake: ErasingLake, event: str) -> set[str]:
    """The data files of whose rows the stream of silver has read all."""
    table = BRONZE[event]
    try:
        at = silver_offset(settings, event)
        if at is None or at.get("isStartingVersion"):  # it is amid all that there was when it began
            return set()
        version = min(int(at["reservoirVersion"]) - 1, lake.version(table))
        version = same_rows_until(lake.folder(table), version)
        return set(lake.files_at(table, version)) if version >= 0 else set()
    except LakehouseError:  # a checkpoint that cannot be read may stand anywhere
        return set()


def _read(lake: ErasingLake, table: Table, path: str, columns: list[str]) -> pa.Table:
    schema = lake.schema(table)
    return read_file(Path(path), pa.schema([schema.field(name) for name in columns]))


def _note(found: dict[Partition, int], rows: pa.Table, function: str, choose: Callable[[int, int], int]) -> None:
    """Notes the least or the greatest offset of each partition."""
    for one in rows.group_by(_PLACE).aggregate([("offset", function)]).to_pylist():
        place, offset = (one["topic_id"], one["partition"]), one[f"offset_{function}"]
        found[place] = choose(offset, found.get(place, offset))


def _between(rows: pa.Table, starts: Mapping[Partition, int], ends: Mapping[Partition, int]) -> pa.Array:
    """Which of the rows have an offset from the start of their partition to its end."""
    found = pa.repeat(pa.scalar(False), rows.num_rows)
    columns = [rows[name].combine_chunks() for name in (*_PLACE, "offset")]
    for (topic_id, partition), end in ends.items():
        of_place = pc.and_(pc.equal(columns[0], topic_id), pc.equal(columns[1], partition))
        within = pc.and_(pc.greater_equal(columns[2], starts[topic_id, partition]), pc.less(columns[2], end))
        found = pc.or_(found, pc.and_(of_place, within))
    return found


def _sums(
    lake: ErasingLake,
    table: Table,
    files: list[str],
    starts: Mapping[Partition, int],
    ends: Mapping[Partition, int],
    *,
    is_counted: Callable[[pa.Table], pa.Array] | None = None,
    more: tuple[str, ...] = (),
) -> dict[Partition, tuple[int, int]]:
    """How many rows each partition has there, and the sum of their offsets: two sets of both are taken for equal."""
    found: dict[Partition, tuple[int, int]] = {}
    for path in files:
        rows = _read(lake, table, path, [*_PLACE, "offset", *more])
        if is_counted is not None:
            rows = rows.filter(is_counted(rows))
        rows = rows.filter(_between(rows, starts, ends))
        each = rows.group_by(_PLACE).aggregate([("offset", "count"), ("offset", "sum")])
        for one in each.to_pylist():
            place = one["topic_id"], one["partition"]
            count, total = found.get(place, (0, 0))
            found[place] = count + one["offset_count"], total + one["offset_sum"]
    return found


def _outcomes(
    lake: ErasingLake, event: str, starts: Mapping[Partition, int], ends: Mapping[Partition, int]
) -> dict[Partition, tuple[int, int]]:
    """The same of the outcomes in silver."""
    found: dict[Partition, tuple[int, int]] = {}
    if not ends:
        return found
    for sums in _each_outcome(lake, event, starts, ends):
        for place, (count, total) in sums.items():
            before = found.get(place, (0, 0))
            found[place] = before[0] + count, before[1] + total
    return found


def _each_outcome(
    lake: ErasingLake, event: str, starts: Mapping[Partition, int], ends: Mapping[Partition, int]
) -> Iterator[dict[Partition, tuple[int, int]]]:
    span = {"offset": (min(starts.values()), max(ends.values()))}
    for table in (SILVER[event], DUPLICATES, QUARANTINE):
        if lake.exists(table):
            of_quarantine = table is QUARANTINE
            yield _sums(
                lake,
                table,
                lake.files(table, span),
                starts,
                ends,
                is_counted=(lambda rows: pc.not_equal(rows["status"], "replayed")) if of_quarantine else None,
                more=("status",) if of_quarantine else (),
            )


def _why(event: str, *, unread: bool, is_without: bool) -> str:
    name = SILVER[event].name
    said = [f"the stream {name} has yet to read some"] if unread else []
    if is_without:
        said.append("some have no outcome in silver, or two: `clickstream verify` names them")
    return f"records past retention stay: {'; '.join(said)}" if said else ""
