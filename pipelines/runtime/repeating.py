"""Do something again and again on a thread of its own, as long as a block of code runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeating(name: str, work: Callable[[], object], seconds: float, *, end_seconds: float = 5) -> Iterator[None]:
    """Within, a thread does the work, so many seconds after it was begun or done; at the end it is waited for."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            work()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(end_seconds)
