"""Read and write a lake's tables in this process, where they lie in a local folder: a commit takes milliseconds."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.engines.arrow_rows import conform_rows, stored_rows
from lakehouse.engines.compaction import MERGE_INTERVAL, groups_to_compact, small_files
from lakehouse.engines.data_files import apart, change_rows, read_file, side_by_side, write_changes, write_files
from lakehouse.engines.delta_commit import (
    ENGINE,
    Action,
    StoredFile,
    add,
    changed,
    commit_info,
    remove,
    transaction,
    what_forbids_writing,
    write_commit,
)
from lakehouse.engines.file_skipping import Where, limits, may_hold, such_rows
from lakehouse.engines.key_matching import KeyMatcher
from lakehouse.engines.snapshot import Snapshot, in_words
from lakehouse.engines.version_checksum import Checksums
from lakehouse.errors import DataError, LakehouseError, MissingTableError, OutsideError
from lakehouse.locks import exclusive
from lakehouse.table import Table

if TYPE_CHECKING:
    from deltalake import DeltaTable

_CHECKPOINT_INTERVAL = 10
_CHANGING = frozenset({"WRITE", "MERGE", "UPDATE", "DELETE"})
"""What changes a table's rows, by the names that its history has for it."""

_LOOKS_ENCODED = re.compile("%[0-9A-Fa-f]{2}")


class _Opened:
    """The newest snapshot of a table that was seen, if one was."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.snapshot: Snapshot | None = None


class LocalLake:
    """The tables of a lake in a folder, read and written without Spark; ``lakehouse.storage.Lake`` creates them.

    Both write under the same locks, and each reads what the other wrote. A write is one commit, on the disk when it
    returns. Threads may share a LocalLake.
    """

    def __init__(self, root: str, locks: Path) -> None:
        self.root = root
        self._locks = locks
        self._opened: dict[str, _Opened] = {}
        self._guard = threading.Lock()
        self._checksums = Checksums()

    @staticmethod
    def is_local(root: str) -> bool:
        """Whether a lake is a folder that delta-rs can open; Spark alone works on a URI.

        delta-rs takes a folder that is called ``a%20b`` for ``a b``.
        """
        return "://" not in root and not _LOOKS_ENCODED.search(str(Path(root).absolute()))

    def folder(self, table: Table) -> Path:
        """The table's folder."""
        return Path(self.root).absolute() / table.layer / table.short_name

    def exists(self, table: Table) -> bool:
        """Whether the table exists."""
        try:
            self.open(table)
        except MissingTableError:
            return False
        return True

    def open(self, table: Table) -> DeltaTable:
        """The table at its newest version, as delta-rs has it: it is shared, and a later call brings it up to date.

        Raises MissingTableError where there is no such table.
        """
        return self._snapshot(table).table

    def is_writable(self, table: Table) -> bool:
        """Whether this process can write the table; else only Spark can, as it has more features than a plain one."""
        return not what_forbids_writing(self.open(table))

    def version(self, table: Table) -> int:
        """The number of the table's newest version."""
        return self._snapshot(table).version

    def is_written_here(self, table: Table) -> bool:
        """Whether the newest change of the table's rows was written by a process of this kind, and not by Spark."""
        with in_words(f"the history of {table.name} cannot be read"):
            commits = self.open(table).history()
        writers = (one.get("engineInfo") for one in commits if one.get("operation") in _CHANGING)
        return next(writers, None) == ENGINE

    def schema(self, table: Table) -> pa.Schema:
        """The columns that are stored: those declared, and perhaps some that were declared once."""
        return self._snapshot(table).schema

    @contextmanager
    def writing(self, table: Table) -> Iterator[None]:
        """Keeps every other process and thread of this machine from writing the table, as ``Lake.writing`` does."""
        with exclusive(self._locks / "tables", table.name):
            yield

    def files(self, table: Table, where: Where | None = None) -> list[str]:
        """The paths of the data files that may hold such rows, by the log's statistics; none of them is opened."""
        folder = self.folder(table)
        return [str(folder / file.path) for file in self._files(table, where or {})]

    def files_at(self, table: Table, version: int) -> list[str]:
        """The paths of the data files of an earlier version."""
        if version == self.version(table):
            return self.files(table)
        from deltalake import DeltaTable

        folder = self.folder(table)
        with in_words(f"{table.name} cannot be read"):
            found = pa.table(DeltaTable(folder, version=version).get_add_actions(flatten=True))
        return [str(folder / path) for path in found["path"].to_pylist()]

    def rows(self, table: Table) -> int:
        """How many rows the table has, by its log."""
        return sum(file.rows for file in self._files(table, {}))

    def read(self, table: Table, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
        """Rows of the newest version, and of the stored columns these or all."""
        schema, folder = self.schema(table), self.folder(table)
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        with in_words(f"{table.name} cannot be read"):
            needed = dict.fromkeys([*wanted.names, *(where or {})])
            parts = []
            for file in self._files(table, where or {}):
                rows = read_file(folder / file.path, pa.schema([schema.field(name) for name in needed]))
                parts.append(such_rows(rows, where or {}).select(wanted.names))
            return pa.concat_tables(parts) if parts else wanted.empty_table()

    def read_at(self, table: Table, version: int) -> pa.Table:
        """All rows of a version, in the columns that are stored today."""
        schema = self.schema(table)
        with in_words(f"{table.name} cannot be read"):
            parts = [read_file(Path(file), schema) for file in self.files_at(table, version)]
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def append(self, table: Table, rows: pa.Table, *, batch: tuple[str, int] | None = None) -> bool:
        """Adds rows; no rows and no ``batch`` are no commit.

        ``batch`` makes it idempotent, as in ``Lake.append``: where it is committed already, False is returned.
        """
        with self.writing(table), in_words(f"{table.name} cannot be written"):
            rows = self._conform(table, rows)
            if batch is not None and _is_committed(self.open(table), batch):
                return False
            if rows.num_rows or batch is not None:
                files = self._write(table, rows)
                extra = [] if batch is None else [transaction(*batch)]
                self._commit(table, "WRITE", [*extra, *map(add, files)], {"numFiles": len(files)}, mode="Append")
                self._merge_small_files(table)
            return True

    def overwrite(self, table: Table, rows: pa.Table) -> None:
        """Replaces all rows in one commit: readers see the old ones until then."""
        with self.writing(table), in_words(f"{table.name} cannot be written"):
            files = self._write(table, self._conform(table, rows))
            for version in self._attempts(table):
                old = self._files(table, {})
                actions = [*map(remove, old), *map(add, files)]
                metrics = {"numFiles": len(files), "numRemovedFiles": len(old)}
                if self._try_commit(table, version, "WRITE", actions, metrics, mode="Overwrite"):
                    return

    def merge(self, table: Table, rows: pa.Table, *, deleted: str = "", within: Where | None = None) -> None:
        """Replaces the rows with the same key, and adds those whose key is new, in one commit. It is idempotent.

        ``deleted`` is the name of a boolean column of ``rows``: where it is true, the row is deleted. ``within``
        is known to hold for all rows of the table that are concerned; other files are not opened. Files without a
        row of the same key stay; the others are written again, split by day where they are many.

        Raises DataError where two of the rows have the same key.
        """
        with self.writing(table), in_words(f"{table.name} cannot be written"):
            gone = _marks(rows, deleted)
            source = self._conform(table, rows.drop_columns([deleted]) if deleted else rows)
            matcher = KeyMatcher(source, table.key)
            if not matcher.is_unique:
                raise DataError(f"Two rows for {table.name} have the same {', '.join(table.key)}.")
            for version in self._attempts(table):
                merged = self._merged(table, source, gone, matcher, {**limits(source, table.key), **(within or {})})
                if not merged:
                    return
                if self._try_commit(table, version, "MERGE", *merged):
                    self._merge_small_files(table)
                    return

    def compact(self, table: Table) -> int:
        """Writes small files, and files whose days overlap, again: sorted, and of bounded size.

        Their rows stay the same, so no stream sees it. Returns how many files were replaced.
        """
        count = 0
        with self.writing(table), in_words(f"{table.name} cannot be compacted"):
            version = self.version(table)
            for group in list(self._groups(table)):
                if not self._rewrite(table, group, version + 1):
                    break  # someone commits without the lock: the next run goes on
                count, version = count + len(group), version + 1
        return count

    def _rewrite(self, table: Table, group: Sequence[StoredFile], version: int) -> bool:
        """Writes files again as few, with the same rows; False where there is a commit of this number already."""
        schema, folder = self.schema(table), self.folder(table)
        new = self._write(table, pa.concat_tables([read_file(folder / file.path, schema) for file in group]))
        actions = [remove(file, is_change=False) for file in group]
        actions += [add(file, is_change=False) for file in new]
        metrics = {"numAddedFiles": len(new), "numRemovedFiles": len(group)}
        return self._try_commit(table, version, "OPTIMIZE", actions, metrics, predicate="[]")

    def _merge_small_files(self, table: Table) -> None:
        """Now and then, after a commit: writes small files again as one. What fails here fails nothing."""
        try:
            version = self.version(table)
            if version % MERGE_INTERVAL == 0 and (small := small_files(self._files(table, {}))):
                self._rewrite(table, small, version + 1)
        except (LakehouseError, OSError, pa.ArrowException):
            logging.getLogger(__name__).warning("Small files of %s were not merged.", table.name, exc_info=True)

    def compactable(self, table: Table) -> list[StoredFile]:
        """The files that ``compact`` would write again now."""
        return [file for group in self._groups(table) for file in group]

    def _groups(self, table: Table) -> Iterator[list[StoredFile]]:
        return groups_to_compact(table, self._files(table, {}), self._snapshot(table).files)

    def _snapshot(self, table: Table) -> Snapshot:
        """The table at its newest version. Where there is no commit since the last time, two looks at the disk tell."""
        with self._guard:
            opened = self._opened.setdefault(table.name, _Opened())
        with opened.lock, in_words(f"{table.name} cannot be read"):
            log, known = self.folder(table) / "_delta_log", opened.snapshot
            if known is not None and known.is_there(log):
                if not (log / f"{known.version + 1:020d}.json").exists():
                    return known
                known.table.update_incremental()
                opened.snapshot = Snapshot(known.table, log)
            else:
                opened.snapshot = Snapshot(self._load(table), log)
            return opened.snapshot

    def _load(self, table: Table) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        if not (self.folder(table) / "_delta_log").is_dir():
            raise MissingTableError(table.name, self.root)
        try:
            return DeltaTable(self.folder(table))
        except TableNotFoundError as error:
            raise MissingTableError(table.name, self.root) from error

    def _files(self, table: Table, where: Where) -> list[StoredFile]:
        found = self._snapshot(table).files
        for column, values in where.items():
            found = found.filter(may_hold(found, column, values))
        columns = (found[name].to_pylist() for name in ("path", "size_bytes", "num_records"))
        return [StoredFile(path, size, rows or 0) for path, size, rows in zip(*columns, strict=True)]

    def _conform(self, table: Table, rows: pa.Table) -> pa.Table:
        """The rows in the columns that are stored, which must be ones that this writer can keep up."""
        if why := what_forbids_writing(self.open(table)):
            raise OutsideError(
                f"{table.name} {why}, so only Spark can write it.",
                "A job's next start takes tables of an older release along; undo what was added by hand.",
            )
        schema = self.schema(table)
        return stored_rows(conform_rows(table, rows, schema), schema)

    def _write(self, table: Table, *groups: pa.Table) -> list[StoredFile]:
        statistics = self._snapshot(table).statistics
        return write_files(self.folder(table), groups, table.sort_by, statistics, table.rows_per_file)

    def _attempts(self, table: Table) -> Iterator[int]:
        """The number of the next commit, again and again where someone without the lock has taken it meanwhile."""
        for _ in range(10):
            yield self.version(table) + 1
        raise OutsideError(
            f"Something else commits to {table.name} all the time, without its lock.", "Stop it, and start again."
        )

    def _commit(
        self, table: Table, operation: str, actions: Sequence[Action], metrics: Mapping[str, int], **parameters: str
    ) -> None:
        for version in self._attempts(table):
            if self._try_commit(table, version, operation, actions, metrics, **parameters):
                return

    def _try_commit(
        self,
        table: Table,
        version: int,
        operation: str,
        actions: Sequence[Action],
        metrics: Mapping[str, int],
        **parameters: str,
    ) -> bool:
        """Commits what follows from the version before; False where there is a commit of this number already."""
        said, folder = commit_info(operation, version, metrics, **parameters), self.folder(table)
        before = self._checksums.state_before(folder, version, self._snapshot(table))
        if not write_commit(folder, version, [said, *actions]):
            return False
        if before is not None:
            self._checksums.write(folder, version, before.after(actions))
        interval = self.open(table).metadata().configuration.get("delta.checkpointInterval", _CHECKPOINT_INTERVAL)
        if version % int(interval) == 0:
            self.open(table).create_checkpoint()
        return True

    def _merged(
        self, table: Table, source: pa.Table, gone: pa.ChunkedArray, matcher: KeyMatcher, within: Where
    ) -> tuple[list[Action], dict[str, int]] | None:
        """The actions of a merge and its metrics; None where it changes nothing."""
        schema, folder = self.schema(table), self.folder(table)
        keys = pa.schema([schema.field(name) for name in table.key])

        def looked_into(file: StoredFile) -> tuple[StoredFile, pa.Table, pa.Table, pa.Array] | None:
            matches = matcher.rows_of(read_file(folder / file.path, keys))
            if matches.null_count == len(matches):
                return None
            rows = read_file(folder / file.path, schema)
            return file, rows.filter(matches.is_null()), rows.filter(matches.is_valid()), matches.drop_null()

        found = [one for one in side_by_side(looked_into, self._files(table, within)) if one]
        touched, kept, before, matching = zip(*found, strict=True) if found else ((), (), (), ())
        staying = source.filter(pc.invert(gone))
        matched = pa.concat_arrays(matching) if matching else pa.array([], pa.int64())
        if not touched and not staying.num_rows:
            return None
        new = self._write(table, *apart(kept, staying, table.sort_by))
        actions = [*map(remove, touched), *map(add, new)]
        if touched and self._has_change_feed(table):
            changes = change_rows(pa.concat_tables(before), source, gone, matched)
            actions.append(changed(write_changes(folder, changes)))
        return actions, {"numTargetFilesAdded": len(new), "numTargetFilesRemoved": len(touched)}

    def _has_change_feed(self, table: Table) -> bool:
        return self.open(table).metadata().configuration.get("delta.enableChangeDataFeed") == "true"


def _is_committed(table: DeltaTable, batch: tuple[str, int]) -> bool:
    application, number = batch
    newest = table.transaction_version(application)
    return newest is not None and newest >= number


def _marks(rows: pa.Table, deleted: str) -> pa.ChunkedArray:
    """Which of the rows are to be deleted."""
    if not deleted:
        return pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
    return pc.fill_null(rows[deleted].cast(pa.bool_()), False)
