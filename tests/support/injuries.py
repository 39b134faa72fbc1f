"""Injuries of a table's folder, as a crash, a disk or a restore does them; each by its name."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from urllib.parse import unquote

from deltalake import DeltaTable

Injury = Callable[[Path, Random], None]


def commits(folder: Path) -> list[Path]:
    """The commits of a table, oldest first."""
    return sorted(path for path in (folder / "_delta_log").iterdir() if re.fullmatch(r"\d{20}\.json", path.name))


def data_files(folder: Path) -> list[Path]:
    """The data files of a table's newest version."""
    names = DeltaTable(folder).get_add_actions()["path"].to_pylist()
    return [folder / unquote(name) for name in sorted(names)]


def _overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)


def empty_newest_commit(folder: Path, _: Random) -> None:
    """A rename that reached the disk before the data did."""
    _overwrite(commits(folder)[-1], b"")


def cut_newest_commit(folder: Path, random: Random) -> None:
    """The same, with a part of the data."""
    newest = commits(folder)[-1]
    content = newest.read_bytes()
    _overwrite(newest, content[: random.randrange(1, len(content) - 2)])


def empty_older_commit(folder: Path, random: Random) -> None:
    """A file that a disk has lost the content of."""
    _overwrite(random.choice(commits(folder)[1:]), b"")


def delete_older_commit(folder: Path, random: Random) -> None:
    """A file that a disk has lost, amid the others."""
    lost = random.choice(commits(folder)[1:-1])
    lost.unlink()
    lost.with_name(f".{lost.name}.crc").unlink(missing_ok=True)


def delete_data_file(folder: Path, random: Random) -> None:
    """A data file is gone."""
    lost = random.choice(data_files(folder))
    lost.unlink()
    lost.with_name(f".{lost.name}.crc").unlink(missing_ok=True)


def make_checkpoint(folder: Path) -> Path:
    """A checkpoint of a table's newest version."""
    DeltaTable(folder).create_checkpoint()
    newest = commits(folder)[-1]
    (made,) = newest.parent.glob(f"{newest.stem}.checkpoint*.parquet")
    return made


def delete_checkpoint(folder: Path, _: Random) -> None:
    """A checkpoint is gone, and the log names it still."""
    make_checkpoint(folder).unlink()


def cut_checkpoint(folder: Path, _: Random) -> None:
    """A checkpoint is cut short."""
    made = make_checkpoint(folder)
    _overwrite(made, made.read_bytes()[:-100])


def delete_only_checkpoint(folder: Path, _: Random) -> None:
    """The checkpoint that has what older commits said is gone, and so are these: no one knows the table's files."""
    made = make_checkpoint(folder)
    for path in commits(folder)[:-1]:
        path.unlink()
    made.unlink()


def clean_log(folder: Path, _: Random) -> None:
    """A clean-up that overtakes whoever reads the table's changes."""
    make_checkpoint(folder)
    for path in commits(folder)[:-1]:
        path.unlink()
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)


def put_back(older: Path) -> Injury:
    """An older copy of the folder put back."""

    def injure(folder: Path, _: Random) -> None:
        shutil.rmtree(folder)
        shutil.copytree(older, folder)

    return injure


LOG_AND_FILES: dict[str, Injury] = {
    "newest commit emptied": empty_newest_commit,
    "newest commit cut short": cut_newest_commit,
    "older commit emptied": empty_older_commit,
    "older commit deleted": delete_older_commit,
    "data file deleted": delete_data_file,
    "checkpoint deleted": delete_checkpoint,
    "checkpoint cut short": cut_checkpoint,
    "only checkpoint deleted": delete_only_checkpoint,
}
"""The injuries that a table's own files tell of."""


def batches(checkpoint: Path, kind: str) -> list[Path]:
    """The files of a stream's checkpoint for its micro-batches, oldest first."""
    return sorted(
        (path for path in (checkpoint / kind).iterdir() if path.name.isdigit()), key=lambda one: int(one.name)
    )


def empty_offsets(checkpoint: Path, _: Random) -> None:
    """What the newest micro-batch reads: a rename that reached the disk before the data did."""
    batches(checkpoint, "offsets")[-1].write_bytes(b"")


def cut_offsets(checkpoint: Path, random: Random) -> None:
    """A part of it, of one of the two micro-batches that Spark asks for."""
    found = random.choice(batches(checkpoint, "offsets")[-2:])
    content = found.read_bytes()
    _overwrite(found, content[: random.randrange(1, len(content) - 2)])


def delete_offsets(checkpoint: Path, _: Random) -> None:
    """The newest ones are gone, and their micro-batch is noted as complete."""
    lost = batches(checkpoint, "offsets")[-1]
    lost.unlink()
    lost.with_name(f".{lost.name}.crc").unlink(missing_ok=True)


def empty_completion(checkpoint: Path, _: Random) -> None:
    """The note that a micro-batch is complete has no content."""
    batches(checkpoint, "commits")[-1].write_bytes(b"")


def change_offsets(checkpoint: Path, random: Random) -> None:
    """One bit of the newest ones is another one: a file that may still be JSON."""
    newest = batches(checkpoint, "offsets")[-1]
    content = bytearray(newest.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    newest.write_bytes(content)


OF_A_STREAM: dict[str, Injury] = {
    "offsets emptied": empty_offsets,
    "offsets cut short": cut_offsets,
    "offsets deleted": delete_offsets,
    "completion emptied": empty_completion,
    "offsets changed": change_offsets,
}
"""The injuries of a stream's checkpoint."""


def files(folder: Path) -> Iterator[Path]:
    """All files of a folder."""
    for base, _, names in os.walk(folder):
        yield from (Path(base) / name for name in names)
