"""Read a TOML file that people write, and say of a wrong entry in one sentence what is wrong. Standard library only."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from lakehouse.errors import UsageError
from lakehouse.shipped_files import read_shipped

T = TypeVar("T")


class WrongEntryError(Exception):
    """What is wrong with an entry, and what it has to be."""


def read_entries(file: Path, understand: Callable[[Mapping[str, Any]], T], page: str) -> T:
    """What a file says, as understood. ``page`` is the hint that leads to its documentation.

    Raises UsageError, which names the file and the entry, and says what is wrong with it.
    """
    try:
        # Editors on Windows put a byte order mark in front.
        return understand(tomllib.loads(read_shipped(file).decode("utf-8-sig")))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", "Fix it; it is TOML in UTF-8.") from error
    except WrongEntryError as error:
        raise UsageError(f"{file}: {error}", page) from error


def refuse_unknown(place: str, found: Iterable[str], known: Iterable[str]) -> None:
    """Raises WrongEntryError for a name that is none of the known ones.

    ``place`` is the table, as in ``"bots."``, or an entry of a list, as in ``"pages, entry 2: "``.
    """
    names = tuple(known)
    entry, table = ("", place) if place.endswith(".") else (place, "")
    for name in found:
        if name not in names:
            raise WrongEntryError(f"{entry}there is no entry {table}{name}; the entries are {', '.join(names)}.")


def flag(name: str, value: Any) -> bool:
    """A value that is true or false."""
    if not isinstance(value, bool):
        raise WrongEntryError(f"{name} is {value!r}, but it is true or false, without quotes.")
    return value


def text(name: str, value: Any) -> str:
    """A value that is a text, as it stands."""
    if not isinstance(value, str):
        raise WrongEntryError(f"{name} is {value!r}, but it is a text in quotes.")
    return value
