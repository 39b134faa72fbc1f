"""A running `clickstream serve sql` over a lake of its own, and questions to it by Hive's JDBC driver."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.runtime.job import NO_CODE_GENERATION
from pipelines.runtime.settings import CONF
from tests.pipelines.bi.html.made_gold import made_gold, write_gold
from tests.support.polling import until

GIVEN = {name: rows for name, rows in made_gold(sessions=60).items() if name in {"sessions", "model_metrics"}}
"""The tables that are there from the start: each one more takes a second."""


class Served:
    """The command, running over a lake of its own in a folder of its own."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.lake, self.state, self.here = folder / "lake", folder / "state", folder / "here"
        for _ in range(2):  # an older version, so that going back to it would be a change
            write_gold(self.lake, GIVEN)
        self.here.mkdir()
        conf = folder / "conf"
        shutil.copytree(CONF, conf)
        with (conf / "spark-defaults.conf").open("a") as file:
            file.writelines(f"{name} {value}\n" for name, value in NO_CODE_GENERATION.items())
        self.said = folder / "said.txt"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.cli.serve", "sql", "--port", str(self.port)],
                env={
                    **os.environ,
                    "PYTHONPATH": str(CONF.parent),
                    "CLICKSTREAM_CONF": str(conf),
                    "CLICKSTREAM_LAKE": str(self.lake),
                    "CLICKSTREAM_STATE": str(self.state),
                    "CLICKSTREAM_SPARK__DRIVER_MEMORY": "1g",
                    "TMPDIR": str(folder),
                    # What would open it to the world, where it were heeded.
                    "HIVE_SERVER2_THRIFT_BIND_HOST": "0.0.0.0",  # noqa: S104
                },
                cwd=self.here,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def up(self):
        assert self.process.poll() is None, self.said.read_text()
        return "Ctrl-C ends it" in self.said.read_text()

    def children(self):
        """The processes of its session that live, without itself."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid and fields[0] not in "ZX":
                    found.append(int(stat.parent.name))
        return [pid for pid in found if pid != self.process.pid]


@contextmanager
def served_sql(folder: Path) -> Iterator[Served]:
    """The command, up, until the block ends."""
    one = Served(folder)
    try:
        until(one.up, "the endpoint")
        yield one
    finally:
        for pid in [*one.children(), one.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        one.process.wait()


def rows_of(result):
    columns = range(1, result.getMetaData().getColumnCount() + 1)
    rows = []
    while result.next():
        rows.append(tuple(result.getString(number) for number in columns))
    return rows


def ask(connection, query):
    statement = connection.createStatement()
    try:
        return rows_of(statement.executeQuery(query))
    finally:
        statement.close()
