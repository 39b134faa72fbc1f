"""Take rows out of a lake's tables, or bytes out of rows, so that no stream takes it for a change of data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.engines.data_files import read_file
from lakehouse.engines.delta_commit import Action, StoredFile, add, remove
from lakehouse.engines.file_skipping import Where
from lakehouse.engines.local_lake import LocalLake
from lakehouse.engines.snapshot import in_words
from lakehouse.table import Table

ERASE = "ERASE"
"""The name that a table's history has for such a commit."""


class ErasingLake(LocalLake):
    """A lake in a folder whose rows can be taken out for good."""

    def rewrite(
        self,
        table: Table,
        columns: Sequence[str],
        concerned: Callable[[pa.Table], pa.Array],
        change: Callable[[pa.Table, pa.Array], pa.Table],
        *,
        within: Where | None = None,
        noting: Sequence[Action] = (),
    ) -> None:
        """Writes those files again of whose rows some are ``concerned``, by ``columns``, as ``change`` makes them.

        It is one commit, and none where no row is concerned. As of a compaction, streams read nothing of it, and
        there is no change feed: that would keep what was taken out. Who depends on the rows has to be told.
        """
        with self.writing(table), in_words(f"{table.name} cannot be written"):
            schema, folder = self.schema(table), self.folder(table)
            few = pa.schema([schema.field(name) for name in columns])
            for version in self._attempts(table):
                old, new = list[StoredFile](), list[StoredFile]()
                for file in self._files(table, within or {}):
                    found = concerned(read_file(folder / file.path, few))
                    if pc.any(found).as_py():
                        old.append(file)
                        rows = change(read_file(folder / file.path, schema), found)
                        new += self._write(table, rows) if rows.num_rows else []
                actions = [*noting, *(remove(one, is_change=False) for one in old)]
                actions += [add(one, is_change=False) for one in new]
                metrics = {"numAddedFiles": len(new), "numRemovedFiles": len(old)}
                if not old or self._try_commit(table, version, ERASE, actions, metrics):
                    return

    def delete(
        self,
        table: Table,
        columns: Sequence[str],
        concerned: Callable[[pa.Table], pa.Array],
        *,
        within: Where | None = None,
        noting: Sequence[Action] = (),
    ) -> None:
        """Takes out the rows that are ``concerned``, by these columns.

        ``within`` is known to hold for all of them: other files are not opened. ``noting`` is said in the same commit.
        """

        def left(rows: pa.Table, found: pa.Array) -> pa.Table:
            return rows.filter(pc.invert(found))

        self.rewrite(table, columns, concerned, left, within=within, noting=noting)

    def add_unnoticed(self, table: Table, rows: pa.Table) -> None:
        """Adds rows that no stream reads, for who has told already those who depend on them; as of a compaction."""
        with self.writing(table), in_words(f"{table.name} cannot be written"):
            new = self._write(table, self._conform(table, rows))
            for version in self._attempts(table):
                actions = [add(one, is_change=False) for one in new]
                if self._try_commit(table, version, ERASE, actions, {"numAddedFiles": len(new)}):
                    return

    def rows_where(self, table: Table, columns: Sequence[str], concerned: Callable[[pa.Table], pa.Array]) -> pa.Table:
        """The rows that are ``concerned``, by these columns; file by file, however many rows there are."""
        schema = self.schema(table)
        few = pa.schema([schema.field(name) for name in columns])
        parts = [schema.empty_table()]
        folder = self.folder(table)
        with in_words(f"{table.name} cannot be read"):
            for file in self._files(table, {}):
                found = concerned(read_file(folder / file.path, few))
                if pc.any(found).as_py():
                    parts.append(read_file(folder / file.path, schema).filter(found))
        return pa.concat_tables(parts)
