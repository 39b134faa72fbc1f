"""Run `clickstream up` for long, kill it again and again, and measure whether it stays as it was.

Run: make soak MINUTES=60. It prints a table: a row for each life of `up`, from its start to its kill or end.

Simulated shoppers send PER_SECOND events, 2 % of them broken and 1 % sent twice, to a broker of its own. At the end the
streams read what is left, and `verify` and an audit by other readers look for what is lost or doubled. Exit code 1
where something is wrong, or where a later life takes much more than the second one did.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from lakehouse.errors import LakehouseError
from pipelines.gold_builder import STREAM
from pipelines.operations.status import run_status
from pipelines.runtime.settings import Settings, load_settings
from tests.faults.audit import audit_bronze, audit_metrics, audit_outcomes, audit_sessions
from tests.faults.harness import Driver, Installation, Ledger, Shoppers
from tests.support.polling import becomes_true, pass_time

PER_SECOND = 50
"""How many events are sent a second."""

KILL_EVERY = 10.0
"""Minutes of a life."""

LOOK_SECONDS = 15.0
"""The pause between two looks at the processes and the folders."""

MOST_GROWTH = 1.3
"""How many times as much as in the second life a later one may take: the first one creates everything."""

_TITLES = ("life", "minutes", "ended by", "readable again after", "Python, MB", "Java, MB", "threads", "open files")
_TITLES += (
    "freshness of gold, s, median",
    "worst",
    "events sent",
    "files of the lake",
    "MB",
    "files of the state",
    "MB",
)


@dataclass(frozen=True)
class Look:
    """One look at the running command: what its processes hold, how far behind gold is, and what lies on the disk."""

    python_mb: float
    java_mb: float
    threads: int
    open_files: int
    freshness: float | None
    """Seconds since the newest record that gold has arrived in Kafka; None before gold is there."""
    newest: datetime | None
    """When that record arrived."""
    lake: tuple[int, float]
    state: tuple[int, float]


@dataclass
class Life:
    """One life of the command, until it was killed or told to end."""

    looks: list[Look] = field(default_factory=list)
    minutes: float = 0.0
    ended_by: str = ""
    recovery: float | None = None
    sent: int = 0

    def most(self, of: Callable[[Look], float]) -> float:
        """The most that any look of the life's second half saw; the first half is still starting."""
        return max((of(look) for look in self.looks[len(self.looks) // 2 :]), default=0.0)

    def delays(self) -> list[float]:
        """How fresh gold was, at each look of the second half that could tell."""
        return [look.freshness for look in self.looks[len(self.looks) // 2 :] if look.freshness is not None]


class Soak:
    """A broker, shoppers, and the command that is watched."""

    def __init__(self, folder: Path, seed: int, per_second: float) -> None:
        self.installation = Installation(folder)
        # As a user runs it: the tests' settings are for drivers that live for a minute.
        for name in ("JAVA_TOOL_OPTIONS", "CLICKSTREAM_STREAM__TRIGGER_SECONDS", "CLICKSTREAM_CONF"):
            self.installation.environment.pop(name)
        self.installation.start_broker()
        self.settings = load_settings(
            lake=str(self.installation.lake),
            state=self.installation.state,
            kafka={"bootstrap_servers": self.installation.servers},
        )
        self.ledger = Ledger(folder / "ledger.sqlite", self.installation.servers)
        self.shoppers = Shoppers(seed, dirty=0.02, duplicates=0.01)
        self.sent = 0
        self._per_second = per_second
        self._began = time.monotonic()

    def life(self, minutes: float, *, is_last: bool) -> Life:
        """Starts the command, looks at it while shoppers send, and kills it; the last is told to end instead."""
        life, began, since = Life(), time.monotonic(), datetime.now(UTC)
        driver = self.installation.drive("up")
        next_look = began
        while time.monotonic() < began + minutes * 60 and driver.alive:
            self._send()
            if time.monotonic() >= next_look:
                seen = look(driver, self.settings)
                if life.recovery is None and seen.newest is not None and seen.newest > since:
                    life.recovery = time.monotonic() - began
                life.looks.append(seen)
                # Until it has caught up, often: how long that takes is told to that exactness.
                next_look = time.monotonic() + (2.0 if life.recovery is None else LOOK_SECONDS)
            pass_time(0.5)
        if not driver.alive:
            life.ended_by = f"itself: {driver.ended(-1).said[-300:]}"
        elif is_last:
            life.ended_by = self._end(driver)
        else:
            driver.kill()
            life.ended_by = "kill"
        life.minutes, life.sent = (time.monotonic() - began) / 60, self.sent
        return life

    def _send(self) -> None:
        due = int((time.monotonic() - self._began) * self._per_second) - self.sent
        if due > 0:
            self.sent += due
            self.ledger.send(self.shoppers.take(due))

    def _end(self, driver: Driver) -> str:
        """Waits until all is read, and ends the command as an operator does; says how."""
        if not becomes_true(lambda: not unread(self.settings), 180, step=1.0):
            driver.kill()
            return f"kill: {unread(self.settings)} offsets and commits were not read within 180 s"
        driver.signal(signal.SIGTERM)
        began = time.monotonic()
        done = driver.finish(60)
        return f"SIGTERM, exit code {done.code} after {time.monotonic() - began:.0f} s"

    def offences(self) -> Iterator[str]:
        """What is wrong at the end, in words."""
        yield from audit_bronze(self.installation, self.ledger)
        yield from audit_outcomes(self.installation)
        yield from audit_sessions(self.installation)
        yield from audit_metrics(self.installation)
        if (done := self.installation.run("verify", limit=900)).code:
            yield f"verify: {done.said}{done.output}"

    def close(self) -> None:
        """Ends all that it started."""
        self.installation.close()


def look(driver: Driver, settings: Settings) -> Look:
    """Looks at the processes of a running command, and at the folders."""
    held: dict[bool, float] = {True: 0.0, False: 0.0}
    threads = open_files = 0
    for pid in [driver.process.pid, *driver.children()]:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            held[process.name() == "java"] += process.memory_info().rss / 1e6
            threads += process.num_threads()
            open_files += process.num_fds()
    freshness, newest = None, None
    with suppress(LakehouseError):  # nothing is there yet
        gold = next(one for one in run_status(settings) if one.stream == STREAM)
        freshness, newest = gold.freshness_seconds, gold.newest_arrived_at
    lake, kafka = Path(settings.lake_root), settings.state_root / "kafka"
    state = on_disk(settings.state_root, without=kafka)
    return Look(held[False], held[True], threads, open_files, freshness, newest, on_disk(lake), state)


def on_disk(folder: Path, without: Path | None = None) -> tuple[int, float]:
    """How many files lie in a folder, and their megabytes."""
    files, size = 0, 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # it has gone meanwhile
            if path.is_file() and not (without and path.is_relative_to(without)):
                files, size = files + 1, size + path.stat().st_size
    return files, size / 1e6


def unread(settings: Settings) -> int:
    """How many offsets and commits the streams have not read yet."""
    return sum(one.behind or 0 for one in run_status(settings))


def table(lives: Sequence[Life]) -> str:
    """What was measured, as a Markdown table."""
    lines = [f"| {' | '.join(_TITLES)} |", f"|{'---|' * len(_TITLES)}"]
    for number, life in enumerate(lives, start=1):
        last, delays = life.looks[-1], life.delays()
        cells = [str(number), f"{life.minutes:.1f}", life.ended_by]
        cells.append("" if life.recovery is None else f"{life.recovery:.0f} s")
        cells += [f"{life.most(lambda look: look.python_mb):,.0f}", f"{life.most(lambda look: look.java_mb):,.0f}"]
        cells += [f"{life.most(lambda look: look.threads):.0f}", f"{life.most(lambda look: look.open_files):.0f}"]
        cells += [f"{statistics.median(delays):.1f}", f"{max(delays):.1f}"] if delays else ["", ""]
        cells += [f"{life.sent:,}"]
        cells += [
            f"{count:,}" if is_count else f"{count:,.1f}"
            for pair in (last.lake, last.state)
            for is_count, count in zip((True, False), pair, strict=True)
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def growth(lives: Sequence[Life]) -> Iterator[str]:
    """What a later life takes much more of than the second did, in words; all that does not grow is held against it."""
    measures = {
        "memory of Python": lambda life: life.most(lambda look: look.python_mb),
        "memory of Java": lambda life: life.most(lambda look: look.java_mb),
        "threads": lambda life: life.most(lambda look: look.threads),
        "open files": lambda life: life.most(lambda look: look.open_files),
        "freshness": lambda life: statistics.median(life.delays() or [0.0]) + 1,
    }
    for number, life in enumerate(lives[2:], start=3):
        for name, of in measures.items():
            if of(life) > MOST_GROWTH * of(lives[1]):
                yield f"life {number}: {name} is {of(life):,.1f}, and was {of(lives[1]):,.1f} in the second life"


def main() -> None:
    """Soaks, and prints what it measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long in all")
    parser.add_argument("--kill-every", type=float, default=KILL_EVERY, help="minutes of a life")
    parser.add_argument("--per-second", type=float, default=PER_SECOND)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    count = max(round(asked.minutes / asked.kill_every), 1)
    lives: list[Life] = []
    with TemporaryDirectory() as folder:
        soak = Soak(Path(folder), asked.seed, asked.per_second)
        try:
            for number in range(1, count + 1):
                lives.append(soak.life(asked.kill_every, is_last=number == count))
                print(f"life {number}: {lives[-1].minutes:.1f} minutes, ended by {lives[-1].ended_by}", flush=True)
            offences = [*soak.offences(), *growth(lives)]
        finally:
            soak.close()
    offences += [f"life {n}: {one.ended_by}" for n, one in enumerate(lives, start=1) if not ended_as_meant(one)]
    print(f"\n{asked.per_second:g} events a second, seed {asked.seed}\n\n{table(lives)}\n")
    for offence in offences:
        print(f"- {offence}")
    if offences:
        raise SystemExit(1)
    print("Nothing is lost, doubled or otherwise wrong, and nothing grew that should not.")


def ended_as_meant(life: Life) -> bool:
    """Whether a life ended by a kill, or by its signal and with exit code 0."""
    return life.ended_by == "kill" or life.ended_by.startswith("SIGTERM, exit code 0 ")


if __name__ == "__main__":
    main()
