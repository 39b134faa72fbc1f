"""Kills in the life of a micro-batch, seeded: tables that are there, layer by layer, and an audit after each kill."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import SparkSession

from gold.sessions import TABLE as SESSIONS
from pipelines.gold_builder import incremental_tables
from tests.faults.audit import audit_bronze, audit_metrics, audit_outcomes, audit_sessions
from tests.faults.harness import LIMIT, Installation, Ledger, Shoppers, Watch, Window, kill_when, windows
from tests.faults.lab import Lab
from tests.faults.starts import Chain, Kill
from tests.support.polling import until

JOBS = {"bronze": "ingest", "silver": "refine", "gold": "aggregate"}
MOMENTS = ("planned", "written", "committed")

SMALL = {"CLICKSTREAM_STREAM__BYTES_PER_BATCH": "1b", "CLICKSTREAM_STREAM__RECORDS_PER_BATCH": "100"}
"""Small batches, so that there are many to be killed in."""

SHARES = {"bronze": 0.45, "silver": 0.35, "gold": 0.2}


@dataclass
class Tally:
    """What one kind of kill has done: how often, what it broke, and how long it took to recover, in seconds."""

    rounds: int = 0
    lost: int = 0
    doubled: int = 0
    other: int = 0
    recoveries: list[float] = field(default_factory=list)

    def take(self, offences: list[str]) -> None:
        """Counts what an audit found."""
        lost = sum("lost" in offence or "without an outcome" in offence for offence in offences)
        doubled = sum("doubled" in offence or "several" in offence for offence in offences)
        self.lost, self.doubled = self.lost + lost, self.doubled + doubled
        self.other += len(offences) - lost - doubled


class Campaign:
    """Kills of the jobs of one installation, at the windows asked for or at random."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self.offences: list[str] = []
        self.installation = Installation(folder)
        self.installation.start_broker()
        self.ledger = Ledger(folder / "ledger.sqlite", self.installation.servers)
        self.shoppers = Shoppers(seed)
        # Every table is there and gold is built once: from here on it follows what changes.
        self.ledger.send(self.shoppers.take(100))
        self.settle()

    def kill(self, layer: str, window: Window | None, *, recovered_first: bool) -> bool:
        """One kill, at a window or at a random moment, and an audit of what is left; whether the window was hit.

        Where ``recovered_first``, the batch that the last kill left open is finished before this one.
        """
        watched = window or Window("gold" if layer == "gold" else f"{layer}.clicks", "planned")
        watch = Watch(self.installation, watched)
        opened, finished = watch.batches()
        self.ledger.send(self.shoppers.take(400))
        frozen = {} if recovered_first or window is None else watch.freezing()
        driver = self.installation.drive(JOBS[layer], "--continuous", **SMALL, **frozen)
        if recovered_first:
            until(lambda: watch.batches()[1] >= max(opened, 0) or not driver.alive, "the recovery")
            if opened > finished:
                self.tallies[layer].recoveries.append(time.monotonic() - driver.began)
            self.ledger.send(self.shoppers.take(400))
        random_moment = self.random.uniform(0, 10 if recovered_first else 30)

        def reached() -> bool:
            # A command may freeze at the same write outside of a batch, where it closes sessions: no window comes then.
            return window is not None and (watch.reached() or driver.is_frozen())

        if not kill_when(driver, reached, LIMIT if window else random_moment):
            self.offences.append(f"{window}: the driver ended by itself: {driver.ended(-1).said}")
        hit = window is not None and watch.found() == window.moment
        self._audit(f"{layer}, {window.moment}" if window and hit else f"{layer}, at a random moment")
        return hit

    def _audit(self, name: str) -> None:
        found = list(audit_bronze(self.installation, self.ledger, complete=False))
        if (self.installation.table("silver.duplicates") / "_delta_log").exists():
            found += audit_outcomes(self.installation, complete=False)
        tally = self.tallies[name]
        tally.rounds += 1
        tally.take(found)
        self.offences += [f"{name}: {offence}" for offence in found]

    def settle(self) -> None:
        """Lets all jobs finish what is there, and audits all that they have done."""
        # All that every kill has left undone, in one go.
        done = self.installation.run("run", limit=600)
        found = [] if done.code == 0 else [f"the last run ended with {done.code}: {done.said}"]
        found += audit_bronze(self.installation, self.ledger)
        found += audit_outcomes(self.installation)
        found += audit_sessions(self.installation)
        found += audit_metrics(self.installation)
        self.tallies["all, at the end"].take(found)
        self.offences += [f"at the end: {offence}" for offence in found]

    def feed(self, layer: str, spark: SparkSession) -> None:
        """Runs the jobs before a layer's once: a layer that has read all there is waits, and is in no window.

        They run in this process, on a Spark that is there: starting two for each kill took most of the time.
        """
        lab = Lab(spark, self.installation.folder, self.ledger, self.installation.servers, self.shoppers)
        lab.forget()
        lab.send(400)
        for before in list(JOBS)[: list(JOBS).index(layer)]:
            lab.run(before)

    @contextmanager
    def fed(self, layer: str) -> Iterator[None]:
        """Lets the jobs before a layer's run on unharmed, in small batches, so that it always has some to take."""
        before = list(JOBS)[: list(JOBS).index(layer)]
        feeders = [self.installation.drive(JOBS[one], "--continuous", nice=19, **SMALL) for one in before]
        yield
        for feeder in feeders:
            feeder.signal(signal.SIGTERM)
            done = feeder.finish()
            if done.code:
                self.offences.append(f"a feeder ended with {done.code}: {done.said}")

    def verify(self) -> None:
        """Lets ``clickstream verify`` prove the whole, gold against a rebuild included."""
        done = self.installation.run("verify", "--json", limit=600)
        checks = json.loads(done.output) if done.output else []
        self.offences += [f"verify: {check['name']}: {check['offence']}" for check in checks if not check["ok"]]
        if done.code or not checks:
            self.offences.append(f"verify ended with {done.code}: {done.said}")


def gold_windows() -> list[Window]:
    """The windows of gold: around the writes of its first table and of its last."""
    return windows("gold", [SESSIONS.name, incremental_tables()[-1].name])


def run(folder: Path, rounds: int, seed: int, first: int = 0) -> Iterator[Chain]:
    """The kills of a campaign, numbered from ``first`` on; the last of a layer has what settling it found."""
    campaign = Campaign(folder, seed)
    told = 0

    def chain(number: int, layer: str, kills: list[Kill], began: float, recovery: float | None = None) -> Chain:
        nonlocal told
        new, told = campaign.offences[told:], len(campaign.offences)
        return Chain(
            number, JOBS[layer], kills, offences=new, recovery=recovery, seconds=round(time.monotonic() - began, 1)
        )

    try:
        for layer, share in SHARES.items():
            count = round(rounds * share)
            every: list[Window | None] = [*(gold_windows() if layer == "gold" else windows(layer))]
            every += [None] * max(len(every) // 4, 1)
            chosen: list[Window | None] = []
            while len(chosen) < count:
                campaign.random.shuffle(every)
                chosen += every
            with campaign.fed(layer):
                for window in chosen[:count]:
                    began, known = time.monotonic(), len(campaign.tallies[layer].recoveries)
                    hit = campaign.kill(layer, window, recovered_first=campaign.random.random() < 0.4)
                    recovery = next(iter(campaign.tallies[layer].recoveries[known:]), None)
                    yield chain(first, layer, [Kill(str(window or f"{layer} at random"), "both", hit)], began, recovery)
                    first += 1
            began = time.monotonic()
            campaign.settle()
            yield chain(first, layer, [], began)
            first += 1
        began = time.monotonic()
        campaign.verify()
        yield chain(first, "gold", [], began)
    finally:
        campaign.installation.close()
