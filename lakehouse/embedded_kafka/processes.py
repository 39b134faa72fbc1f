"""Processes that outlive their starter: which one it is, and how to end it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def born(pid: int) -> str | None:
    """When the process started: what tells it from a later one with the same number.

    None where there is no such process, or only its remains that nobody has collected yet.
    """
    if (_PROC / "self" / "stat").exists():
        return _born_linux(pid)
    return _born_ps(pid)


def _born_linux(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
        boot = (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the program's name before it may hold blanks
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot} {ticks}"


def _born_ps(pid: int) -> str | None:
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},  # the same words, whoever asks
    )
    state, _, started = told.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def end(pid: int, started: str, timeout: float) -> bool:
    """Ends the process that started then: SIGTERM, and after ``timeout`` seconds SIGKILL to its group.

    Returns whether it went by itself.
    """
    _signal(pid, started, signal.SIGTERM, group=False)
    if _gone(pid, started, timeout):
        return True
    _signal(pid, started, signal.SIGKILL, group=True)
    _gone(pid, started, 10)
    return False


def _signal(pid: int, started: str, number: signal.Signals, *, group: bool) -> None:
    if born(pid) != started:
        return
    with suppress(ProcessLookupError):
        if group and os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _gone(pid: int, started: str, timeout: float) -> bool:
    until = time.monotonic() + timeout
    while born(pid) == started:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
