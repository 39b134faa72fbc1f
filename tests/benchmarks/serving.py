"""What an answer of `clickstream serve scores` takes while gold commits: percentiles in milliseconds, as JSON.

Run: python -m tests.benchmarks.serving [--sessions 100000] [--requests 2000] [--commits-per-second 1]

The server is a process of its own, each request has a connection of its own, and meanwhile this process commits
scores of 500 sessions a time, as scoring does. ``seen`` is from a commit's end to the first answer that has it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lakehouse.engines.local_lake import LocalLake
from tests.benchmarks.machine import machine
from tests.support.scores import score_lake, scores, write_scores

SCORED_AT_A_TIME = 500


def sessions(first: int, last: int) -> list[tuple[str, str]]:
    return [(f"user-{number // 3}", f"session-{number}") for number in range(first, last)]


def measure(root: Path, count: int, requests: int, commits_per_second: float) -> dict[str, Any]:
    lake = score_lake(root)
    write_scores(lake, scores(*sessions(0, count)))
    environment = {**os.environ, "CLICKSTREAM_LAKE": lake.root, "CLICKSTREAM_STATE": str(root / "state")}
    command = [sys.executable, "-m", "pipelines.cli.serve", "scores", "--port", "0"]
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            found = re.search(r"http://\S+/scores", server.stdout.readline() if server.stdout else "")
            assert found
            ready = time.monotonic() - began
            ended = threading.Event()
            commits: list[float] = []
            writer = threading.Thread(target=_commit, args=(lake, count, 1 / commits_per_second, ended, commits))
            writer.start()
            took = [_ask(found[0], *one) for one in random.Random(7).choices(sessions(0, count), k=requests)]
            seen = [_until_seen(lake, found[0], count, cut) for cut in range(1_000, 1_010)]
            ended.set()
            writer.join()
        finally:
            server.terminate()
    return {
        "sessions": count,
        "requests": requests,
        "commits": len(commits),
        "ready_seconds": round(ready, 2),
        **{f"p{share}_ms": round(float(np.percentile(took, share)) * 1_000, 2) for share in (50, 95, 99)},
        "seen_p95_ms": round(float(np.percentile(seen, 95)) * 1_000),
        "machine": machine(),
    }


def _ask(address: str, user: str, session: str) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(f"{address}?user_id={user}&session_id={session}", timeout=30) as answer:  # noqa: S310
        answer.read()
    return time.perf_counter() - began


def _until_seen(lake: LocalLake, address: str, count: int, cut: int) -> float:
    [(user, session)] = sessions(count - 1, count)
    write_scores(lake, scores((user, session), cut=cut, at=datetime.now(UTC)))
    began = time.perf_counter()
    while True:
        with urllib.request.urlopen(f"{address}?user_id={user}&session_id={session}", timeout=30) as answer:  # noqa: S310
            if json.loads(answer.read())["cut"] == cut:
                return time.perf_counter() - began


def _commit(lake: LocalLake, count: int, pause: float, ended: threading.Event, commits: list[float]) -> None:
    chosen = random.Random(11)
    while not ended.wait(pause):
        first = chosen.randrange(max(count - SCORED_AT_A_TIME - 1, 1))
        rows = sessions(first, first + SCORED_AT_A_TIME)
        write_scores(lake, scores(*rows, cut=len(commits) + 2, at=datetime.now(UTC)))
        commits.append(time.monotonic())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--commits-per-second", type=float, default=1.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked.sessions, asked.requests, asked.commits_per_second)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
