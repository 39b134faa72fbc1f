"""Read a mapping: a TOML file that says which columns of a CSV become which fields of which events."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from producers.events import EVENTS
from producers.toml_entries import WrongEntryError, flag, read_entries, refuse_unknown, text

DELIMITERS = (",", ";", "\t", "|")
"""What may stand between the columns; the one that the header has is taken where the mapping names none."""

_PAGE = "docs/how-to/replay-an-export.md shows one that works."
_TOP = ("delimiter", "encoding", "decimal_comma", "time_zone", "time_format", "fields", "constants", "events")
_OF_EVENT = ("kind", "where", "fields", "constants")


@dataclass(frozen=True)
class MappedEvent:
    """A kind of event: which rows are one, and what its fields are."""

    kind: str
    where: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, str]
    constants: Mapping[str, str]

    def is_in(self, row: Mapping[str, str]) -> bool:
        """Whether a row is such an event."""
        return all(row[column].strip() in values for column, values in self.where.items())


@dataclass(frozen=True)
class CsvMapping:
    """All that a mapping says; ``delimiter`` is empty where the header decides."""

    events: tuple[MappedEvent, ...]
    delimiter: str = ""
    encoding: str = "utf-8"
    decimal_comma: bool = False
    time_zone: ZoneInfo | None = None
    time_format: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it names, each once."""
        named = (column for event in self.events for column in (*event.where, *event.fields.values()))
        return tuple(dict.fromkeys(named))


def read_mapping(file: Path) -> CsvMapping:
    """The mapping in a file. Raises UsageError, which names the entry and says what is wrong with it."""
    return read_entries(file, mapping_of, _PAGE)


def mapping_of(found: Mapping[str, Any]) -> CsvMapping:
    """The mapping as it stands in the file; what is left out has its default."""
    refuse_unknown("", found, _TOP)
    fields = _names("fields", found.get("fields", {}))
    constants = _names("constants", found.get("constants", {}))
    entries = found.get("events", [])
    if not isinstance(entries, list) or not entries:
        raise WrongEntryError('there is no [[events]]: write [[events]] and kind = "page_views", once for each kind.')
    events = tuple(_event(f"events, entry {at}", one, fields, constants) for at, one in enumerate(entries, 1))
    known = {field.name for event in events for field in EVENTS[event.kind].fields}
    if unknown := sorted((fields.keys() | constants.keys()) - known):
        raise WrongEntryError(f"{unknown[0]} is a field of no event here; the fields are {', '.join(sorted(known))}.")
    return CsvMapping(
        events=events,
        delimiter=_delimiter(found.get("delimiter", "")),
        encoding=_encoding(found.get("encoding", "utf-8")),
        decimal_comma=flag("decimal_comma", found.get("decimal_comma", False)),
        time_zone=_zone(found.get("time_zone", "")),
        time_format=text("time_format", found.get("time_format", "")),
    )


def _event(place: str, entry: Any, fields: dict[str, str], constants: dict[str, str]) -> MappedEvent:
    if not isinstance(entry, dict):
        raise WrongEntryError(f"{place} is {entry!r}: write [[events]], in two brackets, above its entries.")
    refuse_unknown(f"{place}: ", entry, _OF_EVENT)
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in EVENTS:
        raise WrongEntryError(f"{place}: kind is {kind!r}, but it is one of {', '.join(EVENTS)}.")
    names = {field.name for field in EVENTS[kind].fields}
    own = _names(f"{place}: fields", entry.get("fields", {}))
    fixed = _names(f"{place}: constants", entry.get("constants", {}))
    if unknown := sorted((own.keys() | fixed.keys()) - names):
        raise WrongEntryError(f"{place}: {kind} have no field {unknown[0]}; theirs are {', '.join(sorted(names))}.")
    # What the kind itself says goes before what all say, and a constant before a column.
    fixed = {name: value for name, value in constants.items() if name in names and name not in own} | fixed
    mapped = {name: column for name, column in fields.items() if name in names} | own
    mapped = {name: column for name, column in mapped.items() if name not in fixed}
    needed = [field.name for field in EVENTS[kind].fields if field.required]
    if missing := [name for name in needed if name not in mapped and name not in fixed]:
        raise WrongEntryError(
            f"{place}: {kind} need {', '.join(missing)}: name a column in fields, or a value in constants."
        )
    where = {column: _values(f"{place}: where.{column}", value) for column, value in _table(place, entry).items()}
    return MappedEvent(kind, where, mapped, fixed)


def _table(place: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    where = entry.get("where", {})
    if not isinstance(where, dict):
        raise WrongEntryError(f'{place}: where is {where!r}, but it is a table, as {{ event = ["view"] }}.')
    return where


def _names(place: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise WrongEntryError(f"{place} is {value!r}, but it is a table of names.")
    for name, one in value.items():
        if not text(f"{place}: {name}", one):
            raise WrongEntryError(f"{place}: {name} is empty: name what it is, or leave it out.")
    return value


def _values(place: str, value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise WrongEntryError(f'{place} is {value!r}, but it is a text or a list of texts, as ["view", "look"].')
    return tuple(values)


def _delimiter(value: Any) -> str:
    if value not in ("", *DELIMITERS):
        raise WrongEntryError(f"delimiter is {value!r}, but it is one of , ; | and \\t, or is left out.")
    return str(value)


def _encoding(value: Any) -> str:
    try:
        name = codecs.lookup(text("encoding", value)).name
        "".encode(name)
    except LookupError:
        raise WrongEntryError(
            f"encoding is {value!r}, which nobody knows: utf-8, cp1252 and latin-1 are usual."
        ) from None
    if name.startswith(("utf-16", "utf-32")):
        raise WrongEntryError(f"encoding is {value!r}, whose lines cannot be told apart: save the file in UTF-8.")
    return name


def _zone(value: Any) -> ZoneInfo | None:
    name = text("time_zone", value)
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongEntryError(f'time_zone is {name!r}, which is no zone: write it as "Europe/Berlin".') from None
