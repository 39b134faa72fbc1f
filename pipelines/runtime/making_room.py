"""Let a command have the lake without its streams for a while: `clickstream up` ends them, waits, and goes on.

The command holds one lock while it wants the room, and `up` one that says that it will make it. Both end with their
processes, so that neither waits for one that was killed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock, is_locked
from pipelines.runtime.settings import Settings

ROOM_SECONDS = 60.0
"""How long a command waits for `up` to end its streams: a micro-batch in flight is waited for."""

_WANTED, _GIVEN = "room_is_wanted", "room_is_given"
_POLL_SECONDS = 0.1


def room_is_wanted(settings: Settings) -> bool:
    """Whether a command waits for the streams to end, or works without them."""
    return is_locked(settings.locks, _WANTED)


@contextmanager
def makes_room(settings: Settings) -> Iterator[None]:
    """Within, this process ends its streams when room is wanted.

    Raises OutsideError where another process does so for this installation.
    """
    lock = WriterLock(settings.locks, _GIVEN)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def without_streams(settings: Settings, streams: Iterable[str]) -> Iterator[None]:
    """Within, none of the streams runs; those of `up` go on afterwards.

    Raises OutsideError, which names the process, where another one runs a stream and does not make room.
    """
    with ExitStack() as held:
        seconds = 0.0
        if is_locked(settings.locks, _GIVEN):
            held.callback(WriterLock(settings.locks, _WANTED).release)
            seconds = ROOM_SECONDS
        deadline = time.monotonic() + seconds
        for name in streams:
            held.callback(_taken(settings, name, deadline).release)
        yield


def _taken(settings: Settings, name: str, deadline: float) -> WriterLock:
    while True:
        try:
            return WriterLock(settings.locks, name)
        except OutsideError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_POLL_SECONDS)
