"""Check downloaded files against the SHA-256 sums that the program ships with, before their code runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from lakehouse.errors import OutsideError


def sha256(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write_sums(sums: Path, files: Iterable[Path]) -> None:
    """Writes the sums of files by their names, as ``sha256sum`` does."""
    lines = sorted({f"{sha256(file)}  {file.name}\n" for file in files}, key=lambda line: line.split()[1])
    sums.write_text("".join(lines), encoding="utf-8")


def read_sums(sums: Path) -> dict[str, str]:
    """The sums that a file lists, by the name of the file."""
    lines = sums.read_text(encoding="utf-8").splitlines()
    return {name: digits for digits, name in (line.split() for line in lines if line.strip())}


def check_sums(sums: Path, files: Iterable[Path]) -> list[Path]:
    """Compares each file with its sum; gives those that have none, such as a package that a user added.

    Raises OutsideError where one differs.
    """
    known, unknown = read_sums(sums), []
    for file in files:
        expected = known.get(file.name)
        if expected is None:
            unknown.append(file)
        elif (found := sha256(file)) != expected:
            raise OutsideError(
                f"{file} is not the file that this version was tested with: its SHA-256 begins with {found[:12]}, "
                f"not with {expected[:12]}.",
                "Delete it, and run `make setup` again. If it comes back, its repository has another file.",
            )
    return unknown
