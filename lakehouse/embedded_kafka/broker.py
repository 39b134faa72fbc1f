"""Run a real Apache Kafka on this machine: one node on the loopback, whose records outlive its process."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from lakehouse.atomic_files import read_json, write_json
from lakehouse.checksums import check_sums
from lakehouse.embedded_kafka.cluster import cluster_id_at
from lakehouse.embedded_kafka.config import (
    HOST,
    LOGGING,
    as_properties,
    free_port,
    is_taken,
    reason,
    server_settings,
    tail,
)
from lakehouse.errors import OutsideError, UsageError
from lakehouse.jvm import Java, find_java, resolve_jars
from lakehouse.locks import exclusive
from lakehouse.processes import end_group, running

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
"""Kafka's archive has this jar beside its artifact, for its log; the version is that of its log4j-core."""

KAFKA_SUMS = Path(__file__).with_name("jars.sha256")
"""The sums of all these jars."""

_HEAP = re.compile(r"[1-9]\d*[kmgKMG]")
_MAIN = "kafka.Kafka"
_FORMAT = "kafka.tools.StorageTool"
_TRIES = 3


@dataclass(frozen=True)
class BrokerStatus:
    """The state of the broker. ``running`` means that it answers; one with a ``pid`` that does not is starting."""

    running: bool
    bootstrap_servers: str | None
    pid: int | None
    data_dir: str | None


@dataclass(frozen=True)
class _RunningBroker:
    process: psutil.Process
    port: int


class Broker:
    """The broker whose records, settings and logs are in the folder ``home``.

    ``port`` 0 takes a free one and keeps it. ``heap`` is as Java writes it, ``start_timeout`` in
    seconds, without downloads. ``say`` is called with messages for a person.

    Every method may be called from several processes at once.
    """

    def __init__(
        self,
        home: Path,
        port: int = 0,
        heap: str = "512m",
        start_timeout: float = 60,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.home = home.resolve()
        self.port = port
        self.heap = heap
        self.start_timeout = start_timeout
        self.say = say
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """The folder of the records."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The file of Kafka's log."""
        return self.home / "logs" / "broker.log"

    @property
    def class_path_file(self) -> Path:
        """The file that lists the jars of the last start: with it, the next start needs no network."""
        return self.home / "classpath.json"

    @property
    def _pid_file(self) -> Path:
        return self.home / "broker.json"

    @property
    def _output(self) -> Path:
        return self.home / "logs" / "java.out"

    def status(self) -> BrokerStatus:
        """Whether it runs and where; changes nothing."""
        broker = self._running()
        if broker is None:
            return BrokerStatus(False, None, None, str(self.data_dir))
        answers = self._answers(broker.port)
        return BrokerStatus(
            answers, f"{HOST}:{broker.port}" if answers else None, broker.process.pid, str(self.data_dir)
        )

    def start(self) -> BrokerStatus:
        """Starts it, if it does not run, and returns once it answers.

        Raises UsageError for a port that is taken or an invalid heap size, OutsideError where Java
        or the jars are missing, or where Kafka ends or does not answer in time.
        """
        if not _HEAP.fullmatch(self.heap):
            raise UsageError(f"Invalid heap size {self.heap!r}.", "Write kafka.heap as 512m or 1g.")
        with self._lock():
            broker = self._running()
            if broker is not None:
                self._await_answer(broker, ours=False)
                self._write_note(broker.process.pid, broker.port)
                self.say(f"It runs already, at {HOST}:{broker.port} (pid {broker.process.pid}).")
                return self.status()
            if self._pid_file.exists():
                self.say("It did not stop properly the last time; what it acknowledged is kept.")
                self._pid_file.unlink()
            if self.port and is_taken(self.port):
                raise _PortTakenError(self.port)
            java = find_java()
            class_path = self._class_path()
            for tries_left in reversed(range(_TRIES)):
                port = self._configure()
                self._format(java, class_path)
                try:
                    self._launch(java, class_path, port)
                    break
                except _PortTakenError:  # by someone quicker, after it was found free
                    if self.port or not tries_left:
                        raise
            return self.status()

    def stop(self, timeout: float = 30) -> bool:
        """Stops it, by force after ``timeout`` seconds; returns whether there was anything to stop."""
        if not self.home.is_dir():
            return False
        with self._lock():
            broker = self._running()
            if broker is not None and not end_group(broker.process.pid, timeout):
                self.say(f"It did not stop within {timeout:g} seconds and was killed; what it acknowledged is kept.")
            if broker is None and self._pid_file.exists():
                self.say("Its last process has ended without being stopped.")
            self._pid_file.unlink(missing_ok=True)
            if self._child is not None:
                self._child.poll()  # collects the zombie
            return broker is not None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutsideError(
                f"The broker's folder {self.home} cannot be made: {error.strerror}.", "Choose another state folder."
            ) from error
        if not os.access(self.home, os.W_OK):
            raise OutsideError(
                f"The broker's folder {self.home} cannot be written.",
                "Make it writable, or choose another state folder.",
            )
        with exclusive(self.home, "broker"):
            yield

    def _running(self) -> _RunningBroker | None:
        """The process of the pid file, if it is this broker: its command line names this folder.

        A start time would tell less: it shifts with the machine's clock. A start that is killed before it writes
        the pid file leaves a broker that only its command line tells of.
        """
        note = read_json(self._pid_file)
        try:
            process, port = running(int(note["pid"])), int(note["port"])
            command = process.cmdline() if process else []
        except (KeyError, TypeError, ValueError, OverflowError, psutil.Error):
            process, port, command = None, 0, []
        if process and port > 0 and _MAIN in command and self._home_option in command:
            return _RunningBroker(process, port)
        port = int(read_json(self.home / "ports.json").get("port") or 0)
        return next((_RunningBroker(stray, port) for stray in self._processes(_MAIN)), None) if port else None

    def _processes(self, main: str) -> list[psutil.Process]:
        """The processes of this folder that run a main class, whoever started them."""
        wanted = {main, self._home_option}
        return [one for one in psutil.process_iter(["cmdline"]) if wanted <= {*(one.info["cmdline"] or ())}]

    @property
    def _home_option(self) -> str:
        return f"-Dbroker.home={self.home}"

    def _class_path(self) -> str:
        wanted = [KAFKA, LOG_BINDING]
        kept = read_json(self.class_path_file)
        jars = [str(jar) for jar in kept.get("jars", [])]
        if kept.get("artifacts") != wanted or not jars or not all(os.access(jar, os.R_OK) for jar in jars):
            self.say(f"Resolving the jars of {KAFKA}; the first time that takes a while.")
            found = resolve_jars(*wanted)
            check_sums(KAFKA_SUMS, found)
            jars = [str(jar) for jar in found]
            write_json(self.class_path_file, {"artifacts": wanted, "jars": jars})
        return os.pathsep.join(jars)

    def _configure(self) -> int:
        """Writes Kafka's configuration, and returns the port in it."""
        kept = read_json(self.home / "ports.json")
        port = self.port or free_port(kept.get("port"))
        controller = free_port(kept.get("controller"), but=port)
        write_json(self.home / "ports.json", {"port": port, "controller": controller})
        (self.home / "server.properties").write_text(as_properties(server_settings(port, controller)))
        (self.home / "log4j2.properties").write_text(as_properties(LOGGING))
        self._output.parent.mkdir(exist_ok=True)
        return port

    def _format(self, java: Java, class_path: str) -> None:
        # One that a killed start left at work would write beside this one.
        for stray in self._processes(_FORMAT):
            stray.kill()
            stray.wait(10)
        if (self.data_dir / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "_")
        command = self._java(java, class_path, _FORMAT)
        command += ["format", "--ignore-formatted", "--cluster-id", cluster, "--config", "server.properties"]
        done = subprocess.run(
            command,
            cwd=self.home,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            why = reason((done.stdout + done.stderr).splitlines())
            raise OutsideError(
                f"The broker's folder {self.data_dir} cannot be formatted: {why}",
                f"Look into {self.log}, whether the disk is full and whether the folder can be written.",
            )

    def _java(self, java: Java, class_path: str, main: str) -> list[str]:
        # Every path is relative to the home, where it runs: Kafka splits absolute ones at commas.
        return [
            str(java.path),
            f"-Xmx{self.heap}",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            "-Dlog4j2.configurationFile=log4j2.properties",
            self._home_option,  # tells this broker from other processes
            "-cp",
            class_path,
            main,
        ]

    def _launch(self, java: Java, class_path: str, port: int) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        with self._output.open("wb") as output:
            self._child = subprocess.Popen(
                [*self._java(java, class_path, _MAIN), "server.properties"],
                cwd=self.home,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the starter's terminal does not reach it
            )
        try:
            self._write_note(self._child.pid, port)
            self._await_answer(_RunningBroker(psutil.Process(self._child.pid), port), ours=True, log_from=before)
        except BaseException:
            end_group(self._child.pid, timeout=5)
            self._child.wait()
            self._pid_file.unlink(missing_ok=True)
            raise

    def _write_note(self, pid: int, port: int) -> None:
        write_json(self._pid_file, {"pid": pid, "port": port, "data_dir": str(self.data_dir)})

    def _await_answer(self, broker: _RunningBroker, *, ours: bool, log_from: int = 0) -> None:
        until = time.monotonic() + self.start_timeout
        while not self._answers(broker.port):
            if running(broker.process.pid) != broker.process:
                why = self._last_words(log_from)
                if ours and "already in use" in why:
                    raise _PortTakenError(broker.port)
                raise OutsideError(f"Kafka ended while it started: {why}", f"Look into {self.log}.")
            if time.monotonic() > until:
                raise OutsideError(
                    f"Kafka (pid {broker.process.pid}) does not answer after {self.start_timeout:g} seconds: "
                    f"{self._last_words(log_from)}",
                    f"Look into {self.log}; "
                    + ("raise kafka.start_timeout_seconds." if ours else "stop the broker and start it again."),
                )
            time.sleep(0.05)

    def _answers(self, port: int) -> bool:
        """Whether this broker answers there, and not another one that took the port first."""
        cluster = cluster_id_at(HOST, port)
        return cluster is not None and f"cluster.id={cluster}" in tail(self.data_dir / "meta.properties")

    def _last_words(self, log_from: int) -> str:
        return reason(tail(self.log, log_from), tail(self._output))


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8"}  # Java cannot read a folder's name beyond ASCII otherwise


class _PortTakenError(UsageError):
    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} of {HOST} is taken by another program.",
            "Stop that program, or set kafka.port to another one, or to 0 for any that is free.",
        )
