"""Read and bind a stream's checkpoint: refuse one that is lost, damaged, or belongs to something else.

Spark keeps in a checkpoint which offsets a micro-batch reads (``offsets``), which micro-batches are complete
(``commits``), and the query's id (``metadata``). Beside them ``stream.json`` says which source and table the
checkpoint belongs to, ``resume.json`` from where a stream without a micro-batch starts, and ``written.json`` up to
which version the stream has seen its tables. ``recovering.json`` is there while a recovery is under way.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.atomic_files import write_json
from lakehouse.delta_log import newest_version, reaches_back
from lakehouse.errors import CheckpointError

if TYPE_CHECKING:
    from lakehouse.streams import Stream

_WRITTEN, _RECOVERING = "written.json", "recovering.json"


def check_checkpoint(stream: Stream) -> None:
    """Raises CheckpointError where the stream's checkpoint is lost, damaged, or does not fit its source and tables."""
    binding, own = _binding(stream)
    _check_recovered(stream)
    if problem := files_problem(stream.name, stream.checkpoint):
        raise CheckpointError(problem)
    if not has_planned_batch(stream.checkpoint):
        if stream.target_has_rows() and resumes_at(stream.checkpoint) is None:
            raise CheckpointError(f"The checkpoint of {stream.name} is lost ({stream.checkpoint}).")
        _check_versions(stream)
        return
    # Without its metadata Spark would give the stream a new id, by which no batch is known to be written already.
    _read_json(stream.name, binding.with_name("metadata"))
    stored = _read_json(stream.name, binding)
    for name, owner in (
        ("stream", "to another stream"),
        ("target_id", "to a table that was deleted: the present one was created later"),
        ("source_id", "to a source that was deleted: the present one was created later"),
    ):
        if stored.get(name) != own[name]:
            raise CheckpointError(f"The checkpoint of {stream.name} ({stream.checkpoint}) belongs {owner}.")
    _check_versions(stream)


def check_tables(stream: Stream) -> None:
    """Raises CheckpointError where the stream's recovery was interrupted, or its tables are older than it saw them.

    Whoever gives it another checkpoint asks before: what the old one knows would be forgotten.
    """
    _check_recovered(stream)
    _check_versions(stream)


def _check_recovered(stream: Stream) -> None:
    if is_recovering(stream.checkpoint):
        raise CheckpointError(f"The recovery of {stream.name} was interrupted.")


def _check_versions(stream: Stream) -> None:
    if problem := versions_problem(stream.name, stream.checkpoint, stream.written, stream.reads):
        raise CheckpointError(problem)


def prepare_checkpoint(stream: Stream) -> None:
    """Checks a stream's checkpoint, and binds it where no micro-batch was planned yet."""
    check_checkpoint(stream)
    if not has_planned_batch(stream.checkpoint):
        # A driver that died before it planned its first batch leaves folders: Spark would not start over them.
        for path in stream.checkpoint.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
        bind_checkpoint(stream)
    for path in stream.checkpoint.glob("*/.*.crc"):
        # The checksum of a file that was deleted would keep Spark from writing that file again.
        if not path.with_name(path.name.removeprefix(".").removesuffix(".crc")).exists():
            path.unlink()


def bind_checkpoint(stream: Stream) -> None:
    """Writes down that a stream's checkpoint belongs to the present source and table."""
    write_json(*_binding(stream))


def versions_problem(stream: str, checkpoint: Path, written: Mapping[str, Path], reads: Mapping[str, Path]) -> str:
    """Why a stream cannot go on with the present versions of its tables, in a sentence; empty where it can.

    A table that it has written must not be older than it was seen; nor one that it reads, older than what was read
    of it. And the log must still have what Spark asks for: at each start its last completed micro-batch again.

    Raises CheckpointError where the checkpoint cannot be read.
    """
    known = {
        **{
            table: (written[table], version)
            for table, version in _noted_versions(checkpoint).items()
            if table in written
        },
        **{
            table: (folder, position["reservoirVersion"] - (1 if position.get("index", -1) < 0 else 0))
            for (table, folder), position in zip(reads.items(), _planned_positions(checkpoint), strict=False)
        },
    }
    for table, (folder, version) in known.items():
        if (newest := newest_version(folder)) < version:
            now = f"is at version {newest}" if newest >= 0 else "has no commit"
            return (
                f"{table} {now}, but the stream {stream} has seen version {version}: "
                "its newest commits are lost, or an older copy was put back."
            )
    for (table, folder), needed in zip(reads.items(), oldest_needed(checkpoint), strict=False):
        if not reaches_back(folder, needed):
            return f"The log of {table} was cleaned away: the stream {stream} needs it from version {needed} on."
    return ""


def files_problem(stream: str, checkpoint: Path) -> str:
    """Why Spark could not go on from the files of a checkpoint, in a sentence; empty where each of them is whole.

    Spark asks for the newest offsets, those before, and those of the newest commit. Looked at are all that it keeps: as
    lines, and by the checksums that Spark writes beside its files, so that a byte that was changed is seen as well.
    """
    planned, completed = (_batch_numbers(checkpoint / kind) for kind in ("offsets", "commits"))
    newest = max(planned, default=0)
    for number in {*([newest - 1] if newest else ()), *([max(completed)] if completed else ())} - {*planned}:
        return f"The checkpoint of {stream} is damaged: {checkpoint / 'offsets' / str(number)} is missing."
    for kind, fewest, numbers in (("offsets", 3, planned), ("commits", 2, completed)):
        for number in sorted(numbers):
            path = checkpoint / kind / str(number)
            with suppress(FileNotFoundError):  # a stream that runs has just let go of it
                if flaw := _flaw(path, fewest):
                    return f"The checkpoint of {stream} is damaged: {path} {flaw}."
    return ""


def _flaw(path: Path, fewest: int) -> str:
    """What is wrong with a file of a checkpoint's log: a version, and lines of JSON."""
    content = path.read_bytes()
    try:
        _, *lines = content.decode().splitlines() or [""]
        for line in lines:
            if line != "-":  # a source without an offset
                json.loads(line)
    except ValueError:
        return "cannot be read"
    if 1 + len(lines) < fewest:
        return "is cut short" if content else "is empty"
    return "" if _fits_checksum(path, content) else "is not what Spark wrote: it does not fit its checksum"


def _fits_checksum(path: Path, content: bytes) -> bool:
    """Whether a file fits Hadoop's checksum of it, if there is one, which has each block's CRC-32.

    A file of checksums without its head is passed over, as Hadoop does.
    """
    try:
        sums = path.with_name(f".{path.name}.crc").read_bytes()
    except FileNotFoundError:
        return True
    size = int.from_bytes(sums[4:8], "big")
    if not sums.startswith(b"crc\0") or not size:
        return True
    blocks = (content[start : start + size] for start in range(0, len(content), size))
    return sums[8:] == b"".join(zlib.crc32(block).to_bytes(4, "big") for block in blocks)


def note_versions(stream: Stream) -> None:
    """Notes in a stream's checkpoint at which version the tables are that it writes."""
    if not stream.written:
        return
    noted = _noted_versions(stream.checkpoint)
    versions = {table: newest_version(folder, noted.get(table, -1)) for table, folder in stream.written.items()}
    if versions != noted:
        write_json(stream.checkpoint / _WRITTEN, versions)


def mark_recovering(checkpoint: Path) -> None:
    """Keeps a stream from starting until its recovery has replaced the checkpoint."""
    write_json(checkpoint / _RECOVERING, {})


def is_recovering(checkpoint: Path) -> bool:
    """Whether a recovery of the stream was begun, and not ended."""
    return (checkpoint / _RECOVERING).exists()


def oldest_needed(checkpoint: Path) -> list[int]:
    """The oldest version that a stream's start needs of each table that it reads; none before its first batch.

    Spark asks for its last completed micro-batch again: from where the one before it ended.
    """
    completed = completed_batches(checkpoint)
    if not completed:
        return []
    before = completed[-1] - 1
    if before >= 0 and (checkpoint / "offsets" / str(before)).exists():
        return [_version_of(position) for position in _positions(checkpoint, before)]
    # The first one began with what the table held, so it needs the version before its end.
    return [max(_version_of(position) - 1, 0) for position in _positions(checkpoint, completed[-1])]


def resume_from(checkpoint: Path, start: str) -> None:
    """Lets a stream whose checkpoint has no batch yet start from ``start``, in the terms of its source."""
    write_json(checkpoint / "resume.json", {"start": start})


def resumes_at(checkpoint: Path) -> str | None:
    """Where ``resume_from`` lets a stream start; None where it was not called.

    Raises CheckpointError where that cannot be read.
    """
    path = checkpoint / "resume.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["start"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"The checkpoint {checkpoint} is damaged: {path} cannot be read.") from error


def has_planned_batch(checkpoint: Path) -> bool:
    """Whether a stream has planned a micro-batch already."""
    return bool(_batch_numbers(checkpoint / "offsets"))


def completed_batches(checkpoint: Path) -> list[int]:
    """The numbers of the micro-batches that a stream completed, as far back as its checkpoint keeps them."""
    return sorted(_batch_numbers(checkpoint / "commits"))


def committed_offsets(checkpoint: Path) -> list[dict[str, Any]] | None:
    """The end offsets of the newest completed micro-batch, one for each source; None before the first.

    Raises CheckpointError where the checkpoint cannot be read.
    """
    completed = completed_batches(checkpoint)
    return _positions(checkpoint, completed[-1]) if completed else None


def planned_records(checkpoint: Path, batch: int) -> int | None:
    """How many records at most a micro-batch of a stream from Kafka reads, by its offsets; None where they do not say.

    The offsets of a transaction's end are counted, too. The stream's first micro-batch does not say where it begins.
    """
    try:
        (before,), (end,) = (_positions(checkpoint, number) for number in (batch - 1, batch))
        return sum(
            int(last) - int(before.get(topic, {}).get(partition, 0))
            for topic, partitions in end.items()
            for partition, last in partitions.items()
        )
    except (CheckpointError, ValueError, AttributeError, TypeError):
        return None


def _positions(checkpoint: Path, batch: int) -> list[dict[str, Any]]:
    path = checkpoint / "offsets" / str(batch)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines[2:]]
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The checkpoint {checkpoint} is damaged: {path} cannot be read.") from error


def _planned_positions(checkpoint: Path) -> list[dict[str, Any]]:
    """Where the newest planned micro-batch ends, in those sources that are tables; none before the first."""
    planned = _batch_numbers(checkpoint / "offsets")
    found = _positions(checkpoint, max(planned)) if planned else []
    return found if all(isinstance(one, dict) and "reservoirVersion" in one for one in found) else []


def _version_of(position: Mapping[str, Any]) -> int:
    return int(position.get("reservoirVersion", 0))


def _noted_versions(checkpoint: Path) -> dict[str, int]:
    path = checkpoint / _WRITTEN
    try:
        return {str(table): int(version) for table, version in json.loads(path.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CheckpointError(f"The checkpoint {checkpoint} is damaged: {path} cannot be read.") from error


def checkpoint_query_id(checkpoint: Path) -> str:
    """The query id that Spark keeps in a checkpoint; empty before it has one."""
    try:
        return str(json.loads((checkpoint / "metadata").read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError):
        return ""


def bound_source(checkpoint: Path) -> str:
    """The id of the source that a checkpoint belongs to; empty where it does not say."""
    try:
        return str(json.loads((checkpoint / "stream.json").read_text(encoding="utf-8"))["source_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def batch_times(checkpoint: Path, batch: int) -> tuple[float, float]:
    """When a completed micro-batch began and ended, in seconds since 1970, by the checkpoint's files.

    Raises OSError, ValueError or KeyError where they cannot be read.
    """
    began = json.loads((checkpoint / "offsets" / str(batch)).read_text(encoding="utf-8").splitlines()[1])
    return began["batchTimestampMs"] / 1_000, (checkpoint / "commits" / str(batch)).stat().st_mtime


def _binding(stream: Stream) -> tuple[Path, dict[str, str]]:
    """The file that says what a checkpoint belongs to, and its content."""
    own = {"stream": stream.name, "source_id": stream.source_id, "target_id": stream.target_id}
    return stream.checkpoint / "stream.json", own


def _read_json(stream: str, path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"The checkpoint of {stream} is damaged: {path} cannot be read.") from error


def _batch_numbers(folder: Path) -> list[int]:
    """The numbers of the micro-batches that a folder of a checkpoint has files for."""
    return [int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()]
