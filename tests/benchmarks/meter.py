"""Measure seconds, CPU seconds and peak memory of this process and everything that it started, Java and Kafka too."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

INTERVAL = 0.1
"""Seconds between two looks at the processes. CPU time that one uses after the last look at it is not counted."""


@dataclass
class Measured:
    """One measured piece of work; ``events`` are what it was done for."""

    events: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    more: dict[str, float] = field(default_factory=dict)


@contextmanager
def measured(events: int = 0) -> Iterator[Measured]:
    """Measures the block. Memory is the sum of the processes' resident sets, so what two of them share counts twice."""
    result = Measured(events)
    watch = _Watch()
    began = time.monotonic()
    watch.start()
    try:
        yield result
    finally:
        result.seconds = time.monotonic() - began
        watch.stop()
        result.cpu_seconds, result.peak_bytes = watch.cpu_seconds, watch.peak_bytes


class _Watch:
    """Looks at the processes again and again, in a thread."""

    def __init__(self) -> None:
        self._root = psutil.Process(os.getpid())
        self._used: dict[psutil.Process, float] = {}
        self._before: dict[psutil.Process, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_bytes = 0

    def start(self) -> None:
        self._look()
        # A process that starts later counts from its start.
        self._before = dict(self._used)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    @property
    def cpu_seconds(self) -> float:
        return sum(used - self._before.get(process, 0.0) for process, used in self._used.items())

    def _run(self) -> None:
        while not self._done.wait(INTERVAL):
            self._look()

    def _look(self) -> None:
        held = 0
        for process in [self._root, *self._root.children(recursive=True)]:
            try:
                times, memory = process.cpu_times(), process.memory_info()
            except psutil.NoSuchProcess:
                continue
            self._used[process] = times.user + times.system
            held += memory.rss
        self.peak_bytes = max(self.peak_bytes, held)
