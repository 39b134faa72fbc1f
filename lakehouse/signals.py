"""Signals: told to stop, a job ends cleanly, once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from lakehouse.errors import StoppedError


class Stop:
    """Whether to stop, told by a signal.

    A signal's handler runs in the midst of whatever the main thread does, so it may take no lock
    that the main thread can hold: threading.Event has one, and would wait for itself for ever.
    """

    def __init__(self) -> None:
        self._requested = False
        self._polled = False

    @contextmanager
    def polled_by_caller(self, *, polled_by_caller: bool = True) -> Iterator[None]:
        """Within, someone looks whether it is time to stop; elsewhere a signal ends what is being done."""
        before, self._polled = self._polled, polled_by_caller
        try:
            yield
        finally:
            self._polled = before

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Within, a signal ends what is being done, though someone further out looks, as it may take long.

        Raises StoppedError where it is time to stop already.
        """
        if self._requested:
            raise StoppedError
        with self.polled_by_caller(polled_by_caller=False):
            yield

    def on_signal(self) -> None:
        """What a signal does. Raises StoppedError where nobody looks."""
        first, self._requested = not self._requested, True
        if first and not self._polled:
            raise StoppedError

    def set(self) -> None:
        """Says that it is time to stop."""
        self._requested = True

    def is_set(self) -> bool:
        """Whether it is time to stop."""
        return self._requested

    def wait(self, seconds: float) -> bool:
        """Waits for so long, or until it is time to stop; says whether it is."""
        end = time.monotonic() + seconds
        while not self._requested and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        return self._requested


_stops: list[Stop] = []  # what SIGTERM tells now, if anything
_ignores_repeated_signals = False  # whether being told to stop is the last thing that this process does


def ignore_repeated_signals() -> None:
    """Says that this process is a program, which ends once it was told to stop: telling it again changes nothing.

    Anywhere else (in a notebook, in tests) a second signal is for somebody else.
    """
    global _ignores_repeated_signals  # noqa: PLW0603 - the process has one end
    _ignores_repeated_signals = True


@contextmanager
def handle_signals(handler: Callable[[int, FrameType | None], object], stopped: Callable[[], bool]) -> Iterator[None]:
    """Within, this is what handles SIGTERM and SIGINT; only in the main thread, as signals are no other one's.

    Afterwards what was in place before handles them again, unless the process was ``told`` to stop
    and ends: Python itself takes time to end, and a second signal would then end it with a code
    that says that it was killed. Signals that are ignored stay so until the very end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, handler) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, was in before.items():
            signal.signal(one, signal.SIG_IGN if stopped() and _ignores_repeated_signals else was)


@contextmanager
def stopping() -> Iterator[Stop]:
    """SIGTERM and SIGINT tell it to stop, in place of ending the process at once; within another, that one's.

    A signal while nobody heeds it ends the outermost block. That is a clean end too: what was
    under way is done again by the next start, as after a kill.
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
            # From a handler of SIGINT that someone put in the place of ours: Spark does, while it starts.
            stop.set()
            if not outermost:
                raise
        except (Exception, StoppedError):
            # Whatever it dies of once it is told to stop (a signal to the whole group ends Java as well), the next
            # start does it again.
            if not (outermost and stop.is_set()):
                raise
        finally:
            _stops.pop()
