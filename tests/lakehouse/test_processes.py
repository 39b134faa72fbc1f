"""Groups of processes end, first by request, then by force; zombies and later processes are told apart."""

import os
import subprocess
import sys

import psutil
import pytest

from lakehouse.processes import end_group, running

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
WITH_WORKER = """
import subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(worker.pid, flush=True)
{then}
"""


def start(code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_a_zombie_is_not_running() -> None:
    with start("input()") as child:
        process = running(child.pid)
        assert process == psutil.Process(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.pid_exists(child.pid)  # nobody has collected it, so its number is still there
        assert running(child.pid) is None
    assert running(child.pid) is None


def test_a_process_that_ends_by_itself_is_not_killed() -> None:
    with start("input()") as child:
        assert end_group(child.pid, timeout=30) is True
        assert running(child.pid) is None


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    with start(STUBBORN) as child:
        assert child.stdout
        child.stdout.readline()
        assert end_group(child.pid, timeout=0.2) is False
        assert running(child.pid) is None


@pytest.mark.parametrize("then", ["input()", "sys.exit()"])
def test_workers_end_with_their_leader_or_after_it(then: str) -> None:
    with start(WITH_WORKER.format(then=then)) as child:
        assert child.stdout
        worker = int(child.stdout.readline())
        if then == "sys.exit()":
            child.wait(30)
        assert running(worker)
        assert end_group(child.pid, timeout=30) is True
        assert running(worker) is None
