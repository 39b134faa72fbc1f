"""Serve SQL to JDBC and ODBC clients by Spark's Thrift Server, in a session of this process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from lakehouse.errors import EndpointStartError


def endpoint_settings(host: str, port: int, folder: Path, authentication: str) -> dict[str, str]:
    """Spark's settings to serve SQL at that address, with its scratch files in ``folder``.

    ``authentication`` is Hive's name for how a client says who it is; ``NONE`` takes any name.
    """
    hive: Mapping[str, object] = {
        # The other mode, HTTP, listens on every address of the machine, whatever the next line says.
        "hive.server2.transport.mode": "binary",
        "hive.server2.thrift.bind.host": host,
        "hive.server2.thrift.port": port,
        "hive.server2.enable.doAs": "false",
        "hive.server2.authentication": authentication,
        # A client may ask for the log of its query, and some take its absence for an error.
        "hive.server2.logging.operation.enabled": "true",
        "hive.server2.logging.operation.log.location": folder / "operations",
        "hive.server2.async.exec.shutdown.timeout": "2s",
        "hive.exec.scratchdir": folder / "scratch",
        "hive.exec.local.scratchdir": folder / "scratch",
    }
    return {
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        # A whole table is sent to a client piece by piece.
        "spark.sql.thriftServer.incrementalCollect": "true",
        **{f"spark.hadoop.{name}": str(value) for name, value in hive.items()},
    }


QUERIES_LEFT = 16
"""So many queries that heed no end leave each core of this machine to the others."""

ROWS_UNHEEDED = 256
"""A task looks whether it is to end after so many rows of a file."""


def settings_against_deaf_queries(master: str) -> dict[str, str]:
    """Spark's settings so that a query whose client has gone keeps nobody waiting.

    Spark asks its tasks to end. One within a join of all rows with all does not hear that until it reads its next rows,
    which may take for ever, and keeps its slot till then. So on this machine there are more slots than cores, and a
    query is cut into as many tasks as there are cores. A cluster ends the executor instead.
    """
    heeding = {"spark.sql.parquet.columnarReaderBatchSize": str(ROWS_UNHEEDED)}
    if not master.startswith("local"):
        return {**heeding, "spark.task.reaper.enabled": "true"}
    cores = os.cpu_count() or 1
    return {
        **heeding,
        "spark.master": f"local[{cores * QUERIES_LEFT}]",
        "spark.default.parallelism": str(cores),
        "spark.sql.leafNodeDefaultParallelism": str(cores),
    }


def java_options(folder: Path) -> str:
    """Java's options to keep the scratch files and the log of its libraries in ``folder``."""
    # Not Derby's home as well: its database in memory, which Hive's code opens in passing, would not start with one.
    return f'-Djava.io.tmpdir="{folder}" -Dderby.stream.error.file="{folder}/derby.log"'


@contextmanager
def serving(spark: SparkSession) -> Iterator[None]:
    """Within, the session's tables are served to SQL clients.

    Raises EndpointStartError where the server does not start.
    """
    jvm: Any = spark._jvm  # noqa: SLF001
    start = jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2.startWithSparkSession
    try:
        server = start(spark._jsparkSession, False)  # noqa: SLF001
    except Py4JError as error:
        raise EndpointStartError from error
    try:
        yield
    finally:
        with suppress(Py4JError, OSError):
            spark.sparkContext.cancelAllJobs()
            server.stop()


def forget_environment() -> None:
    """Removes the environment variables by which Hive's server would listen elsewhere than its settings say."""
    for name in ("HIVE_SERVER2_THRIFT_BIND_HOST", "HIVE_SERVER2_THRIFT_PORT", "HIVE_CONF_DIR"):
        os.environ.pop(name, None)
