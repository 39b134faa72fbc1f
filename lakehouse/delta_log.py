"""Examine and repair a Delta table's log and files without Spark, after a crash, a disk or a restore took some away.

Only tables in folders are examined: an object store writes a file whole or not at all, and keeps it.

The kinds of damage come from reports: a rename that reached the disk before the data of the file leaves the newest
commit empty or cut short (trinodb/trino#22748, ClickHouse/ClickHouse#111738). An empty commit is the dangerous kind.
Every reader takes it for a commit that changed nothing, and its rows are missing without an error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lakehouse.engines import delta_commit

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.[\w-]+)*\.(?:parquet|json)")
_ADDED_ROWS = ("numOutputRows", "num_added_rows")
"""The metrics by which Spark and delta-rs say in a commit how many rows it adds.

They say how many files too, but Spark counts one for a write without rows, and adds none.
"""


@dataclass(frozen=True)
class Damage:
    """What a table lacks: the file's name within the table's folder, and what is wrong with it, as a clause.

    ``loses_rows`` is false where the rest of the log says the same as the file.
    """

    file: str
    problem: str
    loses_rows: bool = True

    def __str__(self) -> str:
        return f"{self.file} {self.problem}"


def newest_version(folder: Path, known: int = -1) -> int:
    """The number of a table's newest commit or checkpoint; -1 where there is none.

    From a version that is ``known`` it looks for the next ones, which is quick however long the log is.
    """
    if known >= 0 and (folder / _name(known)).exists():
        while (folder / _name(known + 1)).exists():
            known += 1
        return known
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
    What it does not know is sound: another writer's commits have other metrics, or none.
    """
    if is_uncommitted(folder):
        return []
    commits, checkpoints = _versions(folder)
    if not commits and not checkpoints:
        has_data = folder.is_dir() and any(folder.rglob("*.parquet"))
        return [Damage("_delta_log", "is missing, though there are data files")] if has_data else []
    found = _checkpoint_damage(folder)
    base = max(_whole_checkpoints(folder), default=-1)
    newest = _newest_known(folder)
    first = min(commits, default=newest)
    if base < 0 < first:
        found.append(Damage(_name(0), f"is missing, and the log begins with version {first}"))
    found += _damaged_commits(folder, commits, base, newest).values()
    if files and not found:
        found += [Damage(unquote(name), "is missing") for name in _missing_files(folder)]
    return found


def is_repairable(folder: Path) -> bool:
    """Whether what is left of a table's log says which data files it has."""
    commits, _ = _versions(folder)
    whole = _whole_checkpoints(folder)
    return bool(whole) or (0 in commits and _commit_damage(commits[0]) is None)


def repair(folder: Path, aside: Path) -> None:
    """Makes a damaged table readable again; what it lost stays lost. The caller holds the table's lock.

    Each commit that is empty, cut short or missing becomes one that changes nothing, so that its version is not
    given out twice. Then the data files that are missing leave the table by a commit of their own, which is no
    change of data to those who follow it. What is replaced is copied into the folder ``aside`` first. It is safe
    to repeat.

    Raises ValueError where the log does not say which data files the table has.
    """
    if not is_repairable(folder):
        raise ValueError(f"the log of {folder} cannot be repaired")
    log, newest = folder / "_delta_log", _newest_known(folder)
    for damage in _checkpoint_damage(folder):
        _move(log, [(folder / damage.file).name, "_last_checkpoint"], aside)
    commits, _ = _versions(folder)
    base = max(_whole_checkpoints(folder), default=-1)
    damaged = _damaged_commits(folder, commits, base, newest)
    if damaged:
        # Spark keeps the state of a version in its checksum, and that of each later one was made from it.
        first = min(damaged)
        sums = [path.name for path in log.glob("*.crc") if _sum_of(path) >= first]
        _move(log, [*(_name(version).rpartition("/")[2] for version in damaged), *sums], aside)
        for version, damage in damaged.items():
            _commit(folder, version, damage.problem, [])
    if missing := _missing_files(folder):
        removed = [{"path": name, "dataChange": False} for name in missing]
        removals = [{"remove": {**one, "deletionTimestamp": time.time_ns() // 1_000_000}} for one in removed]
        _commit(folder, newest_version(folder) + 1, "a data file is missing", removals)


def reaches_back(folder: Path, version: int) -> bool:
    """Whether the log still has each commit from ``version`` on."""
    commits, checkpoints = _versions(folder)
    return all(one in commits for one in range(version, max((*commits, *checkpoints), default=-1) + 1))


def same_rows_until(folder: Path, version: int) -> int:
    """The newest version, from this one on, before which no commit changed rows for those who follow the table.

    Compacting and erasing change files alone. So what a stream has read up to ``version`` it has read up to there.
    """
    while version >= 0 and (path := folder / _name(version + 1)).exists() and not _changes_rows(path):
        version += 1
    return version


def transactions(folder: Path) -> dict[str, int]:
    """What a table's commits have noted by application, each with its newest number; a checkpoint keeps it for good."""
    commits, _ = _versions(folder)
    base = max(_whole_checkpoints(folder), default=-1)
    noted = [one for path in _checkpoint_files(folder) if _number(path) == base for one in _noted_in(path)]
    for version in sorted(version for version in commits if version > base):
        with suppress(FileNotFoundError):  # cleaned meanwhile: an older checkpoint was the newest
            lines = commits[version].read_bytes().splitlines()
            noted += [json.loads(line)["txn"] for line in lines if line.startswith(b'{"txn":')]
    return {str(one["appId"]): int(one["version"]) for one in noted}


def _noted_in(checkpoint: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq  # which commands that only read commits do without

    if checkpoint.suffix != ".parquet" or "txn" not in pq.read_schema(checkpoint).names:
        return []
    return pq.read_table(checkpoint, columns=["txn"])["txn"].drop_null().to_pylist()  # type: ignore[no-any-return]


def _changes_rows(commit: Path) -> bool:
    actions = (json.loads(line) for line in commit.read_bytes().splitlines() if line.strip())
    each = ((name, found) for action in actions for name, found in action.items())
    return any(name == "cdc" or (name in {"add", "remove"} and found.get("dataChange", True)) for name, found in each)


def next_unread(folder: Path, version: int, index: int) -> int:
    """The first version that a reader of the change feed has yet to read, by where Delta's source says it stands.

    Before a version's first file the index is negative. Behind its last one, it is that file's where the version
    changed rows, if no other has followed. All files of such a version are handed over together: Delta's limits of a
    micro-batch are atomic for each (docs.databricks.com/delta/delta-change-data-feed).
    """
    commit = folder / _name(version)
    return version + 1 if index >= 0 and commit.exists() and b'{"cdc":' in commit.read_bytes() else version


def clean_log(folder: Path, below: int) -> int:
    """Deletes the commits and checkpoints that no version from ``below`` on needs; gives how many commits.

    The caller holds the table's lock. Nothing is deleted above the newest whole checkpoint up to ``below``.
    """
    log = folder / "_delta_log"
    keep = max((version for version in _whole_checkpoints(folder) if version <= below), default=0)
    old = [path for path in log.glob("[0-9]*") if int(path.name.partition(".")[0]) < keep]
    for path in old:
        path.unlink()
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
    return sum(_COMMIT.fullmatch(path.name) is not None for path in old)


def oldest_since(folder: Path, seconds: float) -> int:
    """The oldest version that was committed since this time, in seconds since 1970; else the newest one."""
    commits, _ = _versions(folder)
    recent = (version for version, path in commits.items() if path.stat().st_mtime >= seconds)
    return min(recent, default=newest_version(folder))


def sync(folder: Path, after: int) -> int:
    """Makes the commits above version ``after`` durable, with all files that they add; gives the newest version.

    A rename may reach the disk before the data of the file does: after a power loss the newest commit is then
    empty. So the files are written out first, then the commits, then the folders.
    """
    newest = newest_version(folder, after)
    commits = [path for version in range(after + 1, newest + 1) if (path := folder / _name(version)).exists()]
    folders = {folder / "_delta_log": None}
    for commit in commits:
        for line in commit.read_bytes().splitlines():
            action = json.loads(line)
            if added := action.get("add") or action.get("cdc"):
                path = folder / unquote(added["path"])
                with suppress(FileNotFoundError):  # compacted and vacuumed meanwhile
                    delta_commit.sync(path)
                folders[path.parent] = None
    for one in (*commits, *folders) if commits else ():
        with suppress(FileNotFoundError):
            delta_commit.sync(one)
    return newest


def _name(version: int) -> str:
    return f"_delta_log/{version:020d}.json"


def _newest_known(folder: Path) -> int:
    """The newest version that was committed, also if all that is left of it is its version checksum file."""
    sums = (_sum_of(path) for path in (folder / "_delta_log").glob("[0-9]*.crc"))
    return max(newest_version(folder), max(sums, default=-1))


def _damaged_commits(folder: Path, commits: dict[int, Path], base: int, newest: int) -> dict[int, Damage]:
    """The commits up to ``newest`` that are missing, empty or cut short.

    Below the checkpoint ``base`` a commit may be missing, and what it says is in the checkpoint; not the newest one.
    """
    found = {}
    first = min(commits, default=newest)
    for version in range(first if base < 0 else min(first, base + 1), newest + 1):
        problem: str | None = None
        if version not in commits:
            # A listing may have a commit that was made meanwhile, and lack the one before it.
            is_needed = version > base or version == newest  # which a checkpoint follows, and writers ask for
            problem = "is missing" if is_needed and not (folder / _name(version)).exists() else None
        elif version > base or not commits[version].stat().st_size:
            problem = _commit_damage(commits[version])
        if problem:
            found[version] = Damage(_name(version), problem)
    return found


def _checkpoint_damage(folder: Path) -> list[Damage]:
    """The newest checkpoint where it is not whole, and the one that ``_last_checkpoint`` names where it is missing."""
    whole = _whole_checkpoints(folder)
    newest = max(whole, default=-1)
    cut = sorted(path.name for path in _checkpoint_files(folder) if _number(path) > newest and not _is_whole(path))
    # A checkpoint repeats what the commits say, if these are still there.
    loses_rows = not is_repairable(folder)
    found = [Damage(f"_delta_log/{name}", "is cut short", loses_rows) for name in cut]
    try:
        named = int(json.loads((folder / "_delta_log" / "_last_checkpoint").read_bytes())["version"])
    except (OSError, ValueError, KeyError, TypeError):  # readers look for themselves where it says nothing
        return found
    if named not in whole and not found:
        found.append(Damage(f"_delta_log/{named:020d}.checkpoint.parquet", "is missing", loses_rows))
    return found


def _checkpoint_files(folder: Path) -> list[Path]:
    log = folder / "_delta_log"
    return [path for path in log.iterdir() if _CHECKPOINT.fullmatch(path.name)] if log.is_dir() else []


def _whole_checkpoints(folder: Path) -> set[int]:
    """The versions whose checkpoint files are all whole."""
    found: dict[int, bool] = {}
    for path in _checkpoint_files(folder):
        found[_number(path)] = found.get(_number(path), True) and _is_whole(path)
    return {version for version, whole in found.items() if whole}


def _is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint's file ends as a Parquet file does; one in JSON is believed."""
    if checkpoint.suffix != ".parquet":
        return True
    with checkpoint.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 4, 0))
        return file.read() == b"PAR1"


def _number(path: Path) -> int:
    return int(path.name.partition(".")[0])


def _sum_of(path: Path) -> int:
    """The version that a checksum file belongs to; -1 for one of no version."""
    number = path.name.lstrip(".").partition(".")[0]
    return int(number) if number.isdigit() else -1


def _move(log: Path, names: Iterable[str], aside: Path) -> None:
    """Moves files of a log into the folder ``aside``, with their checksums."""
    aside.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(names):
        if (log / name).exists():
            shutil.copy2(log / name, aside / name)
            (log / name).unlink()
        (log / f".{name}.crc").unlink(missing_ok=True)


def _commit(folder: Path, version: int, problem: str, actions: Sequence[delta_commit.Action]) -> None:
    """Writes a commit of these actions, whole and durable."""
    info = delta_commit.commit_info("REPAIR", version, {}, problem=json.dumps(problem))
    if not delta_commit.write_commit(folder, version, [info, *actions]):
        raise FileExistsError(folder / _name(version))


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
    if len(actions) < int(info.get(delta_commit.ACTIONS, 0)):
        return f"is cut short: it has {len(actions):,} of {info[delta_commit.ACTIONS]:,} lines"
    if info.get("operation") != "WRITE":
        return None
    metrics = info.get("operationMetrics") or {}
    promised = next((int(metrics[name]) for name in _ADDED_ROWS if name in metrics), 0)
    stats = [json.loads(action["add"].get("stats") or "{}") for action in actions if "add" in action]
    if any("numRecords" not in one for one in stats):
        return None
    added = sum(one["numRecords"] for one in stats)
    return f"is cut short: it adds {added:,} of {promised:,} rows" if promised > added else None


def _missing_files(folder: Path) -> list[str]:
    """The data files of the newest version that are not there, as the log spells them."""
    return [name for name in _files(folder) if not (folder / unquote(name)).exists()]


def _files(folder: Path) -> list[str]:
    """The data files of the newest version within the table's folder, as the log spells them, quoted.

    None where they cannot be told.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        names = DeltaTable(folder.absolute().as_posix()).get_add_actions()["path"].to_pylist()
    except DeltaError:  # delta-rs takes a percent sign in a folder's name for a part of an address
        return []
    return [name for name in names if ":/" not in name and not name.startswith("/")]  # those elsewhere are not ours
