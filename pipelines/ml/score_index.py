"""Keep the newest score of each session in memory, file by file, and follow the commits of gold.session_predictions."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from gold.session_predictions import TABLE
from lakehouse.delta_log import newest_version
from lakehouse.engines.opened_table import dataset, open_table
from lakehouse.errors import LakehouseError, MissingTableError, OutsideError
from pipelines.ml.score_message import COLUMNS
from pipelines.runtime.table_damage import refuse_damaged

if TYPE_CHECKING:
    from deltalake import DeltaTable

_Hashes = np.ndarray[Any, np.dtype[np.int64]]


class _File:
    """The rows of one data file, found by a hash of their session."""

    def __init__(self, rows: pa.Table) -> None:
        sessions = zip(rows["user_id"].to_pylist(), rows["session_id"].to_pylist(), strict=True)
        hashes: _Hashes = np.fromiter(map(hash, sessions), np.int64, rows.num_rows)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._order = hashes[order], order
        self._rows = rows.combine_chunks()

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, user_id: str, session_id: str) -> dict[str, Any] | None:
        """The row of a session, if it is here."""
        wanted = hash((user_id, session_id))
        place = int(np.searchsorted(self._hashes, wanted))
        while place < len(self._hashes) and self._hashes[place] == wanted:
            [row] = self._rows.slice(int(self._order[place]), 1).to_pylist()
            if (row["user_id"], row["session_id"]) == (user_id, session_id):
                return dict(row)
            place += 1
        return None


@dataclass(frozen=True)
class _State:
    """A version of the table in memory: what tells it from others, and its data files by their paths."""

    identity: tuple[Any, ...] = ()
    version: int = -1
    files: Mapping[str, _File] = field(default_factory=dict)
    read_at: datetime | None = None
    error: str = ""


class ScoreIndex:
    """The newest score of each session, as of the last ``refresh``. Threads may share it.

    A refresh reads the data files alone that are new since the last one, and drops those that have left the table.
    So it costs as much as what changed, and what is deleted from gold is not answered any more.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._place = f"{root}/{TABLE.layer}/{TABLE.short_name}"
        self._refreshing = threading.Lock()
        self._state = _State()

    @property
    def sessions(self) -> int:
        """How many sessions have a score."""
        return sum(len(file) for file in self._state.files.values())

    @property
    def version(self) -> int:
        """The version of the table that is in memory; -1 before there is one."""
        return self._state.version

    @property
    def read_at(self) -> datetime | None:
        """When the table was last looked at with success."""
        return self._state.read_at

    @property
    def error(self) -> str:
        """Why the last look failed; empty where it did not."""
        return self._state.error

    def find(self, user_id: str, session_id: str) -> dict[str, Any] | None:
        """The score of a session as gold has it, in the columns of a message; None where it has none."""
        return next((row for file in self._state.files.values() if (row := file.find(user_id, session_id))), None)

    def refresh(self) -> bool:
        """Looks for new commits, and takes them in; returns whether there were any.

        Where the table cannot be read, ``error`` says why, and what is in memory stays.
        """
        with self._refreshing:
            before, now = self._state, datetime.now(UTC)
            try:
                identity = self._identity(before.version)
                if identity is not None and identity == before.identity:
                    self._state = _State(identity, before.version, before.files, now)
                    return False
                table = self._open()
                files = _files(table, before.files)
            except LakehouseError as error:
                self._state = _State((), before.version, before.files, before.read_at, str(error))
                return False
            except Exception as error:  # noqa: BLE001 - files may go while they are read: the next look finds others
                first = (str(error).strip().splitlines() or [""])[0][:300]
                why = f"{TABLE.name} cannot be read now ({type(error).__name__}: {first})."
                self._state = _State((), before.version, before.files, before.read_at, why)
                return False
            self._state = _State(identity or (), int(table.version()), files, now)
            return int(table.version()) != before.version

    def _identity(self, known: int) -> tuple[Any, ...] | None:
        """What tells the newest version in a folder from any other; None where only opening the table tells."""
        if "://" in self._root:
            return None
        folder = Path(self._place)
        version = newest_version(folder, known)
        if version < 0:
            raise MissingTableError(TABLE.name, self._root)
        try:
            found = (folder / "_delta_log" / f"{version:020d}.json").stat()
        except FileNotFoundError:
            return None
        return version, found.st_ino, found.st_mtime_ns, found.st_size

    def _open(self) -> DeltaTable:
        from deltalake.exceptions import DeltaError

        refuse_damaged(self._root, TABLE, files=False)
        try:
            table = open_table(self._place)
        except DeltaError as error:
            first = str(error).splitlines()[0].rstrip(".")
            raise OutsideError(f"{TABLE.name} cannot be read: {first}.", "`clickstream verify` says why.") from error
        if table is None:
            raise MissingTableError(TABLE.name, self._root)
        return table


def _files(table: DeltaTable, known: Mapping[str, _File]) -> dict[str, _File]:
    """The data files of a version by their paths, which no other file ever has; those that are known are not read."""
    rows = dataset(table)
    return {
        fragment.path: known.get(fragment.path) or _File(fragment.to_table(schema=rows.schema, columns=list(COLUMNS)))
        for fragment in rows.get_fragments()
    }
