"""Locks that survive nothing but their process: one writer for each stream and each table.

Delta's log store for local files is not safe for several processes, so whoever writes a table
holds its lock meanwhile. On an object store the store's own conditional writes do that, and the
locks only keep two drivers of one machine apart.

A driver is two processes, Python and the Java that does the writing, and either can be killed
while the other lives on. So both hold each lock, and it is free once both are gone.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from lakehouse.errors import OutsideError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DYING_SECONDS = 30.0
"""How long the Java of a driver that was killed may take to end."""

_LOOK_SECONDS = 0.05


class _Here:
    """Who holds a lock among this process's threads, and whether the process has the file's."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.held = False


_here: dict[Path, _Here] = {}
_guard = Lock()


def _java_holds(held: ExitStack, path: Path, spark: SparkSession, seconds: float = math.inf) -> bool:
    """Has the Java of a session hold the lock too, until ``held`` ends; False if another had it for so long."""
    java: Any = spark._jvm  # noqa: SLF001
    # A file of its own: on some systems the two kinds of locks see each other.
    file = java.java.io.RandomAccessFile(f"{path}.java", "rw")
    held.callback(file.close)
    channel, end = file.getChannel(), time.monotonic() + seconds
    while channel.tryLock() is None:
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


@contextmanager
def exclusive(folder: Path, name: str, spark: SparkSession | None = None) -> Iterator[None]:
    """Waits until no other thread and no other process holds ``name``, and holds it.

    The thread that holds it may take it again. With ``spark``, its Java holds it too.
    """
    path = folder / f"{name}.lock"
    with _guard:
        mine = _here.setdefault(path, _Here())
    with mine.lock:
        if mine.held:
            yield
            return
        with ExitStack() as held:
            descriptor = _open(path)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if spark is not None:
                _java_holds(held, path, spark)
            mine.held = True
            held.callback(setattr, mine, "held", False)
            yield


class WriterLock:
    """A lock held for the life of a job.

    With ``spark``, its Java holds it too; the Java of a driver that was killed may still be at
    work, and is given some seconds to end. Raises OutsideError where another process holds the
    lock, and says which one.
    """

    def __init__(self, folder: Path, name: str, spark: SparkSession | None = None) -> None:
        path = folder / f"{name}.lock"
        with ExitStack() as held:
            descriptor = _open(path)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _taken(name, f"Another process{_holder(descriptor)}") from error
            if spark is not None and not _java_holds(held, path, spark, DYING_SECONDS):
                raise _taken(name, f"The Java of a driver that is gone{_holder(descriptor)}")
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid()}).encode(), 0)
            self._held = held.pop_all()

    def release(self) -> None:
        """Lets the next writer in."""
        self._held.close()


def _taken(name: str, who: str) -> OutsideError:
    return OutsideError(
        f"{who} is writing {name} already.", "Let it finish or stop it; two drivers never write the same stream."
    )


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _holder(descriptor: int) -> str:
    try:
        return f" (pid {json.loads(os.pread(descriptor, 200, 0))['pid']})"
    except (ValueError, KeyError):
        return ""
