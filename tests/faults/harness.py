"""Faults for real: a broker and jobs as child processes, what Kafka acknowledged, and the moments to kill at."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Message, Producer

from lakehouse.embedded_kafka.broker import Broker
from pipelines.runtime.job import COMPILE_QUICKLY, NO_CODE_GENERATION
from pipelines.runtime.settings import CONF
from producers.events import EVENTS
from producers.kafka import ensure_topics, topic_ids
from producers.record import Record
from producers.simulator.simulator import simulate
from tests.support.polling import becomes_true, until

ROOT = Path(__file__).parent.parent.parent
COMMAND = Path(sys.executable).parent / "clickstream"

FREEZING = Path(__file__).parent / "freezing"

LIMIT = 240.0
"""Seconds after which something that should have happened counts as a hang."""


class Installation:
    """A whole installation in one folder: a lake, a state, and a broker of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake, self.state = folder / "lake", folder / "state"
        self.broker = Broker(self.state / "kafka")
        self._drivers: list[Driver] = []
        conf = folder / "conf"
        shutil.copytree(CONF, conf, dirs_exist_ok=True)
        with (conf / "spark-defaults.conf").open("a") as file:
            file.writelines(f"{name} {value}\n" for name, value in NO_CODE_GENERATION.items())
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
        self.environment = {
            **inherited,
            "CLICKSTREAM_CONF": str(conf),
            "CLICKSTREAM_LAKE": str(self.lake),
            "CLICKSTREAM_STATE": str(self.state),
            "CLICKSTREAM_STREAM__TRIGGER_SECONDS": "0.2",
            # A driver lives for a minute: compiling costs more than it saves.
            "JAVA_TOOL_OPTIONS": f"{COMPILE_QUICKLY} -XX:+UseSerialGC",
        }

    def close(self) -> None:
        """Ends all that it started: the commands, and the broker."""
        self.end_drivers()
        self.broker.stop(timeout=10)

    def end_drivers(self) -> None:
        """Kills the commands that still run."""
        for driver in self._drivers:
            driver.kill()
        self._drivers.clear()

    def start_broker(self) -> None:
        """Starts the broker, with the topics."""
        status = self.broker.start()
        self.servers, self._broker_pid = status.bootstrap_servers or "", status.pid or 0
        ensure_topics(self.servers, EVENTS, 2)

    def signal_broker(self, number: signal.Signals) -> None:
        """Sends a signal to the broker's whole process group."""
        os.killpg(self._broker_pid, number)

    def table(self, name: str) -> Path:
        """A table's folder, by its name (``silver.clicks``)."""
        layer, _, short = name.partition(".")
        return self.lake / layer / short

    def checkpoint(self, stream: str) -> Path:
        """A stream's checkpoint folder."""
        if stream == "gold":
            (only,) = (self.state / "checkpoints" / "gold").glob("*")
            return only
        layer, _, short = stream.partition(".")
        return self.state / "checkpoints" / layer / short

    def drive(self, *arguments: str, nice: int = 0, program: Path = COMMAND, **settings: str) -> Driver:
        """Starts a command of the command line, or of another program, as a session of its own; with settings more."""
        driver = Driver(self, (str(program), *arguments), settings, nice)
        self._drivers.append(driver)
        return driver

    def run(self, *arguments: str, limit: float = LIMIT, **settings: str) -> Finished:
        """Runs a command to its end."""
        return self.drive(*arguments, **settings).finish(limit)


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        """All that it said on standard error, on one line."""
        return " ".join(self.errors.split())


class Driver:
    """A running command and all its children."""

    _numbers = itertools.count()

    def __init__(
        self, installation: Installation, command: tuple[str, ...], settings: dict[str, str], nice: int
    ) -> None:
        logs = installation.folder / "drivers"
        logs.mkdir(parents=True, exist_ok=True)
        number = next(self._numbers)
        self._output, self._errors = logs / f"{number}.out", logs / f"{number}.err"
        self._locks = installation.state / "locks"
        self.javas: list[int] = []
        self.began = time.monotonic()
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                ["nice", "-n", str(nice), *command],
                cwd=ROOT,
                env={**installation.environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether the command has not ended yet."""
        return self.process.poll() is None

    def writes(self, stream: str) -> bool:
        """Whether it holds a stream's lock."""
        lock = self._locks / f"{stream}.lock"
        return lock.exists() and f'"pid": {self.process.pid}}}' in lock.read_text()

    def signal(self, number: signal.Signals) -> None:
        """Sends the command itself a signal, not its children."""
        self.process.send_signal(number)

    def is_frozen(self) -> bool:
        """Whether it has stopped itself."""
        try:
            return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].startswith("T")
        except OSError:
            return False

    def thaw(self) -> None:
        """Lets it go on where it has stopped itself."""
        if self.alive:
            self.signal(signal.SIGCONT)

    def children(self) -> list[int]:
        """The processes of its session that live, without itself."""
        return [pid for pid in _session(self.process.pid) if pid != self.process.pid]

    def kill(self) -> None:
        """Kills the command and every child at once, as a machine that loses its power would."""
        for pid in _session(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: not _session(self.process.pid), "the end of the killed processes", limit=30, step=0.005)

    def finish(self, limit: float = LIMIT) -> Finished:
        """Waits for its end; AssertionError if that takes too long, which ends it."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the command hung for {limit:g} s: {self.ended(-1)}") from None
        return self.ended(code)

    def ended(self, code: int) -> Finished:
        """What it has said until now."""
        return Finished(code, self._output.read_text(), self._errors.read_text())


def _session(leader: int) -> list[int]:
    """The living processes of a session; Python's workers have process groups of their own, but the same session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] not in "ZX":
                found.append(int(folder.name))
    return found


class Ledger:
    """What was sent, and what Kafka acknowledged: each record's coordinates, key and the hash of its value."""

    def __init__(self, path: Path, servers: str) -> None:
        self._base = sqlite3.connect(path)
        self._base.execute(
            "CREATE TABLE acknowledged (topic TEXT, topic_id TEXT, partition INT, offset INT, key BLOB, hash BLOB, "
            "PRIMARY KEY (topic_id, partition, offset))"
        )
        self._base.execute("CREATE TABLE sent (topic TEXT, hash BLOB)")
        self._servers = servers
        self.learn_topics()

    def learn_topics(self) -> None:
        """Asks for the topics' ids, which change when one is created again."""
        self._ids = {name: info.topic_id for name, info in topic_ids(self._servers, EVENTS).items()}

    def send(self, records: Iterable[Record], **client: str) -> int:
        """Sends records as an idempotent producer; gives how many were not acknowledged in time."""
        settings = {"enable.idempotence": "true", "linger.ms": "5", "message.timeout.ms": "60000", **client}
        producer = Producer({"bootstrap.servers": self._servers, "log_level": 0, **settings})
        failed = 0

        def on_delivery(error: object, message: Message) -> None:
            nonlocal failed
            if error is not None:
                failed += 1
                return
            row = (message.topic(), self._ids[message.topic()], message.partition(), message.offset(), message.key())
            self._base.execute("INSERT INTO acknowledged VALUES (?, ?, ?, ?, ?, ?)", (*row, digest(message.value())))

        for topic, key, value, _ in records:
            self._base.execute("INSERT INTO sent VALUES (?, ?)", (topic, digest(value)))
            producer.produce(topic, value, key, on_delivery=on_delivery)
            producer.poll(0)
        producer.flush(120)
        producer.close()
        self._base.commit()
        return failed

    def acknowledged(self, topic: str) -> dict[tuple[str, int, int], bytes]:
        """The hash of each acknowledged record, by topic_id, partition and offset."""
        rows = self._base.execute(
            "SELECT topic_id, partition, offset, hash FROM acknowledged WHERE topic = ?", (topic,)
        )
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def sent(self, topic: str) -> set[bytes]:
        """The hashes of all values that were sent, acknowledged or not."""
        return {row[0] for row in self._base.execute("SELECT DISTINCT hash FROM sent WHERE topic = ?", (topic,))}


def digest(value: bytes | None) -> bytes:
    """SHA-256 of a record's value; a tombstone has one of its own."""
    return hashlib.sha256(b"\0null" if value is None else b"v" + value).digest()


class Shoppers:
    """An endless supply of simulated events, a share of them broken, a share sent twice; seeded."""

    def __init__(self, seed: int, *, dirty: float = 0.1, duplicates: float = 0.1) -> None:
        self._dirty, self._duplicates = dirty, duplicates
        self._random = random.Random(seed)
        self._seeds = itertools.count(seed * 1_000)
        self._waiting: list[Record] = []

    def take(self, count: int) -> list[Record]:
        """The next events, out of order, each session's over two hours before now."""
        while len(self._waiting) < count:
            end = datetime.now(UTC).replace(microsecond=0)
            shares = {"dirty": self._dirty, "duplicates": self._duplicates}
            sessions = list(simulate(next(self._seeds), 60, end, days=2, **shares))
            self._random.shuffle(sessions)
            self._waiting += sessions
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken


def freezing(at: str) -> dict[str, str]:
    """The environment by which a command stops itself at an event of its own Python, as in "os.link PATTERN"."""
    return {"FREEZE_AT": at, "PYTHONPATH": str(FREEZING)} if at else {}


@dataclass(frozen=True)
class Window:
    """A moment in a batch's life at which to kill.

    ``planned``: the batch's offsets are written, no data. ``written``: ``table`` has a new data
    file and no new version. ``committed``: ``table`` has a new version, and the checkpoint does
    not know that the batch is done.
    """

    stream: str
    moment: str
    table: str = ""

    def freezing(self, version: int) -> dict[str, str]:
        """The environment by which a command freezes in this window, where its own Python writes the table.

        ``version`` is the table's newest one.
        """
        log = f"/{(self.table or self.stream).replace('.', '/')}/_delta_log"
        at = {"written": f"os.link {log}/{version + 1:020d}.json", "committed": f"open {log}$"}.get(self.moment, "")
        return freezing(at)

    def __str__(self) -> str:
        return f"{self.stream} {self.moment}" + (f" in {self.table}" if self.table not in ("", self.stream) else "")


_STREAMS = [f"{layer}.{event}" for layer in ("bronze", "silver") for event in EVENTS]


def windows(layer: str, tables: Iterable[str] = ()) -> list[Window]:
    """Every window of a layer's streams."""
    if layer == "gold":
        names = list(tables)
        return [Window("gold", "planned")] + [
            Window("gold", moment, table) for table in names for moment in ("written", "committed")
        ]
    also = ("silver.quarantine", "silver.duplicates") if layer == "silver" else ()
    return [
        window
        for stream in _STREAMS
        if stream.startswith(layer)
        for window in (
            Window(stream, "planned"),
            *(Window(stream, moment, table) for table in (stream, *also) for moment in ("written", "committed")),
        )
    ]


@dataclass
class Watch:
    """Watches a stream's checkpoint and a table by their files, to know where its newest batch stands."""

    installation: Installation
    window: Window
    _batch: int = field(default=-2, init=False)
    _version: int = field(default=-1, init=False)
    _files: set[str] = field(default_factory=set, init=False)

    def reached(self) -> bool:
        """Whether the window is open now."""
        planned, done = self.batches()
        if planned != self._batch:
            self._batch, self._version, self._files = planned, *self._table()
        if planned <= done:
            return False
        return self._moment() == self.window.moment

    def found(self) -> str:
        """Where the newest batch of a dead driver stands: a moment, or "done"."""
        planned, done = self.batches()
        return self._moment() if planned > done else "done"

    def _moment(self) -> str:
        version, files = self._table()
        if version > self._version:
            return "committed"
        return "written" if files - self._files else "planned"

    def freezing(self) -> dict[str, str]:
        """As Window.freezing, from the table as it is now."""
        return self.window.freezing(self._table()[0])

    def batches(self) -> tuple[int, int]:
        """The newest batch that is planned, and the newest that is done; -1 where there is none."""
        try:
            checkpoint = self.installation.checkpoint(self.window.stream)
        except ValueError:
            return -1, -1
        # Planned first: a batch that is planned and done between the two looks must not seem to be under way.
        planned = _newest(checkpoint / "offsets")
        return planned, _newest(checkpoint / "commits")

    def _table(self) -> tuple[int, set[str]]:
        folder = self.installation.table(self.window.table or self.window.stream)
        files: set[str] = set()
        with suppress(FileNotFoundError), os.scandir(folder) as found:
            files = {entry.name for entry in found if entry.name.endswith(".parquet")}
        return _newest(folder / "_delta_log", ".json"), files


def _newest(folder: Path, suffix: str = "") -> int:
    numbers = [-1]
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        for entry in found:
            stem = entry.name.removesuffix(suffix) if suffix else entry.name
            if stem.isdigit() and entry.name.endswith(suffix):
                numbers.append(int(stem))
    return max(numbers)


def kill_when(driver: Driver, reached: Callable[[], bool], limit: float) -> bool:
    """Kills the driver at once when a moment is reached, or after ``limit`` seconds; False if it ended before."""
    becomes_true(lambda: not driver.alive or reached(), limit, step=0.002)
    alive = driver.alive
    driver.kill()
    return alive
