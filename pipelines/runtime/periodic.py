"""Do work of a job again and again beside its streams, one piece at a time; a failure is a sentence."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pyspark import InheritableThread

from lakehouse.errors import UsageError
from pipelines.runtime.console import describe_error
from pipelines.runtime.job import Job

_GROUP = "periodic"

_END_SECONDS = 4.0
"""How long work in progress has to end once it is cancelled."""

_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


def duration_seconds(text: str) -> float:
    """A duration as a person writes it, as in 90s, 30min, 6h and 1d, in seconds.

    Raises UsageError for anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)", text.strip())
    if not found or not float(found[1]) > 0:
        raise UsageError(f"{text!r} is no duration.", "Write it as 90s, 30min, 6h or 1d.")
    return float(found[1]) * _UNITS[found[2]]


@dataclass
class Periodic:
    """Work that is due every so many seconds, the first time after as many.

    It says in a sentence what it did, and nothing where it did nothing.
    """

    name: str
    every_seconds: float
    work: Callable[[], str]
    due: float = field(init=False)

    def __post_init__(self) -> None:
        self.due = time.monotonic() + self.every_seconds


class Tasks:
    """Periodic work in a thread of its own, one piece at a time: two at once would not fit into the memory."""

    def __init__(self, job: Job, tasks: Sequence[Periodic], say: Callable[[str], object]) -> None:
        self._job = job
        self._tasks = list(tasks)
        self._say = say
        self._ending = False
        self._thread = InheritableThread(target=self._run, session=job.spark, daemon=True)

    def start(self) -> None:
        """Starts the thread, if there is any work."""
        if self._tasks:
            self._thread.start()

    @property
    def is_at_work(self) -> bool:
        """Whether something is still being done."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Cancels what is being done, and gives it a few seconds to end."""
        self._ending = True
        if self._thread.is_alive():
            with suppress(Exception):  # Java may be gone
                self._job.spark.sparkContext.cancelJobGroup(_GROUP)
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        context = self._job.spark.sparkContext
        # Of a share of its own, so that the streams' small queries need not wait for it.
        context.setLocalProperty("spark.scheduler.pool", _GROUP)
        context.setJobGroup(_GROUP, "periodic work", interruptOnCancel=True)
        while not self._ending:
            for task in self._tasks:
                if not self._ending and time.monotonic() >= task.due:
                    self._do(task)
                    task.due = time.monotonic() + task.every_seconds
            time.sleep(0.1)

    def _do(self, task: Periodic) -> None:
        try:
            said = task.work()
        except Exception as error:
            if self._ending:
                return
            logging.getLogger(__name__).warning("%s failed.", task.name, exc_info=True)
            said = f"failed, the streams go on. {describe_error(error)}"
        if said:
            self._say(f"{task.name}: {said}")
