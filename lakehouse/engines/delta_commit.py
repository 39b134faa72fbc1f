"""Write a commit into the log of a plain Delta table: all of it or nothing, and on the disk before it counts.

delta-rs reads the log here and writes its checkpoints. Its own writers are not used: they leave a commit to the disk's
leisure, and a merge by them mixes the days of all the files that it rewrites (docs/adr says what was measured). What is
written is the part of Delta's protocol that reader version 1 and writer version 4 know, without partitions.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from deltalake import DeltaTable

Action = Mapping[str, Mapping[str, Any]]
"""One line of a commit."""

ENGINE = "in-process"
"""By this name the log says that a commit was made here, and not by Spark."""

CHANGES = "_change_data"
"""Where the files of the change feed lie, within a table's folder."""

PLAIN_FEATURES = frozenset({"appendOnly", "invariants", "changeDataFeed"})
"""What a plain table's writers keep up, by the names of Delta's features."""

PLAIN_WRITER = 4
"""The version of Delta's protocol for writers that has them without naming them."""

ACTIONS = "actions"
"""Where the first line of a commit says how many lines it has, so that one cut short between two lines is noticed."""

FEATURES_WRITER = 7
"""The version of the protocol whose tables name each feature: a table with a change feed, as Spark creates it."""

_SQL_OF_COLUMNS = ("delta.invariants", "delta.generationExpression", "delta.identity.")


@dataclass(frozen=True)
class StoredFile:
    """A data file that a table has, or one that was written for it: its path in the table's folder, size and rows."""

    path: str
    size: int
    rows: int
    statistics: str = ""
    """As the log has them, in JSON; only of a file that was written here."""


def add(file: StoredFile, *, is_change: bool = True) -> Action:
    """The table has this file from now on; not ``is_change`` where it had its rows before."""
    return {
        "add": {
            "path": file.path,
            "partitionValues": {},
            "size": file.size,
            "modificationTime": _now(),
            "dataChange": is_change,
            "stats": file.statistics,
        }
    }


def remove(file: StoredFile, *, is_change: bool = True) -> Action:
    """The table has this file no more."""
    return {
        "remove": {
            "path": file.path,
            "deletionTimestamp": _now(),
            "dataChange": is_change,
            "extendedFileMetadata": True,
            "partitionValues": {},
            "size": file.size,
        }
    }


def changed(file: StoredFile) -> Action:
    """The file has the rows of the change feed."""
    return {"cdc": {"path": file.path, "partitionValues": {}, "size": file.size, "dataChange": False}}


def transaction(application: str, number: int) -> Action:
    """What Spark calls txnAppId and txnVersion: it tells a batch that is committed already."""
    return {"txn": {"appId": application, "version": number, "lastUpdated": _now()}}


def commit_info(operation: str, version: int, metrics: Mapping[str, int], **parameters: str) -> Action:
    """What the table's history says about a commit to this version."""
    return {
        "commitInfo": {
            "timestamp": _now(),
            "operation": operation,
            "operationParameters": parameters,
            # delta-rs refuses the history of a table whose first commit names a version before it.
            **({"readVersion": version - 1} if version else {}),
            "isBlindAppend": parameters.get("mode") == "Append",
            "operationMetrics": {name: str(value) for name, value in metrics.items()},
            "engineInfo": ENGINE,
        }
    }


def write_commit(folder: Path, version: int, actions: Iterable[Action]) -> bool:
    """Makes the actions the table's next version; False where another writer made one with this number.

    The files that they name must be on the disk already.
    """
    from lakehouse.engines.version_checksum import forget_checksum  # by Arrow, which commands that only read do without

    forget_checksum(folder, version)
    log = folder / "_delta_log"
    path = log / f"{version:020d}.json"
    written = log / f".{path.name}.{uuid4().hex}.tmp"
    lines = list(actions)
    counted = [
        {"commitInfo": {**line["commitInfo"], ACTIONS: len(lines)}} if "commitInfo" in line else line for line in lines
    ]
    text = "\n".join(json.dumps(action, ensure_ascii=False, separators=(",", ":")) for action in counted)
    try:
        with written.open("xb") as file:
            file.write(text.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if not _named(written, path):
            return False
    finally:
        written.unlink(missing_ok=True)
    sync(log)
    return True


def _named(written: Path, path: Path) -> bool:
    """Gives a file its name, at once and only where nothing has it."""
    try:
        os.link(written, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links; the table's lock keeps others away
        if path.exists():
            return False
        written.replace(path)
    return True


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def what_forbids_writing(table: DeltaTable) -> str:
    """What a table has that only Spark knows how to keep up, as a clause; empty where it is plain."""
    metadata = table.metadata()
    if protocol := _more_than_plain(table):
        return protocol
    if metadata.partition_columns:
        return f"is partitioned by {', '.join(metadata.partition_columns)}"
    if constraints := [name for name in metadata.configuration if name.startswith("delta.constraints.")]:
        return f"has the constraints {', '.join(constraints)}"
    fields: Sequence[dict[str, Any]] = json.loads(table.schema().to_json())["fields"]
    if any(name.startswith(_SQL_OF_COLUMNS) for field in fields for name in field["metadata"]):
        return "has columns that SQL checks or makes"
    return ""


def _more_than_plain(table: DeltaTable) -> str:
    protocol = table.protocol()
    if protocol.min_reader_version > 1:
        return f"needs readers of version {protocol.min_reader_version}"
    if protocol.min_writer_version not in {*range(1, PLAIN_WRITER + 1), FEATURES_WRITER}:
        return f"needs writers of version {protocol.min_writer_version}"
    unknown = sorted(set(protocol.writer_features or ()) - PLAIN_FEATURES)
    return f"has the features {', '.join(unknown)}" if unknown else ""


def _now() -> int:
    return time.time_ns() // 1_000_000
