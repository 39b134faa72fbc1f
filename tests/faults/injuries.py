"""Many injuries of tables and checkpoints, seeded: each is noticed, and what the message names brings all back.

Run: python -m tests.faults.injuries --rounds 100 --seed 1. It takes an hour; --resume goes on where one was stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from unittest.mock import patch

from gold.daily_funnel import TABLE as FUNNEL
from gold.sessions import TABLE as SESSIONS
from lakehouse.delta_log import newest_version
from lakehouse.embedded_kafka.broker import Broker
from lakehouse.session import start_session
from pipelines.operations.recover import _Recovery
from pipelines.runtime.job import COMPILE_QUICKLY, NO_CODE_GENERATION
from pipelines.runtime.lake_store import JARS
from pipelines.runtime.settings import CONF
from producers.events import EVENTS
from producers.kafka import ensure_topics
from tests.faults.harness import Ledger, Shoppers
from tests.faults.lab import JOBS, Lab
from tests.support.gold_tables import with_upstream
from tests.support.injuries import LOG_AND_FILES, OF_A_STREAM, clean_log, commits, put_back

TABLES = [
    *(f"{layer}.{event}" for layer in ("bronze", "silver") for event in EVENTS),
    "silver.quarantine",
    "silver.duplicates",
    SESSIONS.name,
    FUNNEL.name,
]

MOMENTS = ("at rest", "with events to read", "while the jobs above stand still")

PUT_BACK, CLEANED = "older folder put back", "log cleaned away"

FIX = "`clickstream recover --apply`"

EVENTS_A_ROUND = 80

FOLDER = Path(".campaign")


@dataclass
class Injury:
    """One injury, at which moment, and what came of it."""

    kind: str
    name: str
    outcome: str = ""
    offences: list[str] = field(default_factory=list)


class Campaign:
    """Injuries of one installation, and what came of them."""

    def __init__(self, folder: Path, lab: Lab, seed: int) -> None:
        self.random, self.lab = Random(seed), lab
        self.offences: list[str] = []
        self._older = folder / "older"
        for _ in range(3):
            lab.send(150)
            lab.run()

    def round(self) -> Injury | None:
        """One injury at a random moment, and its recovery; None where there was nothing to injure."""
        kind = self.random.choice([*LOG_AND_FILES, PUT_BACK, CLEANED, *OF_A_STREAM])
        table, moment = self.random.choice(TABLES), self.random.choice(MOMENTS)
        interrupted = self.random.random() < 0.25
        self._prepare(table, moment)
        if kind in OF_A_STREAM:
            table = stream_of(table, self.random)
            self.lab.injure_stream(table, OF_A_STREAM[kind], self.random)
        elif not self._injure(kind, table):
            return None
        name = f"{kind}, {table}, {moment}{', recovery interrupted' if interrupted else ''}"
        print(name, end=": ", flush=True)
        self.lab.send(EVENTS_A_ROUND)
        known = len(self.offences)
        outcome = self._recover(name, interrupted)
        return Injury(kind, name, outcome, self.offences[known:])

    def _injure(self, kind: str, table: str) -> bool:
        """Injures a table; whether there was something to injure."""
        folder = self.lab.table(table)
        injury = {**LOG_AND_FILES, PUT_BACK: put_back(self._older / table.replace(".", "/")), CLEANED: clean_log}[kind]
        before = newest_version(folder)
        if len(commits(folder)) < 3:
            return False
        self.lab.injure(table, injury, self.random)
        return kind != PUT_BACK or newest_version(folder) != before  # something had been written since

    def _prepare(self, table: str, moment: str) -> None:
        shutil.rmtree(self._older, ignore_errors=True)
        shutil.copytree(self.lab.folder / "lake", self._older)
        self.lab.send(EVENTS_A_ROUND)
        if moment == "while the jobs above stand still":
            layers = list(JOBS)[: list(JOBS).index(table.partition(".")[0]) + 1]
            self.lab.run(*layers)
            self.lab.send(EVENTS_A_ROUND)
            self.lab.run(*layers)
        else:
            self.lab.run()
        if moment == "with events to read":
            self.lab.send(EVENTS_A_ROUND)

    def _recover(self, name: str, interrupted: bool) -> str:
        sentences = [said for layer in JOBS if (said := self.lab.stops(layer))]
        if sentences:
            for sentence in sentences:
                if FIX not in sentence or "Py4J" in sentence:
                    self.offences.append(f"{name}: {sentence}")
            if not self.lab.status():
                self.offences.append(f"{name}: status says nothing")
            if (fix := self.lab.fix()) != FIX:
                self.offences.append(f"{name}: verify names {fix}")
            if interrupted:
                self._interrupt(name)
            self.lab.recover()
            self._offend(f"{name}: after recover", self.lab.audit(complete=False))
        self.lab.run()
        self._offend(f"{name}: at the end", self.lab.audit())
        self._offend(f"{name}: verify", [f"{check.name}: {check.offence}" for check in self.lab.failed()])
        return "recovered" if sentences else "harmless"

    def _interrupt(self, name: str) -> None:
        """Ends a recovery amid its work: its streams must not start until it is done again."""
        after = self.random.randrange(2)
        real, calls = _Recovery._recover, []

        def recover(recovery: _Recovery, stream: str) -> str:
            calls.append(stream)
            if len(calls) > after:
                raise KeyboardInterrupt
            return real(recovery, stream)

        ended = False
        with patch.object(_Recovery, "_recover", recover), suppress(KeyboardInterrupt):
            self.lab.recover()
            ended = True
        self.lab.forget()
        if calls and not ended and not any(self.lab.stops(layer) for layer in JOBS):
            self.offences.append(f"{name}: jobs go on amid a recovery")

    def _offend(self, when: str, found: list[str]) -> None:
        self.offences += [f"{when}: {offence}" for offence in found]


def stream_of(table: str, random: Random) -> str:
    """A stream that writes a table; one of three where all of them do."""
    if table.startswith("gold."):
        return "gold"
    return table if table.partition(".")[2] in EVENTS else f"silver.{random.choice([*EVENTS])}"


def table(done: list[Injury]) -> str:
    """What came of them, as a Markdown table."""
    tally: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for injury in done:
        tally[injury.kind][injury.outcome] += 1
    lines = ["| injury | rounds | noticed and recovered | harmless |", "|---|---|---|---|"]
    lines += [
        f"| {kind} | {counts.total()} | {counts['recovered']} | {counts['harmless']} |"
        for kind, counts in sorted(tally.items())
    ]
    return "\n".join(lines)


def main() -> None:
    """Runs a campaign and prints its table; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on after the injuries of the last run with this seed")
    asked = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    journal = FOLDER / f"injuries-{asked.seed}.jsonl"
    if not asked.resume:
        journal.unlink(missing_ok=True)
    done = [Injury(**json.loads(line)) for line in journal.read_text().splitlines()] if journal.exists() else []
    began = time.monotonic()
    # Told to stop, it still says what it has found, and stops its broker.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory() as name,
        patch("pipelines.gold_builder.incremental_tables", lambda: with_upstream(SESSIONS, FUNNEL)),
        suppress(KeyboardInterrupt),
    ):
        folder = Path(name)
        kafka = Broker(folder / "kafka")
        try:
            servers = kafka.start().bootstrap_servers or ""
            ensure_topics(servers, EVENTS, 2)
            spark = start_session(
                "injuries",
                CONF / "spark-defaults.conf",
                jars=JARS,
                master="local[2]",
                driver_memory="3g",
                java_options=COMPILE_QUICKLY,
                log=folder / "spark.log",
                settings={"spark.sql.shuffle.partitions": "2", **NO_CODE_GENERATION},
            )
            lab = Lab(spark, folder / "lab", Ledger(folder / "ledger.sqlite", servers), servers, Shoppers(asked.seed))
            campaign = Campaign(folder, lab, asked.seed + 1_000 * len(done))
            while len(done) < asked.rounds:
                injury = campaign.round()
                if injury is None:
                    continue
                done.append(injury)
                with journal.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(injury)) + "\n")
                print(f"{injury.outcome} ({time.monotonic() - began:.0f} s)", flush=True)
                for offence in injury.offences:
                    print(f"  {offence}", flush=True)
            spark.stop()
        finally:
            kafka.stop(timeout=10)
    print(f"\nSeed {asked.seed}, {len(done)} injuries\n\n{table(done)}\n")
    if any(injury.offences for injury in done):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
