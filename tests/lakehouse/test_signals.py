"""Signals end a job cleanly, whatever it does at that moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from lakehouse.signals import stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_come_in_the_midst_of_waiting_never_hang(number):
    before = signal.getsignal(number)
    with stopping() as stop, stop.polled_by_caller():
        storm = threading.Thread(target=lambda: [os.kill(os.getpid(), number) for _ in range(2_000)])
        storm.start()
        for _ in range(2_000):
            stop.wait(0.0001)
            stop.is_set()
        storm.join(60)
        assert stop.wait(30)
    assert signal.getsignal(number) is before


def test_a_signal_that_nobody_polls_ends_the_block_once():
    reached = []
    with stopping() as stop:
        with stopping() as inner, inner.polled_by_caller():
            assert inner is stop
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(30)
        reached.append("the end")
    assert stop.is_set()
    assert not reached


def test_a_signal_taken_by_another_handler_ends_the_block():
    before = signal.getsignal(signal.SIGINT)
    reached = []
    with stopping() as stop:
        with stopping() as inner, inner.polled_by_caller():
            signal.signal(signal.SIGINT, signal.default_int_handler)  # as Spark does while it starts
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(30)
            reached.append("the end")
        reached.append("the end of what is around it")
    assert stop.is_set()
    assert not reached
    assert signal.getsignal(signal.SIGINT) is before


PROGRAM = """
import atexit, time
from lakehouse.signals import stopping
from pipelines.runtime.console import call

def command():
    with stopping() as stop, stop.polled_by_caller():
        print("waits", flush=True)
        assert stop.wait(60)
    print("stopped", flush=True)
    time.sleep(1)

def end():
    print("ends", flush=True)
    time.sleep(1)

atexit.register(end)
call(command)
"""


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_end_an_ending_program(again):
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        for line, number in (("waits\n", signal.SIGTERM), ("stopped\n", again), ("ends\n", again)):
            assert program.stdout.readline() == line
            program.send_signal(number)
    assert program.returncode == 0


def test_handlers_are_restored_where_no_program_ends():
    before = signal.getsignal(signal.SIGTERM)
    with stopping() as stop, stop.polled_by_caller():
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.is_set()
    assert signal.getsignal(signal.SIGTERM) is before
