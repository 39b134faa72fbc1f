"""Write beside a commit what its version of a table is: Spark then opens the version without a query on the log.

Delta's protocol calls it the version checksum file. Spark takes a table's schema and properties from it, and compares
it with what it counts itself. Without it, each table that a commit of this process has changed costs Spark 0.1 s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.engines.snapshot import CommitFile, commit_of

if TYPE_CHECKING:
    from lakehouse.engines.delta_commit import Action
    from lakehouse.engines.snapshot import Snapshot


@dataclass(frozen=True)
class TableState:
    """A version of a table: how many data files, of how many bytes in all, and the log's metaData and protocol.

    The latter have to be those of the log to the last character: Spark refuses a table with others.
    """

    files: int
    size: int
    metadata: Mapping[str, Any]
    protocol: Mapping[str, Any]

    def after(self, actions: Iterable[Action]) -> TableState:
        """The state after a commit's actions, which change neither metaData nor protocol."""
        files, size = self.files, self.size
        for action in actions:
            if "add" in action:
                files, size = files + 1, size + action["add"]["size"]
            elif "remove" in action:
                files, size = files - 1, size - action["remove"]["size"]
        return replace(self, files=files, size=size)


class Checksums:
    """Writes the checksums of the commits of one process, and remembers what each table was then."""

    def __init__(self) -> None:
        self._written: dict[Path, tuple[tuple[int, CommitFile | None], TableState]] = {}

    def state_before(self, folder: Path, version: int, snapshot: Snapshot) -> TableState | None:
        """What a table is before a commit to this version; None where that is not its newest one, or nobody knows."""
        if snapshot.version != version - 1:
            return None
        known, state = self._written.get(folder, ((-1, None), None))
        return state if known == (snapshot.version, snapshot.commit) else _read_state(folder, snapshot)

    def write(self, folder: Path, version: int, state: TableState) -> None:
        """Says what a version that was just committed is."""
        write_checksum(folder, version, state)
        self._written[folder] = (version, commit_of(folder / "_delta_log", version)), state


def _read_state(folder: Path, snapshot: Snapshot) -> TableState | None:
    """The state of a version that delta-rs has read; None where the log has it in a form that is not known here."""
    sizes = snapshot.files["size_bytes"]
    try:
        declared = _declared(folder / "_delta_log", snapshot.version)
    except (OSError, ValueError, pa.ArrowException):
        return None
    if declared.keys() != {"metaData", "protocol"}:
        return None
    return TableState(len(sizes), pc.sum(sizes).as_py() or 0, declared["metaData"], declared["protocol"])


def _declared(log: Path, version: int) -> dict[str, Any]:
    """The newest metaData and protocol up to a version, from its commits back to the checkpoint before it."""
    found: dict[str, Any] = {}
    for number in range(version, -1, -1):
        for line in (log / f"{number:020d}.json").read_text(encoding="utf-8").split("\n"):
            if line.startswith(('{"metaData":', '{"protocol":')):
                found = {**json.loads(line), **found}
        checkpoint = log / f"{number:020d}.checkpoint.parquet"
        if len(found) < 2 and checkpoint.exists():  # noqa: PLR2004
            return {**_of_checkpoint(checkpoint), **found}
        if len(found) == 2:  # noqa: PLR2004
            break
    return found


def _of_checkpoint(path: Path) -> dict[str, Any]:
    rows = pq.read_table(path, columns=["metaData", "protocol"])
    found: dict[str, Any] = {}
    for name in rows.column_names:
        [struct] = rows[name].drop_null().to_pylist(maps_as_pydicts="strict")
        found[name] = {key: value for key, value in struct.items() if value is not None}
    return found


def forget_checksum(folder: Path, version: int) -> None:
    """Removes a checksum by this name: where a commit of that number is to come, it is of another history."""
    path = _path(folder, version)
    path.unlink(missing_ok=True)
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)


def write_checksum(folder: Path, version: int, state: TableState) -> None:
    """Says what a version that is committed is. Nobody needs it: where it cannot be written, there is none.

    It is not waited for until it is on the disk. Spark does without one that is empty or cut short.
    """
    path = _path(folder, version)
    written = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    text = json.dumps(
        {
            "tableSizeBytes": state.size,
            "numFiles": state.files,
            "numMetadata": 1,
            "numProtocol": 1,
            "metadata": state.metadata,
            "protocol": state.protocol,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    with suppress(OSError):
        try:
            written.write_text(text, encoding="utf-8")
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)


def _path(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020d}.crc"
