"""Read and bind a stream's checkpoint: refuse one that is lost, damaged, or belongs to something else.

Spark keeps in a checkpoint which offsets a micro-batch reads (``offsets``), which micro-batches are complete
(``commits``), and the query's id (``metadata``). Beside them ``stream.json`` says which source and table the
checkpoint belongs to, and ``resume.json`` from where a stream without a micro-batch starts.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.atomic_files import write_json
from lakehouse.errors import CheckpointError

if TYPE_CHECKING:
    from lakehouse.streams import Stream


def check_checkpoint(stream: Stream) -> None:
    """Raises CheckpointError where the stream's checkpoint is lost, damaged, or belongs to something else."""
    binding, own = _binding(stream)
    committed_offsets(stream.checkpoint)  # raises where it cannot be read
    if not has_planned_batch(stream.checkpoint):
        if completed_batches(stream.checkpoint):
            raise CheckpointError(f"The checkpoint of {stream.name} is damaged: {binding.parent} has no offsets.")
        if stream.target_has_rows() and resumes_at(stream.checkpoint) is None:
            raise CheckpointError(f"The checkpoint of {stream.name} is lost ({stream.checkpoint}).")
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
    if not completed:
        return None
    path = checkpoint / "offsets" / str(completed[-1])
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines[2:]]
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The checkpoint {checkpoint} is damaged: {path} cannot be read.") from error


def checkpoint_query_id(checkpoint: Path) -> str:
    """The query id that Spark keeps in a checkpoint; empty before it has one."""
    try:
        return str(json.loads((checkpoint / "metadata").read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError):
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
