"""Signals end a job cleanly, whatever it does at that moment."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest

from lakehouse.streams import Progress, stopping


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


def said(number: int, at: str, rows: int, *phases: str) -> dict:
    """What Spark says of a batch or, where no phase is addBatch, of a look that found nothing new."""
    return {"batchId": number, "timestamp": at, "numInputRows": rows, "durationMs": dict.fromkeys(phases, 1)}


def test_a_look_that_found_nothing_does_not_hide_the_batch_that_gets_its_number():
    query, progress = SimpleNamespace(lastProgress=None, recentProgress=[]), Progress()
    taken = [progress.take(query)]
    for one in (
        said(0, "10:00", 5, "latestOffset", "addBatch"),
        said(1, "10:01", 0, "latestOffset"),
        said(1, "10:02", 7, "latestOffset", "addBatch"),
    ):
        query.lastProgress, query.recentProgress = one, [*query.recentProgress, one]
        taken += [progress.take(query), progress.take(query)]
    assert [[one["timestamp"] for one in some] for some in taken] == [[], ["10:00"], [], [], [], ["10:02"], []]
    assert (progress.batches, progress.rows) == (2, 12)
