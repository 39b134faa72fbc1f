"""Read a path that a person wrote into a setting, as an absolute one: relative, with ``~``, with blanks in it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from lakehouse.errors import UsageError


def absolute(path: str | PathLike[str]) -> Path:
    """The path as an absolute one. A relative one begins in the folder where the command runs, ``~`` is a home.

    Raises UsageError where ``~`` names nobody's home.
    """
    return with_home(path).resolve()


def with_home(path: str | PathLike[str]) -> Path:
    """The path with its ``~`` replaced by the home that it stands for.

    Raises UsageError where it stands for nobody's.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{path} names a home that is not known here.", "Write the whole path instead.") from error
