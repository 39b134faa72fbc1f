"""Find the records of some people in bronze's bytes, and give them their outcome: erased, without their bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.engines.key_matching import KeyMatcher
from pipelines.runtime.erased_people import ErasedPeople, erased_people
from producers.contract.event_type import EventType
from producers.contract.pseudonyms import PLAIN
from producers.contract.unwrapping import NAMES, unwrapped
from producers.events import EVENTS
from silver.quarantine import QUARANTINE

if TYPE_CHECKING:
    from pipelines.runtime.job import Job

ERASED = "erased"
"""Quarantine's rule, and the reason of its discard, of a record whose person was erased."""

SENTENCE = "The person was erased on request: the record's bytes are gone."

READ = [*COORDINATE_NAMES, "arrived_at", "value"]
"""The columns of a record that say whose it is."""

_AT_ONCE = 20_000
_SHORTEST_TEXT = 6
_MEMBER = re.compile(rb'"user_?id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)', re.IGNORECASE)


def records_of(
    event: EventType, records: pa.Table, is_person: Callable[[str], bool], texts: Collection[re.Pattern[bytes]] = ()
) -> pa.Array:
    """Which of these records of bronze are one of the people's.

    Of a good record, its ``user_id`` says so. Of a bad one, each user id that can be read in it does, wrapped as it
    may be and cut short; or one of the ``texts``, in its value or its key.
    """
    from silver.validation.batch import validate_batch

    found: list[bool] = []
    for batch in records.select(READ).to_batches(max_chunksize=_AT_ONCE):
        ids = validate_batch(event, batch, pseudonyms=PLAIN).column("user_id").to_pylist()
        values = batch.column("value").to_pylist()
        keys = _keys(records, len(found), len(values))
        found += [
            is_person(good) if good is not None else _is_of(value, key, is_person, texts)
            for good, value, key in zip(ids, values, keys, strict=True)
        ]
    return pa.array(found, pa.bool_())


def _keys(records: pa.Table, start: int, count: int) -> list[bytes | None]:
    if "key" not in records.column_names:
        return [None] * count
    return records["key"].slice(start, count).to_pylist()  # type: ignore[no-any-return]


def _is_of(
    value: bytes | None, key: bytes | None, is_person: Callable[[str], bool], texts: Collection[re.Pattern[bytes]]
) -> bool:
    if value is None:
        return False
    if any(map(is_person, ids_in(value))):
        return True
    return any(text.search(one) for text in texts for one in (value, key or b""))


def ids_in(value: bytes) -> set[str]:
    """Every user id that can be read in a record's value."""
    body, _ = unwrapped(value, NAMES)
    found: set[str] = set()

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        for name, one in pairs:
            if name.lower().replace("_", "") == "userid" and isinstance(one, str | int) and not isinstance(one, bool):
                found.update({str(one), str(one).strip()})
        return dict(pairs)

    try:
        json.loads(body.decode("utf-8", "replace").lstrip("\ufeff"), object_pairs_hook=collect)
    except (ValueError, RecursionError):
        found.update(_members(body))
    return found


def _members(body: bytes) -> Iterator[str]:
    for member in _MEMBER.findall(body):
        try:
            yield str(json.loads(member.decode("utf-8", "replace")))
        except ValueError:
            yield member.decode("utf-8", "replace").strip('"')


def texts_of(user_ids: Collection[str]) -> list[re.Pattern[bytes]]:
    """What an id looks like among other bytes; none of a short one, which other things look like as well."""
    found = []
    for one in user_ids:
        if len(one) >= _SHORTEST_TEXT:
            spelled = {one, quote(one, safe=""), json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1]}
            either = b"|".join(re.escape(text.encode("utf-8", "surrogatepass")) for text in sorted(spelled))
            found.append(re.compile(rb"(?<![\w.-])(?:" + either + rb")(?![\w-])"))
    return found


def drop_erased(lake: ErasingLake, event: EventType, records: pa.Table, people: ErasedPeople) -> pa.Table:
    """The records without those of erased people: these get their outcome, and lose their bytes in bronze too.

    Safe to repeat, also after a crash in between.
    """
    gone = records_of(event, records, people.holds)
    if not pc.any(gone).as_py():
        return records
    found = records.filter(gone)
    give_outcome(lake, event, found)
    redact(lake, event, found)
    return records.filter(pc.invert(gone))


def drop_all_erased(lake: ErasingLake, people: ErasedPeople) -> int:
    """Does it with all that bronze holds, before it is read as a whole; gives how many records lost their bytes."""
    count = 0
    for name, event in EVENTS.items():
        if lake.exists(BRONZE[name]):
            found = bronze_rows_of(lake, event, people.holds)
            if found.num_rows:
                give_outcome(lake, event, found)
                redact(lake, event, found)
            count += found.num_rows
    return count


def drop_erased_again(job: Job) -> int:
    """Does it with the lake of a job that is about to read all of bronze, or has fetched records from Kafka again."""
    people = erased_people(job.settings)
    if people is None or not ErasingLake.is_local(job.settings.lake_root):
        return 0
    count = drop_all_erased(ErasingLake(job.settings.lake_root, job.settings.locks), people)
    for table in (*BRONZE.values(), QUARANTINE):
        job.lake.forget(table)
    return count


def drop_erased_waiting(job: Job, event: EventType, *, dry_run: bool = False) -> pa.Table | None:
    """Does it with the records that wait in quarantine, before they are validated again; gives their coordinates.

    A contract that has grown may be the first that can read whose they are. None where no record is concerned.
    """
    people = erased_people(job.settings)
    if people is None or not ErasingLake.is_local(job.settings.lake_root):
        return None
    lake = ErasingLake(job.settings.lake_root, job.settings.locks)
    waiting = lake.rows_where(
        QUARANTINE,
        ["topic", "status"],
        lambda rows: pc.and_(pc.equal(rows["topic"], event.name), pc.equal(rows["status"], "open")),
    )
    found = waiting.select(READ).filter(records_of(event, waiting, people.holds))
    if not found.num_rows:
        return None
    if not dry_run:
        give_outcome(lake, event, found)
        redact(lake, event, found)
        for table in (BRONZE[event.name], QUARANTINE):
            job.lake.forget(table)
    return found.select(COORDINATE_NAMES)


def bronze_rows_of(
    lake: ErasingLake,
    event: EventType,
    is_person: Callable[[str], bool],
    texts: Collection[re.Pattern[bytes]] = (),
) -> pa.Table:
    """The records of the people in bronze."""
    return lake.rows_where(
        BRONZE[event.name], [*READ, "key"], lambda rows: records_of(event, rows, is_person, texts)
    ).select([*READ, "key"])


def are_among(records: pa.Table) -> Callable[[pa.Table], pa.Array]:
    """What tells these records among others, by their coordinates."""
    matcher = KeyMatcher(records.select(COORDINATE_NAMES).group_by(COORDINATE_NAMES).aggregate([]), COORDINATE_NAMES)
    return lambda rows: matcher.rows_of(rows).is_valid()


def give_outcome(lake: ErasingLake, event: EventType, records: pa.Table, *, streams_follow: bool = True) -> None:
    """Lets quarantine hold these records as erased, without their bytes; those that wait there lose theirs.

    Where not ``streams_follow``, the caller computes again what depends on quarantine.
    """
    there, now = are_among(records), datetime.now(UTC)
    with lake.writing(QUARANTINE):
        held = lake.rows_where(QUARANTINE, COORDINATE_NAMES, there).select([*COORDINATE_NAMES, "value", "rules"])

        def is_held(rows: pa.Table) -> pa.Array:
            known = pc.and_(pc.is_null(rows["value"]), pc.equal(rows["status"], "discarded"))
            return pc.and_(
                there(rows), pc.invert(pc.and_(known, pc.equal(rows["discard_reason"].fill_null(""), ERASED)))
            )

        lake.rewrite(
            QUARANTINE,
            [*COORDINATE_NAMES, "value", "status", "discard_reason"],
            is_held,
            lambda rows, found: pa.concat_tables(
                [rows.filter(pc.invert(found)), _erased(rows.filter(found), event, now)]
            ),
        )
        new = records.select([*COORDINATE_NAMES, "arrived_at"])
        if held.num_rows:
            new = new.filter(pc.invert(are_among(held)(new)))
        if new.num_rows:
            for name in QUARANTINE.column_names[len(new.column_names) :]:
                kind = lake.schema(QUARANTINE).field(name).type
                new = new.append_column(name, pa.nulls(new.num_rows, kind))
            write = lake.append if streams_follow else lake.add_unnoticed
            write(QUARANTINE, _erased(new, event, now))


def _erased(rows: pa.Table, event: EventType, now: datetime) -> pa.Table:
    """Quarantine's rows as they are once their person was erased."""
    set_to = {
        "value": None,
        "rules": [ERASED],
        "sentences": [SENTENCE],
        "contract_version": event.version,
        "status": "discarded",
        "discard_reason": ERASED,
        "last_judged_at": now,
    }
    for name, one in set_to.items():
        place = rows.column_names.index(name)
        kind = rows.schema.field(name)
        rows = rows.set_column(place, kind, pa.array([one] * rows.num_rows, kind.type))
    place = rows.column_names.index("first_judged_at")
    first = rows["first_judged_at"].fill_null(pa.scalar(now, rows.schema.field("first_judged_at").type))
    return rows.set_column(place, rows.schema.field("first_judged_at"), first)


def redact(lake: ErasingLake, event: EventType, records: pa.Table) -> None:
    """Takes key, value and headers out of these records of bronze; their places in Kafka stay accounted for."""

    def emptied(rows: pa.Table, found: pa.Array) -> pa.Table:
        kept = pc.if_else(found, pa.scalar(None, pa.int64()), pa.array(range(rows.num_rows), pa.int64()))
        for name in ("key", "value", "headers"):
            field = rows.schema.field(name)
            rows = rows.set_column(rows.column_names.index(name), field, rows[name].take(kept))
        return rows

    lake.rewrite(BRONZE[event.name], COORDINATE_NAMES, are_among(records), emptied)
