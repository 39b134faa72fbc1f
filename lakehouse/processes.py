"""End programs that outlive their starter: find the process, stop its whole group."""

from __future__ import annotations

import os
from contextlib import suppress

import psutil


def running(pid: int) -> psutil.Process | None:
    """The process with this number; None where there is none, or only a zombie that nobody has collected.

    psutil remembers when the process was created, so a later one with the same number is never signalled.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD} else process
    except psutil.NoSuchProcess:
        return None


def end_group(leader: int, timeout: float) -> bool:
    """Sends SIGTERM to every process of a group, and after ``timeout`` seconds SIGKILL to the rest.

    Returns whether none of them had to be killed.
    """
    members = _group(leader)
    for process in members:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(members, timeout)
    # A zombie counts as alive where the kernel has no pidfd; and a worker may have been started meanwhile.
    left = [process for process in {*alive, *_group(leader)} if running(process.pid) == process]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, 10)
    return not left


def _group(leader: int) -> list[psutil.Process]:
    """The processes of the group that this one leads, the leader first."""
    members = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == leader:
                members.append(process)
    return sorted(members, key=lambda process: process.pid != leader)
