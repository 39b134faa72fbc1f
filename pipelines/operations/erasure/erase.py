"""Erase people from every table: first the list, then rows, then old files and logs; safe to interrupt and repeat."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.atomic_files import read_json, write_json
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import OutsideError, UsageError
from lakehouse.table import Table
from pipelines.ml.registry import Registry
from pipelines.operations.erasure import gold
from pipelines.operations.erasure.models import models_of
from pipelines.operations.erasure.people import Held, Person, find, gold_by_user, of_any
from pipelines.operations.erasure.purge import Purged, purge
from pipelines.operations.erasure.receipt import Receipt, TableReceipt, keep
from pipelines.operations.erasure.scan import files_with
from pipelines.operations.stream_tables import stream_tables
from pipelines.query.delta_reader import no_lake
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.erased_people import add_people, count_erasure, with_key
from pipelines.runtime.erased_records import give_outcome, redact
from pipelines.runtime.making_room import without_streams
from pipelines.runtime.pseudonym_version import require_known_pseudonyms
from pipelines.runtime.settings import Settings
from pipelines.runtime.table_damage import damaged_tables, note_versions
from producers.contract.pseudonyms import current_pseudonyms
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE


def run_erase(
    settings: Settings, user_ids: Sequence[str], *, dry_run: bool = False, even_if_absent: bool = False
) -> Receipt:
    """Erases people, and gives the receipt, which is kept in the state folder; a dry run changes nothing.

    Raises UsageError where the lake is a URI, or where no table has anything of an id and not ``even_if_absent``;
    OutsideError where a stream runs or a table is damaged.
    """
    if not LocalLake.is_local(settings.lake_root):
        raise UsageError(
            f"Nobody can be erased from {settings.lake_root}: `clickstream erase` works on a lake in a folder.",
            "Copy the lake into a folder, or erase with the store's own tools.",
        )
    if not any(Path(settings.lake_root).glob("*/*/_delta_log")):
        raise no_lake(settings)
    person = Person(tuple(dict.fromkeys(user_ids)), current_pseudonyms())
    lake = ErasingLake(settings.lake_root, settings.locks)
    with without_streams(settings, dict.fromkeys([*stream_tables(), PREDICTIONS.name])):
        for error in damaged_tables(settings).values():
            raise error
        require_known_pseudonyms(lake, SILVER.values())
        gold.require_present_names(settings, lake, person.pseudonyms)
        return _Erasure(settings, lake, person).run(dry_run=dry_run, even_if_absent=even_if_absent)


CHECK_IDS = (
    'Ids are compared exactly, letter by letter: look for what is meant by `clickstream sql "SELECT user_id FROM users '
    "WHERE user_id ILIKE '%PART%'\"`. With --even-if-absent an id goes onto the list of erased people all the same, "
    "so that what comes of it later is dropped."
)
"""What to do where an id is not found."""

_NAMED = 5
"""The most ids that a message names."""


class _Erasure:
    """One erasure, while no stream runs."""

    def __init__(self, settings: Settings, lake: ErasingLake, person: Person) -> None:
        self._settings = settings
        self._lake = lake
        self._person = person
        self._tables = [table for table in TABLES.values() if lake.exists(table)]
        self._pending = settings.erasure_home / "pending.json"
        for table in self._tables:
            if not lake.is_writable(table):
                raise OutsideError(
                    f"{table.name} has what only Spark can write, so nobody can be erased from it.",
                    "A job's next start takes tables of an older release along; undo what was added by hand.",
                )

    def run(self, *, dry_run: bool, even_if_absent: bool) -> Receipt:
        """All steps, in an order in which each can be done again."""
        held = find(self._lake, self._person)
        absent = () if even_if_absent else self._absent(held)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if dry_run:
            people = with_key(self._settings, make=False)
            hashes = tuple(map(people.hash_of, self._person.user_ids)) if people.hashes else ()
            before = self._versions()
            tables = tuple(TableReceipt(name, count, before[name], before[name]) for name, count in held.counts.items())
            models = tuple(models_of(self._settings, held.span))
            notes = (*((f"{_not_found(absent)} {CHECK_IDS}",) if absent else ()), *self._notes())
            return Receipt(now, hashes, dry_run=True, tables=tables, models=models, notes=notes, not_found=len(absent))
        if absent:
            # A typo on the list of erased people would take the records of whoever has that id one day.
            raise UsageError(f"{_not_found(absent)} Nothing was changed.", CHECK_IDS)
        built = gold.built_tables(self._lake)
        gold.require_computable(built)
        before, notes = self._versions(), self._notes()
        people = add_people(self._settings, self._person.user_ids)
        count_erasure(self._settings)
        self._take_out(held, built)
        with Registry(self._settings).alone():
            # A training that has read of the person registers before this, and is listed, or not at all.
            models = tuple(models_of(self._settings, held.span))
            count_erasure(self._settings)
        purged = {table.name: purge(self._settings, self._lake, table, self._person, held) for table in self._tables}
        after = self._versions()
        receipt = Receipt(
            now,
            tuple(map(people.hash_of, self._person.user_ids)),
            dry_run=False,
            tables=tuple(
                _receipt_of(name, held.counts.get(name, 0), before[name], after[name], purged[name])
                for name in before
                if held.counts.get(name) or before[name] != after[name] or purged[name] != Purged()
            ),
            models=models,
            found_after=tuple(map(str, files_with(self._settings, self._person.known_as))),
            notes=notes,
        )
        keep(self._settings, receipt)
        return receipt

    def _absent(self, held: Held) -> tuple[str, ...]:
        """The ids of which no table has anything, and that were not erased before."""
        people, name_of = with_key(self._settings, make=False), self._person.pseudonyms.of
        return tuple(
            one
            for one in self._person.user_ids
            if one not in held.ids and name_of(one) not in held.ids and not people.holds(one)
        )

    def _versions(self) -> dict[str, int]:
        return {table.name: self._lake.version(table) for table in self._tables}

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self._pending.exists() and not self._is_same_again():
            notes.append("An erasure of somebody else was interrupted: run it again.")
        if not gold.built_tables(self._lake):
            notes.append("Gold is not built yet: `clickstream aggregate` builds it from what is left.")
        return tuple(notes)

    def _is_same_again(self) -> bool:
        known = with_key(self._settings, make=False)
        return set(read_json(self._pending).get("people", ())) <= set(map(known.hash_of, self._person.user_ids))

    def _take_out(self, held: Held, built: list[Table]) -> None:
        """Takes the rows out: bronze last, as it says in a second try which records there were."""
        was_interrupted = self._pending.exists()
        if not (held.counts or was_interrupted):
            return
        known = with_key(self._settings, make=False)
        write_json(self._pending, {"people": list(map(known.hash_of, self._person.user_ids))})
        changes = self._silver(held, gold_follows=not built)
        if built:
            gold.recompute(self._settings, self._lake, built, changes, as_whole=was_interrupted)
        for table in gold_by_user():
            # Those that are computed have lost them already, unless gold is yet to be built.
            if self._lake.exists(table):
                self._lake.delete(table, ["user_id"], self._person.by_id)
        for name, event in EVENTS.items():
            if held.records[name].num_rows and self._lake.exists(BRONZE[name]):
                redact(self._lake, event, held.records[name])
        note_versions(self._settings, *(table for table in self._tables if table.layer == "gold" and not table.build))
        self._pending.unlink(missing_ok=True)

    def _silver(self, held: Held, *, gold_follows: bool) -> dict[str, pa.Table]:
        """Every record gets its outcome, and silver and duplicates lose theirs; gives the rows that are gone or new."""
        changes = dict(held.rows)
        lake, of_records = self._lake, of_any(held.records)
        for name, event in EVENTS.items():
            if held.records[name].num_rows and lake.exists(QUARANTINE):
                give_outcome(lake, event, held.records[name], streams_follow=gold_follows)
        for name in EVENTS:
            if lake.exists(SILVER[name]):
                lake.delete(SILVER[name], ["user_id"], self._person.by_id)
        if of_records is not None and lake.exists(DUPLICATES):
            lake.delete(DUPLICATES, COORDINATE_NAMES, of_records)
        if of_records is not None and lake.exists(QUARANTINE):
            now = lake.rows_where(QUARANTINE, COORDINATE_NAMES, of_records)
            changes[QUARANTINE.name] = pa.concat_tables([changes[QUARANTINE.name], now])
        known = {name for tables in stream_tables().values() for name in (one.name for one in tables.reads)}
        return {name: rows for name, rows in changes.items() if name in known and not name.startswith("bronze.")}


def _not_found(absent: Sequence[str]) -> str:
    named = ", ".join(map(repr, absent[:_NAMED])) + (f" and {len(absent) - _NAMED:,} more" if absent[_NAMED:] else "")
    return f"No table has anything of {'this id' if len(absent) == 1 else f'these {len(absent):,} ids'}: {named}."


def _receipt_of(name: str, rows: int, before: int, after: int, purged: Purged) -> TableReceipt:
    return TableReceipt(
        name, rows, before, after, purged.deleted, purged.kept, purged.why if purged.kept else "", purged.log_files
    )
