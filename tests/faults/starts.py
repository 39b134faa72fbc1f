"""Kills from the first second on: chains of kills that begin on an empty lake and an empty state.

A chain kills one command at up to three moments, one after another: each next start has to come past the last kill to
reach the next moment. Then plain starts alone have to bring everything to its end. What is there then is audited and
verified. What must be there before a command is made once, and copied for each chain.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.session import end_session, start_session
from pipelines.operations.verify import run_verify
from pipelines.runtime.job import COMPILE_QUICKLY, NO_CODE_GENERATION, Job
from pipelines.runtime.lake_store import JARS
from pipelines.runtime.settings import CONF, load_settings
from producers.events import EVENTS
from tests.faults.audit import audit_bronze, audit_metrics, audit_outcomes, audit_sessions
from tests.faults.harness import LIMIT, Driver, Finished, Installation, Ledger, Shoppers, freezing
from tests.faults.moments import CASES, Case, Moment, Observer
from tests.support.polling import becomes_true, pass_time, until

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VICTIMS = ("both", "both", "python", "java", "python, then java", "java, then python")
"""Who is killed: power loss takes both at once, and is as likely as two of the others."""

NARROW = """
from dataclasses import replace
import producers.events as package
event = package.EVENTS["interactions"]
narrow = replace(event, fields=tuple(
    replace(one, choices=tuple(name for name in one.choices if name not in ("zoom", "hover")))
    if one.name == "interaction_type" else one for one in event.fields))
package.EVENTS = {**package.EVENTS, "interactions": narrow}
"""
"""Python that takes two kinds of interaction out of the contract: what it sends to quarantine can be replayed."""

RECORDS = 2_000

FINAL = ("run", "demo", "score", "evaluate", "maintain")
"""The commands after which nothing is left to do."""

BEFORE = {
    "bronze": "",
    "silver": "bronze",
    "narrow": "bronze",
    "scattered": "bronze",
    "gold": "silver",
    "model": "gold",
    "scored": "model",
    "damaged": "scored",
    "demo": "",
}
"""What each stage is made from."""


COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "bronze": (("ingest",),),
    "silver": (("refine",),),
    "narrow": (("refine",), ("aggregate",)),
    "scattered": (("refine",), ("aggregate",)),
    "gold": (("aggregate",),),
    "model": (("train", "--max-depth", "3"), ("models", "promote", "1")),
    "scored": (("score",),),
    "demo": (("demo", "--sessions", "300"),),
}
"""What a person would run to make a stage from the one before."""


@dataclass
class Kill:
    """One kill: at which moment, who was killed, and whether the moment was still open in what was left."""

    moment: str
    victim: str
    hit: bool


@dataclass
class Chain:
    """What a chain of kills did: the kills, the moments that did not come, what was wrong, and the times."""

    number: int
    case: str
    kills: list[Kill] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    offences: list[str] = field(default_factory=list)
    not_restarted: int = 0
    recovery: float | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, line: str) -> Chain:
        """A chain as the journal has it."""
        found: dict[str, Any] = json.loads(line)
        return cls(**{**found, "kills": [Kill(**kill) for kill in found["kills"]]})


class Starts:
    """The chains of one campaign. They share a broker, whose records stay the same, where it is not the victim."""

    def __init__(
        self, folder: Path, seed: int, cases: Sequence[str] = tuple(CASES), *, spark: SparkSession | None = None
    ) -> None:
        self.folder = folder
        self._seed = seed
        self._names = [name for name in cases for _ in range(CASES[name].weight)]
        random.Random(seed).shuffle(self._names)
        self.installation = Installation(folder)
        self._broker = Installation(folder / "shared")
        # A process has one session: that of the tests is theirs to end.
        self._spark, self._is_own = spark, spark is None
        self._stages = folder / "stages"
        shutil.rmtree(self._stages, ignore_errors=True)
        self._made: set[str] = set()

    def close(self) -> None:
        """Ends all that it started."""
        self.installation.close()
        self._broker.close()
        if self._spark is not None and self._is_own:
            end_session(self._spark)

    def chain(self, number: int) -> Chain:
        """The chain of that number: with the same seed, the same command, moments and victims."""
        chance = random.Random(f"{self._seed}/{number}")
        name = self._names[number % len(self._names)]
        aims = [(moment, chance.choice(VICTIMS)) for moment in self._moments(number, name, chance)]
        return self.kill(name, aims, chance, number)

    def kill(self, name: str, aims: Sequence[tuple[Moment, str]], chance: random.Random, number: int = 0) -> Chain:
        """Kills a command at these moments, each with its victim, and lets plain starts bring it to its end."""
        began = time.monotonic()
        done, case = Chain(number, name), CASES[name]
        try:
            self._restore(case)
            for moment, victim in aims:
                if not self._kill(case, moment, victim, chance, done):
                    break
            self._finish(case, done)
        except AssertionError as error:
            done.offences.append(f"{name}: {' '.join(str(error).split())}")
        finally:
            self._end_all()
        done.seconds = round(time.monotonic() - began, 1)
        return done

    def _moments(self, number: int, name: str, chance: random.Random) -> list[Moment]:
        """Up to three moments in their order; the last comes round with the chains of this command."""
        moments = list(CASES[name].moments)
        round_, turn = divmod(self._turn(number, name), len(moments))
        order = list(range(len(moments)))
        random.Random(f"{self._seed}/{name}/{round_}").shuffle(order)
        last = order[turn]
        earlier = sorted(chance.sample(range(last), min(chance.choice((1, 2, 2)), last)))
        return [moments[place] for place in (*earlier, last)]

    def _turn(self, number: int, name: str) -> int:
        whole, rest = divmod(number, len(self._names))
        return whole * self._names.count(name) + self._names[:rest].count(name)

    def _kill(self, case: Case, moment: Moment, victim: str, chance: random.Random, done: Chain) -> bool:
        """One start that is killed at a moment; False where the command ended before it."""
        if case.stage == "broker" and done.kills:  # the last one may have ended it
            self._start(case, ("broker", "start"), done)
        pause, delay = chance.uniform(0, 1), chance.uniform(0, moment.spread)
        observer = Observer(self.folder, moment)
        environment = {**self._environment(case), **freezing(moment.freezes_at)}
        driver = self.installation.drive(*case.command, nice=10, **environment)
        if not _await(driver, observer, delay):
            driver.thaw()
            code = driver.process.wait()
            if code:
                done.not_restarted += bool(done.kills)
                raise AssertionError(f"ended with {code} before {moment.name}: {driver.ended(code).said}")
            done.missed.append(moment.name)
            return False
        if not {*driver.children(), *self._brokers()}:
            victim = "python"
        self._strike(driver, victim, pause)
        driver.thaw()
        hit = observer.was_hit()
        done.kills.append(Kill(moment.name, victim, hit))
        if victim.endswith("java"):
            # Python is alone, or dead: it must end by itself, with a sentence.
            left = driver.finish(LIMIT)
            if left.code > 0 and ("Traceback" in left.errors or "Py4J" in left.errors or not left.said):
                done.offences.append(f"no sentence after {victim} at {moment.name}: {left.said[-300:]}")
        return True

    def _strike(self, driver: Driver, victim: str, pause: float) -> None:
        first, _, second = victim.partition(", then ")
        for who in (first, second):
            if who in ("both", "python"):
                with suppress(ProcessLookupError):
                    os.kill(driver.process.pid, signal.SIGKILL)
            if who in ("both", "java"):
                for pid in {*driver.javas, *driver.children(), *self._brokers()}:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            if second and who == first:
                pass_time(pause)
        if first != "java" or second:
            driver.process.wait()
        if victim != "python":
            until(lambda: not driver.children() or driver.alive, "the end of the killed processes", limit=30)

    def _brokers(self) -> list[int]:
        """The processes of the installation's own broker, known to it or not."""
        mark, found = f"-Dbroker.home={self.installation.broker.home}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    def _finish(self, case: Case, done: Chain) -> None:
        """Brings everything to its end by plain starts alone, and audits it."""
        if case.stage == "broker":
            self._start(case, ("broker", "start"), done)
        began = time.monotonic()
        self._start(case, case.command, done)
        if done.kills:
            done.recovery = round(time.monotonic() - began, 1)
        if case.own_broker:
            self._start(case, ("broker", "start"), done)
        if case.command[0] == "broker":
            self._start(case, ("produce", "simulate", "--sessions", "20"), done)
            return
        if case.command[0] not in FINAL:
            self._start(case, ("run",), done)
        if not case.own_broker:
            done.offences += [
                *audit_bronze(self.installation, self.ledger),
                *audit_outcomes(self.installation),
                *audit_sessions(self.installation),
                *audit_metrics(self.installation),
            ]
        done.offences += self._verify(case)

    def _start(self, case: Case, command: tuple[str, ...], done: Chain) -> Finished:
        ended = self.installation.run(*command, limit=600, **self._environment(case))
        if ended.code:
            done.not_restarted += 1
            raise AssertionError(f"`{' '.join(command)}` ended with {ended.code}: {ended.said[-600:]}")
        return ended

    def _verify(self, case: Case) -> Iterator[str]:
        """What ``clickstream verify`` finds, by a Spark that goes on from chain to chain."""
        if self._spark is None:
            self._spark = start_session(
                "campaign",
                CONF / "spark-defaults.conf",
                jars=JARS,
                master="local[2]",
                driver_memory="3g",
                java_options=f"{COMPILE_QUICKLY} -XX:+UseSerialGC",
                log=self.folder / "spark.log",
                settings={**NO_CODE_GENERATION, "spark.sql.shuffle.partitions": "2"},
            )
        # The folders are those of the chain before, with other tables in them.
        java: Any = self._spark._jvm
        java.org.apache.spark.sql.delta.DeltaLog.clearCache()
        self._spark.catalog.clearCache()
        servers = "" if case.own_broker else self._broker.servers
        settings = load_settings(
            lake=str(self.installation.lake), state=self.installation.state, kafka={"bootstrap_servers": servers}
        )
        for check in run_verify(Job(settings, self._spark)):
            if not check.ok:
                yield f"verify: {check.name}: {check.figures} {check.offence}"

    def _end_all(self) -> None:
        self.installation.end_drivers()
        for pid in self._brokers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self._brokers(), "the end of the broker", limit=30)

    def _environment(self, case: Case) -> dict[str, str]:
        if case.own_broker:
            return {}
        self._share()
        return {"CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS": self._broker.servers}

    def _share(self) -> None:
        """Starts the broker that the chains share, with its records."""
        if "broker" not in self._made:
            self._made.add("broker")
            (self.folder / "ledger.sqlite").unlink(missing_ok=True)
            self._broker.start_broker()
            self.ledger = Ledger(self.folder / "ledger.sqlite", self._broker.servers)
            self.ledger.send(Shoppers(self._seed).take(RECORDS))

    def _restore(self, case: Case) -> None:
        """Puts what a command finds into the installation's folders."""
        if case.stage not in ("empty", "broker"):
            self._make(case, case.stage)
        self._clear()
        if case.stage == "broker":
            self._start(case, ("broker", "start"), Chain(-1, "stage"))
        elif case.stage != "empty":
            shutil.copytree(self._stages / case.stage, self.folder, dirs_exist_ok=True)

    def _clear(self) -> None:
        for folder in (self.installation.lake, self.installation.state):
            shutil.rmtree(folder, ignore_errors=True)

    def _make(self, case: Case, stage: str) -> None:
        """Makes a stage by the commands that a person would use, once."""
        if stage in self._made:
            return
        before = BEFORE[stage]
        if before:
            self._make(case, before)
        self._clear()
        if before:
            shutil.copytree(self._stages / before, self.folder, dirs_exist_ok=True)
        for command in COMMANDS.get(stage, ()):
            ended = self.installation.run(*command, limit=600, **self._environment(case), **self._small_batches(stage))
            assert ended.code == 0 or "live already" in ended.said, ended.said
        self._spoil(stage)
        for name in ("lake", "state"):
            shutil.copytree(self.folder / name, self._stages / stage / name)
        self._made.add(stage)

    def _small_batches(self, stage: str) -> dict[str, str]:
        """The settings by which a stage's commands have several batches, and what else they are told."""
        told = {"CLICKSTREAM_STREAM__RECORDS_PER_BATCH": "300"}
        if stage == "scattered":  # files that are worth compacting
            told["CLICKSTREAM_STREAM__BYTES_PER_BATCH"] = "1b"
        return {**told, **self._narrow()} if stage == "narrow" else told

    def _spoil(self, stage: str) -> None:
        """Takes away what the command of a stage has to make, or to find missing."""
        if stage == "demo":
            shutil.rmtree(self.installation.table("gold.model_metrics"))
        if stage == "damaged":
            for event in EVENTS:
                for layer in ("bronze", "silver"):
                    (self.installation.checkpoint(f"{layer}.{event}") / "metadata").unlink()

    def _narrow(self) -> dict[str, str]:
        patch = self.folder / "narrow"
        patch.mkdir(exist_ok=True)
        (patch / "sitecustomize.py").write_text(textwrap.dedent(NARROW))
        return {"PYTHONPATH": os.pathsep.join([str(patch), os.environ.get("PYTHONPATH", "")])}


def _await(driver: Driver, observer: Observer, delay: float) -> bool:
    """Waits for a moment and a while longer; False where the command ended before."""
    looked = 0.0

    def reached() -> bool:
        nonlocal looked
        if time.monotonic() - looked > 0.5:
            looked, driver.javas = time.monotonic(), driver.children()
        was_frozen = driver.is_frozen()
        if observer.is_open() or not driver.alive:
            return True
        if was_frozen:  # at another commit
            driver.thaw()
        return False

    assert becomes_true(reached, LIMIT, step=0.001), f"it hung for {LIMIT:g} s"
    if not driver.alive:
        return False
    pass_time(delay)
    return driver.alive


class Journal:
    """The chains that are done, a line of JSON each: an interrupted campaign goes on after them."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            path.unlink(missing_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.chains = [Chain.of(line) for line in lines if line.endswith("}")]

    def add(self, chain: Chain) -> None:
        """Adds a chain."""
        self.chains.append(chain)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(chain)) + "\n")
