"""Examine a Delta table's log and files without Spark, and name what a crash, a disk or a restore took away.

Only tables in folders are examined: an object store writes a file whole or not at all, and keeps it.

The kinds of damage come from reports: a rename that reached the disk before the data of the file leaves the newest
commit empty or cut short (trinodb/trino#22748, ClickHouse/ClickHouse#111738). An empty commit is the dangerous kind.
Every reader takes it for a commit that changed nothing, and its rows are missing without an error.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.[\w-]+)*\.(?:parquet|json)")
_ADDED_FILES = ("numFiles", "numTargetFilesAdded", "numAddedFiles", "num_added_files", "num_target_files_added")
"""The metrics by which Spark and delta-rs say in a commit how many files it adds."""


@dataclass(frozen=True)
class Damage:
    """What a table lacks: the file's name within the table's folder, and what is wrong with it, as a clause."""

    file: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file} {self.problem}"


def newest_version(folder: Path) -> int:
    """The number of a table's newest commit or checkpoint; -1 where there is none."""
    commits, checkpoints = _versions(folder)
    return max((*commits, *checkpoints), default=-1)


def is_uncommitted(folder: Path) -> bool:
    """Whether a folder holds what a writer left that ended before its first commit, and no table.

    True where there is a ``_delta_log`` without a whole commit, and no other file. The first commit of a table
    that was created holds no rows, so removing it loses nothing.
    """
    log = folder / "_delta_log"
    commits, checkpoints = _versions(folder)
    if not log.is_dir() or checkpoints or max(commits, default=0) > 0:
        return False
    if commits and _commit_damage(commits[0]) is None:
        return False
    return not any(path.is_file() and log not in path.parents for path in folder.rglob("*"))


def remove_uncommitted(folder: Path) -> None:
    """Remove what ``is_uncommitted`` found, so that the table can be created."""
    if is_uncommitted(folder):
        shutil.rmtree(folder)


def examine(folder: Path, *, files: bool = True) -> list[Damage]:
    """What a table lacks, in the order of its commits; empty where it is whole, or where there is no table.

    With ``files`` it also looks whether each data file of the newest version exists, which reads the whole snapshot.
    """
    if is_uncommitted(folder):
        return []
    commits, checkpoints = _versions(folder)
    if not commits and not checkpoints:
        has_data = folder.is_dir() and any(folder.rglob("*.parquet"))
        return [Damage("_delta_log", "is missing, though there are data files")] if has_data else []
    base = max(checkpoints, default=-1)
    newest = max((*commits, base))
    found = []
    for version in range(min(commits, default=newest), newest + 1):
        name = f"_delta_log/{version:020d}.json"
        if version not in commits:
            if version > base:
                found.append(Damage(name, "is missing"))
        elif version > base or not commits[version].stat().st_size:
            found += [Damage(name, problem) for problem in (_commit_damage(commits[version]),) if problem]
    if files and not found:
        found += [Damage(name, "is missing") for name in _files(folder) if not (folder / name).exists()]
    return found


def _versions(folder: Path) -> tuple[dict[int, Path], set[int]]:
    """A table's commit files by version, and the versions that have a checkpoint."""
    commits, checkpoints = {}, set()
    log = folder / "_delta_log"
    for path in log.iterdir() if log.is_dir() else ():
        if match := _COMMIT.fullmatch(path.name):
            commits[int(match[1])] = path
        elif match := _CHECKPOINT.fullmatch(path.name):
            checkpoints.add(int(match[1]))
    return commits, checkpoints


def _commit_damage(path: Path) -> str | None:
    """What is wrong with one commit file; None where it is whole."""
    text = path.read_bytes()
    if not text.strip():
        return "is empty"
    try:
        actions = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        return "is cut short"
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    metrics = info.get("operationMetrics") or {}
    promised = max((int(metrics[name]) for name in _ADDED_FILES if name in metrics), default=0)
    added = sum("add" in action for action in actions)
    return f"is cut short: it adds {added} of {promised} files" if promised > added else None


def _files(folder: Path) -> Iterator[str]:
    """The data files of the newest version, relative to the table's folder."""
    from deltalake import DeltaTable

    for path in DeltaTable(folder.absolute().as_posix()).file_uris():
        yield Path(path).relative_to(folder.absolute()).as_posix()
