"""Read from a table's log which rows were appended after a version, for whoever hands them on; starts no Spark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from lakehouse.engines.data_files import read_file


def appended_rows(folder: Path, schema: pa.Schema, columns: Sequence[str], versions: range) -> Iterator[pa.Table]:
    """The rows that each of the versions appended, commit by commit; ``schema`` is that of the table.

    What rewrites rows, such as a compaction or a deletion, appends none.

    Raises FileNotFoundError where a clean-up took away a commit, or a file that one of them appended.
    """
    wanted = pa.schema([schema.field(name) for name in columns])
    for version in versions:
        commit = (folder / "_delta_log" / f"{version:020d}.json").read_bytes()
        actions = [json.loads(line) for line in commit.splitlines() if line.strip()]
        removes = any(action["remove"].get("dataChange", True) for action in actions if "remove" in action)
        added = [action["add"] for action in actions if "add" in action and not removes]
        files = [folder / unquote(one["path"]) for one in added if one.get("dataChange", True)]
        yield pa.concat_tables([read_file(file, wanted) for file in files]) if files else wanted.empty_table()
