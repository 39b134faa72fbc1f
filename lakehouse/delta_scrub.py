"""Take values out of a Delta table's log, which has the least and the greatest one of each column of a file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SHORTENED = 31
"""Writers cut texts to 32 characters or more, and replace the last one in a greatest value."""


def scrub_log(folder: Path, texts: Collection[str]) -> int:
    """Takes these texts out of the statistics of a table's log; gives how many of its files had one.

    What the log says of files and versions stays the same, and so does each file's time, which is its version's. The
    caller holds the table's lock. It is safe to repeat.
    """
    log, count = folder / "_delta_log", 0
    for path in sorted(log.iterdir()) if log.is_dir() else ():
        if path.name.endswith(".checkpoint.parquet"):
            count += _scrub_checkpoint(path, texts)
        elif path.suffix == ".json":
            count += _scrub_commit(path, texts)
        elif path.suffix == ".crc" and not path.name.startswith(".") and _has(path.read_bytes(), texts):
            # Spark's sum of a version, which it does without.
            path.unlink()
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
            count += 1
    return count


def is_text(value: object, texts: Collection[str]) -> bool:
    """Whether a statistic is one of the texts, whole or cut short."""
    if not isinstance(value, str):
        return False
    if value in texts:
        return True
    return len(value) > SHORTENED and any(text.startswith(value[:SHORTENED]) for text in texts)


def _has(content: bytes, texts: Collection[str]) -> bool:
    spelled = (json.dumps(text[:SHORTENED], ensure_ascii=one)[1:-1] for text in texts for one in (True, False))
    # In a commit the statistics are a text within the text.
    return any(one.encode() in content or json.dumps(one)[1:-1].encode() in content for one in spelled)


def _scrub_commit(path: Path, texts: Collection[str]) -> int:
    content = path.read_bytes()
    if not _has(content, texts):
        return 0
    lines = [_scrubbed_line(line, texts) for line in content.splitlines()]
    return _replace(path, content, b"\n".join(lines) + b"\n")


def _scrubbed_line(line: bytes, texts: Collection[str]) -> bytes:
    if not _has(line, texts):
        return line
    action = json.loads(line)
    for name in ("add", "remove"):
        if (found := action.get(name)) and found.get("stats"):
            found["stats"] = scrubbed(found["stats"], texts)
    return json.dumps(action, ensure_ascii=False, separators=(",", ":")).encode()


def scrubbed(stats: str, texts: Collection[str]) -> str:
    """A file's statistics without those that are one of the texts."""
    found = json.loads(stats)
    for name in ("minValues", "maxValues"):
        if isinstance(found.get(name), dict):
            found[name] = _without(found[name], lambda value: is_text(value, texts))
    return json.dumps(found, ensure_ascii=False)


def _without(values: dict[str, Any], gone: Callable[[object], bool]) -> dict[str, Any]:
    kept = {name: _without(value, gone) if isinstance(value, dict) else value for name, value in values.items()}
    return {name: value for name, value in kept.items() if not gone(value)}


def _scrub_checkpoint(path: Path, texts: Collection[str]) -> int:
    rows = pq.read_table(path)
    if "add" not in rows.column_names or "stats" not in (names := [one.name for one in rows.schema.field("add").type]):
        return 0
    adds = rows["add"].combine_chunks()
    adds = adds.chunk(0) if isinstance(adds, pa.ChunkedArray) else adds
    stats = adds.field("stats").to_pylist()
    new = [scrubbed(one, texts) if one and _has(one.encode(), texts) else one for one in stats]
    # Spark may keep them as columns, too; what is not in them it reads in the text.
    parsed = "stats_parsed" in names
    if new == stats and not parsed:
        return 0
    fields = [field for field in adds.type if field.name != "stats_parsed"]
    arrays = [pa.array(new, one.type) if one.name == "stats" else adds.field(one.name) for one in fields]
    made = pa.StructArray.from_arrays(arrays, fields=fields, mask=adds.is_null())
    place = rows.column_names.index("add")
    rows = rows.set_column(place, pa.field("add", made.type), made)
    written = path.with_name(f".{path.name}.new")
    pq.write_table(rows, written, compression="snappy", store_schema=False)
    return _put(path, written)


def _replace(path: Path, before: bytes, after: bytes) -> int:
    if before == after:
        return 0
    written = path.with_name(f".{path.name}.new")
    written.write_bytes(after)
    return _put(path, written)


def _put(path: Path, written: Path) -> int:
    """Gives a file its new content, and its old time; Spark's checksum of the old one goes."""
    found = path.stat()
    os.utime(written, ns=(found.st_atime_ns, found.st_mtime_ns))
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
    return 1
