"""Signals end a job cleanly, whatever it does at that moment."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from lakehouse.streams import stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_come_in_the_midst_of_waiting_never_hang(number):
    before = signal.getsignal(number)
    with stopping() as stop, stop.heeded():
        storm = threading.Thread(target=lambda: [os.kill(os.getpid(), number) for _ in range(2_000)])
        storm.start()
        for _ in range(2_000):
            stop.wait(0.0001)
            stop.is_set()
        storm.join(60)
        assert stop.wait(30)
    assert signal.getsignal(number) is before


def test_a_signal_that_nobody_heeds_ends_the_block_once_and_cleanly():
    reached = []
    with stopping() as stop:
        with stopping() as inner, inner.heeded():
            assert inner is stop
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
        reached.append("the end")
    assert stop.is_set()
    assert not reached
