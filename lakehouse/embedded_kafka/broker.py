"""A real Apache Kafka on this machine: one node, reached from this machine only, kept between its starts."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.atomic_files import write_json
from lakehouse.embedded_kafka.config import (
    HOST,
    LOGGING,
    as_properties,
    free_port,
    is_taken,
    read_note,
    reason,
    server_settings,
    tail,
)
from lakehouse.embedded_kafka.kafka_wire import cluster_at
from lakehouse.embedded_kafka.processes import born, end
from lakehouse.errors import OutsideError, UsageError
from lakehouse.jvm import Java, find_java, resolve_jars
from lakehouse.locks import exclusive

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
"""What Kafka's own archive adds to its artifact so that it logs; the version is that of its log4j-core."""

_HEAP = re.compile(r"[1-9]\d*[kmgKMG]")
_TRIES = 3


@dataclass(frozen=True)
class BrokerStatus:
    """What the broker does now. ``running`` is that it answers; a ``pid`` without it is still starting."""

    running: bool
    bootstrap_servers: str | None
    pid: int | None
    data_dir: str | None


class Broker:
    """The broker that lives in ``home``; everything it has is in there.

    ``port`` 0 takes a free one and keeps it. ``heap`` is as Java writes it, ``start_timeout`` in
    seconds, without downloads. ``say`` hears what a person wants to know meanwhile.

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
        """Where the records are."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """Where Kafka writes what it has to say."""
        return self.home / "logs" / "broker.log"

    @property
    def class_path_file(self) -> Path:
        """The jars that the last start used: with them, the next needs no network."""
        return self.home / "classpath.json"

    @property
    def _pid_file(self) -> Path:
        return self.home / "broker.json"

    @property
    def _output(self) -> Path:
        return self.home / "logs" / "java.out"

    def status(self) -> BrokerStatus:
        """Whether it runs and where; changes nothing."""
        process = self._process()
        if process is None:
            return BrokerStatus(False, None, None, str(self.data_dir))
        running = self._answers(process["port"])
        return BrokerStatus(
            running, f"{HOST}:{process['port']}" if running else None, process["pid"], str(self.data_dir)
        )

    def start(self) -> BrokerStatus:
        """Starts it, if it does not run, and returns once it answers.

        Raises UsageError for a port that is taken or a heap that is none, OutsideError where Java
        or the jars are missing, or Kafka dies or does not answer in time.
        """
        if not _HEAP.fullmatch(self.heap):
            raise UsageError(f"{self.heap!r} is no size of a heap.", "Write kafka.heap as 512m or 1g.")
        with self._lock():
            process = self._process()
            if process is not None:
                self._await(process, int(process["port"]), ours=False)
                self.say(f"It runs already, at {HOST}:{process['port']} (pid {process['pid']}).")
                return self.status()
            if self._pid_file.exists():
                self.say("It did not stop properly the last time; what it acknowledged is kept.")
                self._pid_file.unlink()
            if self.port and is_taken(self.port):
                raise _PortTakenError(self.port)
            java = find_java()
            class_path = self._class_path()
            for left in reversed(range(_TRIES)):
                port = self._configure()
                self._format(java, class_path)
                try:
                    self._launch(java, class_path, port)
                    break
                except _PortTakenError:  # by someone quicker, after it was found free
                    if self.port or not left:
                        raise
            return self.status()

    def stop(self, timeout: float = 30) -> bool:
        """Stops it, by force after ``timeout`` seconds; returns whether there was anything to stop."""
        if not self.home.is_dir():
            return False
        with self._lock():
            process = self._process()
            if process is not None and not end(process["pid"], process["started"], timeout):
                self.say(f"It did not stop within {timeout:g} seconds and was killed; what it acknowledged is kept.")
            if process is None and self._pid_file.exists():
                self.say("Its last process has ended without being stopped.")
            self._pid_file.unlink(missing_ok=True)
            if self._child is not None:
                self._child.poll()  # collects what is left of it
            return process is not None

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

    def _process(self) -> dict[str, Any] | None:
        """What the pid file says, if that very process still lives."""
        process = read_note(self._pid_file)
        try:
            alive = born(int(process["pid"])) == process["started"] and int(process["port"]) > 0
        except (KeyError, TypeError, ValueError):
            return None
        return process if alive else None

    def _class_path(self) -> str:
        wanted = [KAFKA, LOG_BINDING]
        kept = read_note(self.class_path_file)
        jars = [str(jar) for jar in kept.get("jars", [])]
        if kept.get("artifacts") != wanted or not jars or not all(Path(jar).is_file() for jar in jars):
            self.say(f"Resolving the jars of {KAFKA}; the first time that takes a while.")
            jars = [str(jar) for jar in resolve_jars(*wanted)]
            write_json(self.class_path_file, {"artifacts": wanted, "jars": jars})
        return os.pathsep.join(jars)

    def _configure(self) -> int:
        """Writes Kafka's configuration, and returns the port in it."""
        kept = read_note(self.home / "ports.json")
        port = self.port or free_port(kept.get("port"))
        controller = free_port(kept.get("controller"), but=port)
        write_json(self.home / "ports.json", {"port": port, "controller": controller})
        (self.home / "server.properties").write_text(as_properties(server_settings(port, controller)))
        (self.home / "log4j2.properties").write_text(as_properties(LOGGING))
        self._output.parent.mkdir(exist_ok=True)
        return port

    def _format(self, java: Java, class_path: str) -> None:
        if (self.data_dir / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "_")
        command = self._java(java, class_path, "kafka.tools.StorageTool")
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
            said = reason((done.stdout + done.stderr).splitlines())
            raise OutsideError(
                f"The broker's folder {self.data_dir} cannot be formatted: {said}",
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
            f"-Dbroker.home={self.home}",  # for whoever looks at the list of processes
            "-cp",
            class_path,
            main,
        ]

    def _launch(self, java: Java, class_path: str, port: int) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        with self._output.open("wb") as output:
            self._child = subprocess.Popen(
                [*self._java(java, class_path, "kafka.Kafka"), "server.properties"],
                cwd=self.home,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the starter's terminal is none of its business
            )
        process = {
            "pid": self._child.pid,
            "port": port,
            "started": born(self._child.pid) or "",
            "data_dir": str(self.data_dir),
        }
        try:
            write_json(self._pid_file, process)
            self._await(process, port, ours=True, log_from=before)
        except BaseException:
            end(self._child.pid, str(process["started"]), timeout=5)
            self._child.wait()
            self._pid_file.unlink(missing_ok=True)
            raise

    def _await(self, process: Mapping[str, Any], port: int, *, ours: bool, log_from: int = 0) -> None:
        until = time.monotonic() + self.start_timeout
        while not self._answers(port):
            if born(process["pid"]) != process["started"]:
                said = self._last_words(log_from)
                if ours and "already in use" in said:
                    raise _PortTakenError(port)
                raise OutsideError(f"Kafka ended while it started: {said}", f"Look into {self.log}.")
            if time.monotonic() > until:
                raise OutsideError(
                    f"Kafka (pid {process['pid']}) does not answer after {self.start_timeout:g} seconds: "
                    f"{self._last_words(log_from)}",
                    f"Look into {self.log}; "
                    + ("raise kafka.start_timeout_seconds." if ours else "stop the broker and start it again."),
                )
            time.sleep(0.05)

    def _answers(self, port: int) -> bool:
        """Whether this very Kafka answers there, and not one that took the port before it could."""
        cluster = cluster_at(HOST, port)
        return cluster is not None and f"cluster.id={cluster}" in tail(self.data_dir / "meta.properties")

    def _last_words(self, log_from: int) -> str:
        return reason(tail(self.log, log_from), tail(self._output))


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8"}  # else Java cannot read a folder's name that is not plain ASCII


class _PortTakenError(UsageError):
    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} of {HOST} is taken by another program.",
            "Stop that program, or set kafka.port to another one, or to 0 for any that is free.",
        )
