"""Find everything that the tables hold of some people: their rows, by layer, and when their sessions were."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.table import Table
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.erased_records import READ, are_among, bronze_rows_of, records_of, texts_of
from producers.contract.event_type import EventType
from producers.contract.pseudonyms import PLAIN, Pseudonyms
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE

_NONE = pa.schema(
    [
        *((name, {"partition": pa.int32(), "offset": pa.int64()}.get(name, pa.string())) for name in COORDINATE_NAMES),
        ("arrived_at", pa.timestamp("us", "UTC")),
    ]
)

Concerned = Callable[[pa.Table], pa.Array]


@dataclass(frozen=True)
class Person:
    """The people to erase, by their ids, and by what may stand for these in silver and above."""

    user_ids: Sequence[str]
    pseudonyms: Pseudonyms = PLAIN

    @cached_property
    def known_as(self) -> tuple[str, ...]:
        """Their ids and their pseudonyms: tables may have either, as old ones do until they are rebuilt."""
        return tuple(dict.fromkeys([*self.user_ids, *map(self.pseudonyms.of, self.user_ids)]))

    def is_one(self, user_id: str) -> bool:
        """Whether an id is one of theirs."""
        return user_id in self.user_ids

    def by_id(self, rows: pa.Table) -> pa.Array:
        """Which rows with a ``user_id`` are theirs."""
        found = pc.is_in(rows["user_id"], value_set=pa.array(self.known_as, pa.string()))
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


@dataclass(frozen=True)
class Held:
    """What the newest version of each table holds of them: rows by table, where there are any.

    ``records`` are their records in bronze by event, and those that silver alone has still. ``ids`` are those of their
    ids that anything was found of.
    """

    rows: Mapping[str, pa.Table]
    records: Mapping[str, pa.Table]
    sessions: frozenset[str] = frozenset()
    span: tuple[datetime, datetime] | None = None
    ids: frozenset[str] = frozenset()
    counts: dict[str, int] = field(default_factory=dict)


class _Seen:
    """Which of a person's ids anything was found of."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.ids: set[str] = set()

    def is_one(self, user_id: str) -> bool:
        """Whether an id is one of theirs, which is then seen."""
        if self._person.is_one(user_id):
            self.ids.add(user_id)
            return True
        return False

    def look_among_bytes(self, records: pa.Table) -> None:
        """Notes the ids that stand among the bytes of records: bad ones are found by that alone."""
        if left := set(self._person.user_ids) - self.ids:
            parts = [one for name in ("key", "value") for one in records[name].to_pylist() if one]
            texts = {user_id: texts_of([user_id]) for user_id in left}
            self.ids |= {
                one for one, each in texts.items() if any(text.search(part) for text in each for part in parts)
            }

    def look_into(self, rows: Mapping[str, pa.Table]) -> None:
        """Notes the ids of rows that have a column for them."""
        for found in rows.values():
            if "user_id" in found.column_names:
                self.ids.update(pc.unique(found["user_id"]).to_pylist())


def find(lake: ErasingLake, person: Person) -> Held:
    """Reads every table once, file by file."""
    texts = texts_of(person.user_ids)
    rows: dict[str, pa.Table] = {}
    records: dict[str, pa.Table] = {}
    counts: dict[str, int] = {}
    seen = _Seen(person)
    for name, event in EVENTS.items():
        found = [_NONE.empty_table()]
        if lake.exists(BRONZE[name]):
            mine = bronze_rows_of(lake, event, seen.is_one, texts)
            counts[BRONZE[name].name] = mine.num_rows
            seen.look_among_bytes(mine)
            found.append(mine.select(_NONE.names))
        if lake.exists(SILVER[name]):
            mine = rows[SILVER[name].name] = lake.rows_where(SILVER[name], ["user_id"], person.by_id)
            found.append(mine.select(_NONE.names))
            found.append(_their_duplicates(lake, mine))
        if lake.exists(QUARANTINE):
            found.append(_waiting_without_bronze(lake, event, seen, texts))
        all_of = pa.concat_tables([one.cast(_NONE) for one in found])
        records[name] = all_of.group_by(_NONE.names).aggregate([])
    of_records = of_any(records)
    for table in (QUARANTINE, DUPLICATES):
        if lake.exists(table) and of_records is not None:
            rows[table.name] = lake.rows_where(table, COORDINATE_NAMES, of_records)
    if QUARANTINE.name in rows:
        # Those whose bytes are gone already are a note that the record was there.
        rows[QUARANTINE.name] = rows[QUARANTINE.name].filter(pc.is_valid(rows[QUARANTINE.name]["value"]))
    for table in gold_by_user():
        if lake.exists(table):
            rows[table.name] = lake.rows_where(table, ["user_id"], person.by_id)
    counts |= {name: found.num_rows for name, found in rows.items()}
    seen.look_into(rows)
    counts = {name: count for name, count in counts.items() if count}
    return Held(rows, records, _sessions(rows), _span(rows), frozenset(seen.ids), counts)


def _their_duplicates(lake: ErasingLake, events: pa.Table) -> pa.Table:
    """The later arrivals of these events; where retention took them out of bronze, nothing else says whose they are."""
    if not (events.num_rows and lake.exists(DUPLICATES)):
        return _NONE.empty_table()
    kept = [f"kept_{name}" for name in COORDINATE_NAMES]
    are_kept = are_among(events)
    found = lake.rows_where(DUPLICATES, kept, lambda rows: are_kept(rows.rename_columns(COORDINATE_NAMES)))
    return found.select(_NONE.names)


def _waiting_without_bronze(
    lake: ErasingLake, event: EventType, seen: _Seen, texts: Collection[re.Pattern[bytes]]
) -> pa.Table:
    """Their records that quarantine has the bytes of, which retention may have taken out of bronze."""

    def are_theirs(rows: pa.Table) -> pa.Array:
        has_bytes = pc.and_(pc.equal(rows["topic"], event.name), pc.is_valid(rows["value"]))
        places = pc.indices_nonzero(has_bytes)
        theirs = places.filter(records_of(event, rows.take(places), seen.is_one, texts))
        return pc.is_in(pa.array(range(rows.num_rows), pa.uint64()), value_set=theirs)

    return lake.rows_where(QUARANTINE, READ, are_theirs).select(_NONE.names)


def gold_by_user() -> list[Table]:
    """The gold tables that name users."""
    return [table for table in GOLD.values() if "user_id" in table.column_names]


def of_any(records: Mapping[str, pa.Table]) -> Concerned | None:
    """What tells the records of all events among others; None where there are none."""
    each = [found.select(COORDINATE_NAMES) for found in records.values() if found.num_rows]
    return are_among(pa.concat_tables(each)) if each else None


def _sessions(rows: Mapping[str, pa.Table]) -> frozenset[str]:
    return frozenset(
        session
        for found in rows.values()
        if "session_id" in found.column_names
        for session in pc.unique(found["session_id"]).to_pylist()
    )


def _span(rows: Mapping[str, pa.Table]) -> tuple[datetime, datetime] | None:
    """When the first and the last of their sessions began that a model may have learnt from."""
    found = rows.get(EXAMPLES.name)
    if found is None or not found.num_rows:
        return None
    limits = pc.min_max(found["started_at"]).as_py()
    return limits["min"], limits["max"]
