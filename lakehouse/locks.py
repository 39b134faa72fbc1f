"""Lock streams and tables for one writer; a lock ends with its process.

Delta's log store for local files is not safe for several processes, so a writer of a table holds
its lock meanwhile. In S3 the store's conditional writes do that. There the locks only
keep two drivers of one machine apart.

A driver is two processes, Python and the Java that writes, and either can be killed while the other
lives on. So both hold each lock, and it is free once both have ended.
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

_POLL_SECONDS = 0.05

_LOOKING_SECONDS = 0.5
"""Far longer than ``is_locked`` holds a lock to look at it."""


class _ProcessLock:
    """Which thread of this process holds a lock, and whether the process and its Java hold the files'."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.held = False
        self.java_holds = False


_process_locks: dict[Path, _ProcessLock] = {}
_guard = Lock()


def _java_holds(held: ExitStack, path: Path, spark: SparkSession, seconds: float = math.inf) -> bool:
    """Lets the session's Java hold the lock too, until ``held`` ends; False where another held it for so long."""
    java: Any = spark._jvm  # noqa: SLF001
    # A file of its own: on some systems the two kinds of locks see each other.
    file = java.java.io.RandomAccessFile(f"{path}.java", "rw")
    held.callback(file.close)
    channel, end = file.getChannel(), time.monotonic() + seconds
    while channel.tryLock() is None:
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_SECONDS)
    return True


@contextmanager
def exclusive(folder: Path, name: str, spark: SparkSession | None = None) -> Iterator[None]:
    """Waits until no other thread and no other process holds the lock ``name``, and holds it.

    It is reentrant: the thread that holds it may take it again. With ``spark``, its Java holds it too; without,
    the Java of a killed driver that holds it still is waited for.
    """
    path = folder / f"{name}.lock"
    with _guard:
        mine = _process_locks.setdefault(path, _ProcessLock())
    with mine.lock, ExitStack() as held:
        if not mine.held:
            descriptor = _open(path)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            mine.held = True
            held.callback(setattr, mine, "held", False)
            if spark is None:
                _wait_for_java(path)
        if spark is not None and not mine.java_holds:
            _java_holds(held, path, spark)
            mine.java_holds = True
            held.callback(setattr, mine, "java_holds", False)
        yield


def _wait_for_java(path: Path) -> None:
    """Waits until no Java holds the lock; none takes it while this process has the file's."""
    try:
        descriptor = os.open(f"{path}.java", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)  # the kind of lock that Java takes
    finally:
        os.close(descriptor)


class WriterLock:
    """A lock for the life of a job.

    With ``spark``, its Java holds it too. The Java of a killed driver may still be at work; it gets
    DYING_SECONDS to end. Raises OutsideError, which names the process, where another one holds the lock.
    """

    def __init__(self, folder: Path, name: str, spark: SparkSession | None = None) -> None:
        path = folder / f"{name}.lock"
        with ExitStack() as held:
            descriptor = _open(path)
            held.callback(os.close, descriptor)
            if not _flock(descriptor, _LOOKING_SECONDS):
                raise _taken(name, f"Another process{_holder(descriptor)}")
            if spark is not None and not _java_holds(held, path, spark, DYING_SECONDS):
                raise _taken(name, f"The Java of a driver that was killed{_holder(descriptor)}")
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid()}).encode(), 0)
            self._held = held.pop_all()

    def release(self) -> None:
        """Releases the lock."""
        self._held.close()


def is_locked(folder: Path, name: str) -> bool:
    """Whether a WriterLock of this name is held, by this process or another; looking keeps nobody from taking it."""
    try:
        descriptor = os.open(folder / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _flock(descriptor: int, seconds: float) -> bool:
    """Takes the lock of a file for itself; False where another holds it for so long."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


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
