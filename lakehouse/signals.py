"""Handle SIGTERM and SIGINT: a job that is asked to stop ends cleanly, once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from lakehouse.errors import StoppedError


class Stop:
    """Whether a signal has asked the process to stop.

    A signal's handler runs in the middle of whatever the main thread does, so it must not take a lock
    that the main thread may hold: threading.Event has one, and would wait for itself for ever.
    """

    def __init__(self) -> None:
        self._requested = False
        self._polled = False

    @contextmanager
    def polled_by_caller(self, *, polled: bool = True) -> Iterator[None]:
        """Within, the caller polls ``is_set``; elsewhere a signal interrupts what is being done."""
        before, self._polled = self._polled, polled
        try:
            yield
        finally:
            self._polled = before

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Within, a signal interrupts what is being done, though an outer caller polls: for long steps.

        Raises StoppedError where it is time to stop already.
        """
        if self._requested:
            raise StoppedError
        with self.polled_by_caller(polled=False):
            yield

    def on_signal(self) -> None:
        """The handler of a signal. Raises StoppedError where no caller polls."""
        first, self._requested = not self._requested, True
        if first and not self._polled:
            raise StoppedError

    def set(self) -> None:
        """Asks to stop."""
        self._requested = True

    def is_set(self) -> bool:
        """Whether it is time to stop."""
        return self._requested

    def wait(self, seconds: float) -> bool:
        """Waits so many seconds, or until it is time to stop; returns whether it is."""
        end = time.monotonic() + seconds
        while not self._requested and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        return self._requested


_stops: list[Stop] = []  # those that a signal sets; blocks within each other share one
_ignores_repeated_signals = False  # whether this process ends once it was asked to stop


def ignore_repeated_signals() -> None:
    """From now on this process is a program that ends once it was asked to stop: further signals are ignored.

    Anywhere else (in a notebook, in tests) a second signal has another handler.
    """
    global _ignores_repeated_signals  # noqa: PLW0603 - the process has one end
    _ignores_repeated_signals = True


@contextmanager
def handle_signals(handler: Callable[[int, FrameType | None], object], stopped: Callable[[], bool]) -> Iterator[None]:
    """Within, ``handler`` handles SIGTERM and SIGINT; only in the main thread, which alone receives signals.

    Afterwards the earlier handlers are back, unless the process has ``stopped`` and ends: Python itself
    takes time to end, and a second signal would then end it with the exit code of a killed process.
    Signals that are ignored stay ignored until the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, signal.SIG_IGN if stopped() and _ignores_repeated_signals else earlier)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Within, SIGTERM and SIGINT ask to stop, and do not end the process at once; inner blocks share the Stop.

    A signal while no caller polls ends the outermost block. That is a clean end too: the next start
    repeats what was under way, as after a kill.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Stop()
        return
    outermost = not _stops
    stop = Stop() if outermost else _stops[-1]
    _stops.append(stop)
    # Within another one as well: Spark has put its own handler of SIGINT in place meanwhile.
    with handle_signals(lambda *_: stop.on_signal(), stopped=lambda: outermost and stop.is_set()):
        try:
            yield stop
        except KeyboardInterrupt:
            # From another handler of SIGINT: Spark puts its own in place while it starts.
            stop.set()
            if not outermost:
                raise
        except (Exception, StoppedError):
            # Any error once it was asked to stop (a signal to the whole group ends Java as well): the next start
            # repeats what was under way.
            if not (outermost and stop.is_set()):
                raise
        finally:
            _stops.pop()
