"""Locks that survive nothing but their process: one writer for each stream and each table.

Delta's log store for local files is not safe for several processes, so whoever writes a table
holds its lock meanwhile. On an object store the store's own conditional writes do that, and the
locks only keep two drivers of one machine apart.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock

from lakehouse.errors import OutsideError


class _Here:
    """Who holds a lock among this process's threads, and whether the process has the file's."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.held = False


_here: dict[Path, _Here] = {}
_guard = Lock()


@contextmanager
def exclusive(folder: Path, name: str) -> Iterator[None]:
    """Waits until no other thread and no other process holds ``name``, and holds it.

    The thread that holds it may take it again.
    """
    path = folder / f"{name}.lock"
    with _guard:
        mine = _here.setdefault(path, _Here())
    with mine.lock:
        if mine.held:
            yield
            return
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            mine.held = True
            yield
        finally:
            mine.held = False
            os.close(descriptor)


class OneWriter:
    """A lock held for the life of a job.

    Raises OutsideError at once where another process holds it, and says which one.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._descriptor = _open(folder / f"{name}.lock")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(self._descriptor)
            os.close(self._descriptor)
            raise OutsideError(
                f"Another process{holder} is writing {name} already.",
                "Let it finish or stop it; two drivers never write the same stream.",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps({"pid": os.getpid()}).encode(), 0)

    def release(self) -> None:
        """Lets the next writer in."""
        os.close(self._descriptor)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _holder(descriptor: int) -> str:
    try:
        return f" (pid {json.loads(os.pread(descriptor, 200, 0))['pid']})"
    except (ValueError, KeyError):
        return ""
