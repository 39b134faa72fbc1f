"""A Spark cluster on this machine: a master and two workers as processes of their own, on the loopback address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import pyspark

from tests.support.polling import until

SPARK = Path(pyspark.__file__).parent
_HOME = "127.0.0.1"
_ADDRESS = re.compile(r"Starting Spark master at (\S+)")


class SparkCluster:
    """A master and two workers of one core each, whose executors are processes too: what local mode has in one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Starts master and workers, and waits until the master has both workers."""
        self.folder.mkdir(parents=True)
        log = self._start("master.Master", "--port", "0", "--webui-port", "0", log="master")
        until(lambda: _ADDRESS.search(log.read_text()), "the start of the master")
        (self.master,) = _ADDRESS.findall(log.read_text())
        for number in (1, 2):
            self._start(
                "worker.Worker", "--cores", "1", "--memory", "2g", "--webui-port", "0",
                "--work-dir", str(self.folder / f"work{number}"), self.master, log=f"worker{number}",
            )  # fmt: skip
        until(lambda: log.read_text().count("Registering worker") == 2, "two workers")

    def stop(self) -> None:
        """Ends workers and master, and the executors that they have started."""
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, SIGKILL)
            process.wait()

    def tasks_done(self) -> int:
        """How many tasks the executors have finished, by their own logs."""
        logs = self.folder.glob("work*/*/*/stderr")
        return sum(log.read_text(errors="replace").count("Finished task") for log in logs)

    def _start(self, name: str, *arguments: str, log: str) -> Path:
        file = self.folder / f"{log}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("SPARK_")}
        environment = {
            "SPARK_HOME": str(SPARK),
            "SPARK_LOCAL_IP": _HOME,
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
        }
        with file.open("wb") as output:
            self._processes.append(
                subprocess.Popen(
                    [SPARK / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", "--host", _HOME, *arguments],
                    env={**inherited, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        return file
