"""Run short commands many times, and count how each ended: a thread of a library may end a process by an abort.

Run: .venv/bin/python -m tests.benchmarks.short_commands [--runs 200] [COMMAND ...]

The lake is the installation's own, as CLICKSTREAM_LAKE and CLICKSTREAM_STATE name it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

COMMANDS: Mapping[str, Sequence[str]] = {
    "help": ["--help"],
    "tables": ["tables", "gold.sessions"],
    "sql": ["sql", "SELECT referrer_kind, count(*), sum(revenue) FROM gold.sessions GROUP BY ALL"],
    "export csv": ["export", "gold.category_performance", "--out", "{out}.csv"],
    "export parquet": ["export", "gold.sessions", "--out", "{out}.parquet"],
    "export xlsx": ["export", "gold.sessions", "--out", "{out}.xlsx"],
    "report": ["report", "--out", "{out}.html"],
    "powerbi": ["powerbi", "--path", "/lake/gold", "--out", "{out}"],
    "shop check": ["shop", "check", "https://shop.example/product/1"],
    "models list": ["models", "list"],
    "status": ["status"],
    "doctor": ["doctor"],
    "quarantine list": ["quarantine", "list"],
    "contract": ["contract", "clicks"],
    "plan": ["plan", "--events-per-second", "500"],
}
"""What is run; ``{out}`` is a new name in the scratch folder."""


@dataclass(frozen=True)
class Ran:
    """How one run ended: its exit code, its last words and its seconds."""

    code: int
    said: str
    seconds: float


def run(name: str, environment: Mapping[str, str], folder: Path, times: int, at_once: int = 2) -> Iterator[Ran]:
    """Runs a command so many times, some at once, each as a process of its own."""

    def one(number: int) -> Ran:
        words = [word.format(out=folder / f"{name.replace(' ', '_')}{number}") for word in COMMANDS[name]]
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli.main", *words],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stderr[-300:], time.monotonic() - began)

    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(one, range(times))


def row(name: str, runs: Sequence[Ran]) -> str:
    """A line of the table: the command, its runs, how many ended with which exit code, and how long they took."""
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(Counter(one.code for one in runs).items()))
    seconds = sorted(one.seconds for one in runs)
    return f"| `{name}` | {len(runs)} | {codes} | {statistics.median(seconds):.1f} s | {seconds[-1]:.1f} s |"


def main() -> None:
    """Prints a row for each command, and the last words of each run that ended by neither 0 nor 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "commands", nargs="*", default=list(COMMANDS), metavar="COMMAND", help=f"One of: {', '.join(COMMANDS)}."
    )
    parser.add_argument("--runs", type=int, default=200)
    told = parser.parse_args()
    print("| command | runs | exit codes | median | longest |\n|---|---|---|---|---|", flush=True)
    for name in told.commands:
        with tempfile.TemporaryDirectory() as folder:
            runs = list(run(name, {}, Path(folder), told.runs))
        print(row(name, runs), flush=True)
        for one in runs:
            if one.code not in {0, 1}:
                print(f"{name}: exit code {one.code}: {one.said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
