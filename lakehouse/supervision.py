"""Keep streams running side by side: one that fails starts again after a pause, and the others go on meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any

from lakehouse.errors import LakehouseError, OutsideError
from lakehouse.locks import WriterLock
from lakehouse.session import java_is_gone
from lakehouse.signals import Stop, stopping
from lakehouse.streams import Progress, RunningStream, Stream, StreamListener, await_batches
from lakehouse.table import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a stream that failed starts again: the first time, and after many failures in a row."""

RAN_WELL_SECONDS = 60.0
"""After so many seconds without a failure, the next pause is the first one again."""

POLL_SECONDS = 1.0
"""How often a stream is asked what it has done: each time, Python and Java both work for some milliseconds."""

IDLE_INTERVAL_SECONDS = 30.0
"""How often a stream does what no new row makes it do."""

_END_SECONDS = 5.0
"""How long a stream's thread has to end, beside the time of a micro-batch in flight."""


class State(StrEnum):
    """How a supervised stream is."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Supervised:
    """One stream to be kept running.

    ``make`` gives the stream, at each of its starts. ``tables`` are those that it reads and writes: where one is
    damaged, that explains a failure. ``on_idle`` is called every IDLE_INTERVAL_SECONDS while the stream runs, and
    ``on_end`` once its query is stopped.
    """

    name: str
    checkpoint: Path
    make: Callable[[], Stream]
    tables: Sequence[Table] = ()
    on_idle: Callable[[], object] = lambda: None
    on_end: Callable[[], object] = lambda: None


@dataclass
class Standing:
    """How a stream is, what all of its queries have done so far, and why it waits or stays stopped."""

    state: State = State.STARTING
    failures: int = 0
    error: LakehouseError | None = None
    _done: list[Progress] = field(default_factory=list, repr=False)

    @property
    def progress(self) -> Progress:
        """The micro-batches and rows of all of its queries."""
        return Progress(sum(one.batches for one in self._done), sum(one.rows for one in self._done))

    def begin(self, progress: Progress) -> None:
        """Counts a query more."""
        self._done = [self.progress, progress]


def supervise(
    spark: SparkSession,
    supervised: Sequence[Supervised],
    *,
    locks: Path,
    trigger_seconds: float,
    stop_seconds: float,
    explain: Callable[[Supervised, BaseException], LakehouseError],
    listener: StreamListener,
    say: Callable[[str], object],
    on_poll: Callable[[Mapping[str, Standing]], object],
    is_paused: Callable[[], bool] = lambda: False,
) -> dict[str, Standing]:
    """Keeps streams running until SIGTERM or SIGINT, until ``is_paused``, or until none is left that can go on.

    A stream that fails starts again after a pause, which grows with each failure in a row; ``say`` is told so in a
    line. Where the error ``needs_person``, it stays stopped, and the others go on. Each stream is locked by its name
    all the time. The listener and ``on_poll`` are never called at the same time.

    Raises OutsideError where another process runs one of the streams; what ended Java, as nothing goes on without.
    """
    with ExitStack() as resources, stopping() as stop:
        resources.enter_context(stop.polled_by_caller())
        for one in supervised:
            resources.callback(WriterLock(locks, one.name, spark).release)
        run = _Supervision(stop, listener, explain, say, trigger_seconds, stop_seconds)
        keepers = [_Keeper(one, run) for one in supervised]
        standings = {keeper.name: keeper.standing for keeper in keepers}
        threads = [_thread(spark, keeper.name, keeper.keep_running) for keeper in keepers]
        try:
            while not run.is_ending and not is_paused() and any(thread.is_alive() for thread in threads):
                with run.lock:
                    on_poll(standings)
                stop.wait(POLL_SECONDS)
        finally:
            run.end()
            deadline = time.monotonic() + stop_seconds + _END_SECONDS
            for thread in threads:
                thread.join(max(deadline - time.monotonic(), 0))
            if any(thread.is_alive() for thread in threads):
                resources.pop_all()  # it may still write: its lock ends with the process
            with run.lock:
                listener.on_finish(succeeded=False)
    if run.fatal is not None:
        raise run.fatal
    return standings


def _thread(spark: SparkSession, name: str, work: Callable[[], None]) -> Thread:
    """A thread at work; a daemon, as a process that is told to end does not wait for it."""
    from pyspark import InheritableThread

    def work_in_pool() -> None:
        # Where Spark shares its cores fairly, each stream has its own part.
        spark.sparkContext.setLocalProperty("spark.scheduler.pool", name)
        work()

    thread: Thread = InheritableThread(target=work_in_pool, session=spark, daemon=True)
    thread.start()
    return thread


class _Supervision:
    """What the threads of a supervision share."""

    def __init__(
        self,
        stop: Stop,
        listener: StreamListener,
        explain: Callable[[Supervised, BaseException], LakehouseError],
        say: Callable[[str], object],
        trigger_seconds: float,
        stop_seconds: float,
    ) -> None:
        self.lock = RLock()
        self.fatal: BaseException | None = None
        self.explain = explain
        self.say = say
        self.trigger_seconds = trigger_seconds
        self.stop_seconds = stop_seconds
        self._stop = stop
        self._listener = listener
        self._ending = False

    @property
    def is_ending(self) -> bool:
        """Whether it is time to stop."""
        return self._ending or self._stop.is_set() or self.fatal is not None

    def end(self) -> None:
        """Lets all threads end."""
        self._ending = True

    def wait(self, seconds: float) -> None:
        """Waits so long, or until it is time to stop."""
        end = time.monotonic() + seconds
        while not self.is_ending and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    @contextmanager
    def listening(self) -> Iterator[StreamListener]:
        """The listener, for one thread at a time."""
        with self.lock:
            yield self._listener


class _Keeper:
    """Keeps one stream running, in a thread of its own: a stream that waits for Kafka holds up no other."""

    def __init__(self, supervised: Supervised, run: _Supervision) -> None:
        self.name = supervised.name
        self.standing = Standing()
        self._supervised = supervised
        self._run = run
        self._pause = FIRST_PAUSE
        self._running_since = 0.0

    def keep_running(self) -> None:
        """Starts the stream again and again, until it is time to stop or it needs a person."""
        while not self._run.is_ending:
            self.standing.state = State.STARTING
            self._running_since = time.monotonic()
            try:
                self._run_query()
            except Exception as error:  # noqa: BLE001 - one stream's failure is none of the others'
                if self._run.is_ending:
                    return
                if java_is_gone(error):
                    self._run.fatal = error
                    return
                if not self._goes_on_after(error):
                    return

    def _goes_on_after(self, error: Exception) -> bool:
        described = self._run.explain(self._supervised, error)
        if java_is_gone(described):
            self._run.fatal = described
            return False
        self.standing.error = described
        self.standing.failures += 1
        with self._run.listening() as listener, suppress(Exception):
            listener.on_failure(self._placeholder(), described)
        if described.needs_person:
            self.standing.state = State.STOPPED
            self._run.say(f"{self.name} stays stopped, the other streams go on. {described}")
            return False
        if time.monotonic() - self._running_since >= RAN_WELL_SECONDS:
            self._pause = FIRST_PAUSE
        self.standing.state = State.WAITING
        self._run.say(f"{self.name} failed, and starts again in {self._pause:g} s. {described}")
        self._run.wait(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True

    def _run_query(self) -> None:
        stream = self._supervised.make()
        running = RunningStream(stream, lambda _, error: self._run.explain(self._supervised, error))
        self.standing.begin(running.progress)
        running.check()
        with self._run.listening() as listener:
            listener.on_start([stream])
        try:
            running.start(self._run.trigger_seconds)
            self._running_since = time.monotonic()
            self._poll(running)
            await_batches([running], self._run.stop_seconds)
            with self._run.listening() as listener:
                running.poll(listener)
        finally:
            running.stop()
            with suppress(Exception):  # the next start does what is left
                self._supervised.on_end()
            with suppress(Exception), self._run.listening() as listener:
                running.report(listener)

    def _poll(self, running: RunningStream) -> None:
        last_idle = time.monotonic()
        while not self._run.is_ending:
            with self._run.listening() as listener:
                running.poll(listener)
            if not running.is_active:
                raise OutsideError(f"The query of {self.name} has ended.", "It starts again by itself.")
            if self.standing.state is State.STARTING and running.has_triggered:
                self._runs(running.stream)
            if time.monotonic() - last_idle > IDLE_INTERVAL_SECONDS:
                self._supervised.on_idle()
                last_idle = time.monotonic()
            self._run.wait(POLL_SECONDS)

    def _runs(self, stream: Stream) -> None:
        self.standing.state = State.RUNNING
        with self._run.listening() as listener:
            listener.on_recovery(stream)
        if self.standing.error is not None:
            self.standing.error = None
            self._run.say(f"{self.name} runs again.")

    def _placeholder(self) -> Stream:
        """The stream for the listener, where it may not have been made."""
        return Stream(self.name, self._supervised.checkpoint, _no_query, "", "", lambda: False)


def _no_query() -> Any:
    raise NotImplementedError("The stream was not made.")
