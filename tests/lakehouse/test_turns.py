"""Micro-batches take turns, and none waits for ever for one that does not end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest

from lakehouse import turns
from lakehouse.turns import Turns


@pytest.mark.parametrize("at_once", [1, 2])
def test_no_more_work_at_a_time_than_may(at_once):
    taken, guard, most, now = Turns(at_once), Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal most, now
        with taken.turn():
            with guard:
                now += 1
                most = max(most, now)
            Event().wait(0.01)
            with guard:
                now -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(30)))
    assert most == at_once


def test_what_waits_too_long_goes_on_without_a_turn(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_WAIT_SECONDS", 0.05)
    taken = Turns(1)
    with taken.turn():
        with taken.turn():
            pass
        with taken.turn():
            pass
    with ThreadPoolExecutor(1) as pool, taken.turn():
        pool.submit(_takes, taken).result(10)
    with taken.turn():  # it is free again, once
        pass


def _takes(taken: Turns) -> None:
    with taken.turn():
        pass


def test_a_turn_ends_with_an_error():
    taken = Turns(1)
    for _ in range(3):
        with pytest.raises(OSError, match="full"), taken.turn():
            raise OSError("full")
