"""Locks keep processes and threads apart, never a thread from itself, and die with their process."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock, exclusive


def test_the_thread_that_holds_a_lock_may_take_it_again(tmp_path):
    reached = []

    def take_twice():
        for _ in range(2):
            with exclusive(tmp_path, "a"), exclusive(tmp_path, "a"), exclusive(tmp_path, "b"):
                reached.append("inside")

    # A thread of its own: where it waited for itself, this test would fail and not hang.
    thread = threading.Thread(target=take_twice, daemon=True)
    thread.start()
    thread.join(30)
    assert reached == ["inside", "inside"]


def test_another_thread_waits(tmp_path):
    order = []

    def other():
        with exclusive(tmp_path, "a"):
            order.append("other")

    with exclusive(tmp_path, "a"):
        thread = threading.Thread(target=other)
        thread.start()
        with exclusive(tmp_path, "a"):
            order.append("first")
        assert not order[1:]
        order.append("still first")
    thread.join(30)
    assert order == ["first", "still first", "other"]


HOLD = """
import sys
from pathlib import Path
from lakehouse.locks import WriterLock

held = WriterLock(Path(sys.argv[1]), "a")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_writer_is_refused_until_the_first_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(OutsideError, match=rf"pid {first.pid}\b.*already"):
            WriterLock(tmp_path, "a")
        first.kill()
        first.wait()
    WriterLock(tmp_path, "a").release()
