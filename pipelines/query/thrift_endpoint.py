"""Gold for tools that speak SQL over JDBC or ODBC, such as Power BI: Spark's Thrift Server, which here only reads."""

from __future__ import annotations

import json
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from lakehouse.checksums import check_sums
from lakehouse.errors import OutsideError, UsageError
from lakehouse.jvm import shared_archive_options
from lakehouse.session import end_session, read_defaults
from lakehouse.signals import Stop, stopping
from lakehouse.spark_jars import PACKAGES, keep_jars, resolve_packages, with_kept_jars
from lakehouse.sql_endpoint.read_only import make_read_only
from lakehouse.sql_endpoint.thrift_server import (
    endpoint_settings,
    forget_environment,
    java_options,
    serving,
    settings_against_deaf_queries,
)
from lakehouse.table import Table
from pipelines.query.delta_reader import no_lake, open_tables
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.console import call, out, spinner
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.lake_store import CLASS_ARCHIVE, JARS, SPARK_SUMS
from pipelines.runtime.ports import LOOPBACK, check_port, is_loopback
from pipelines.runtime.settings import Settings, load_settings
from producers.shop.settings import conf_folder

DATABASES = ("gold", "default")
"""Where the tables are listed: a client that names no database looks into the second."""

AUTHENTICATION, OPEN = "spark.hadoop.hive.server2.authentication", "NONE"
"""Spark's setting that says how clients are asked who they are, and its value for "not at all"."""

TRANSPORT = "spark.hadoop.hive.server2.transport.mode"
"""Spark's setting that says whether clients are spoken to over HTTP."""

LOOK_SECONDS = 5.0
"""How often it is looked whether a table has come that was not there before."""


def sql(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 10000,
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen on. Any but this machine's own needs a server that asks for passwords."
        ),
    ] = LOOPBACK,
) -> None:
    """Serve the gold tables to SQL clients, Power BI's Spark connector among them, until Ctrl-C.

    Each gold table is listed with its comments, in the databases gold and default, and shows what is new without a
    restart. Statements that write, read other files or run programs are refused.
    """
    settings = load_settings()
    spark = read_defaults(conf_folder() / "spark-defaults.conf")
    refuse_http(spark)
    authentication = authentication_of(host, spark)
    check_port(port, "clickstream serve sql --port 10001", host)
    if not open_tables(settings, GOLD.values(), on_damage=lambda *_: None):
        raise no_lake(settings)
    with (
        stopping() as stop,
        stop.polled_by_caller(),
        TemporaryDirectory(prefix="clickstream-sql-", ignore_cleanup_errors=True) as own,
    ):
        with spinner() as shown:
            shown.add_task("serve sql: starting Spark")
            job = open_endpoint(settings, host, port, Path(own), authentication)
        try:
            with spinner() as shown, stop.interruptible():
                shown.add_task("serve sql: looking at the tables")
                views = Views(job)
                views.add()
            make_read_only(job.spark, f"{job.lake.root}/gold")
            with serving(job.spark):
                _say(host, port, views.names, authentication)
                _until_told(stop, job, views)
        finally:
            end_session(job.spark)


def authentication_of(host: str, spark: Mapping[str, str]) -> str:
    """How the server asks who a client is, by Spark's settings; ``NONE`` takes anybody.

    Raises UsageError where others than this machine could reach a server that takes anybody.
    """
    name = spark.get(AUTHENTICATION, OPEN).upper()
    if name in {OPEN, "NOSASL"} and not is_loopback(host):
        raise UsageError(
            f"At {host}, whoever reaches the port could read all of gold: no password would be asked.",
            "Leave --host out, and let the others come through `ssh -L`; or have passwords asked: set "
            f"{AUTHENTICATION} in conf/spark-defaults.conf, as docs/how-to/sql-endpoint.md says.",
        )
    return name


def refuse_http(spark: Mapping[str, str]) -> None:
    """Says why HTTP is not spoken, to whoever asks for it; raises UsageError."""
    if spark.get(TRANSPORT, "binary").lower() != "binary":
        raise UsageError(
            f"{TRANSPORT} asks for HTTP, and there Hive's server listens on every address of the machine, for any web "
            "page that is open on it, too.",
            "Take the setting out of conf/spark-defaults.conf: clients connect without it, and through `ssh -L` from "
            "elsewhere. docs/how-to/sql-endpoint.md says how to ask for HTTP, where a client speaks nothing else.",
        )


def open_endpoint(settings: Settings, host: str, port: int, folder: Path, authentication: str = OPEN) -> Job:
    """A Spark that can serve SQL there, and leaves nothing behind but its log.

    Delta's jars are on Java's class path. Hive closes the class loaders of a client's session when it ends, and one
    that had them would give no class any more, to anybody.
    """
    forget_environment()
    conf = read_defaults(conf_folder() / "spark-defaults.conf")
    if PACKAGES in with_kept_jars(conf, JARS):
        jars = resolve_packages(conf[PACKAGES], JARS.parent)
        check_sums(SPARK_SUMS, jars)
        keep_jars(JARS, conf[PACKAGES], jars)
    return open_job(
        "sql",
        settings,
        java_options=f"{shared_archive_options(CLASS_ARCHIVE)} {java_options(folder)}",
        more={
            **endpoint_settings(host, port, folder, authentication),
            **settings_against_deaf_queries(settings.spark.master),
        },
    )


class Views:
    """The tables as clients see them: views of their files, for nobody can write into a view."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.names: list[str] = []
        for database in DATABASES:
            job.spark.sql(f"CREATE DATABASE IF NOT EXISTS {database}")

    def add(self) -> None:
        """Lists the gold tables that are there and were not listed yet."""
        missing = [table for table in GOLD.values() if table.name not in self.names]
        for name, found in open_tables(self._job.settings, missing, on_damage=lambda *_: None).items():
            have = {field.name for field in found.schema().fields}
            for database in DATABASES:
                self._job.spark.sql(view_of(GOLD[name], database, self._job.lake.path(GOLD[name]), have))
            self.names.append(name)


def view_of(table: Table, database: str, path: str, have: Container[str]) -> str:
    """The SQL that lists a table in a database, with its comments and those of its columns."""
    columns = [column for column in table.columns if column.name in have]
    listed = ", ".join(f"`{column.name}` COMMENT {json.dumps(column.doc)}" for column in columns)
    names = ", ".join(f"`{column.name}`" for column in columns)
    view = f"CREATE OR REPLACE VIEW `{database}`.`{table.short_name}` ({listed}) COMMENT {json.dumps(table.doc)}"
    return f"{view} AS SELECT {names} FROM delta.`{path.replace('`', '``')}`"  # noqa: S608 - declared names


def _say(host: str, port: int, names: Sequence[str], authentication: str) -> None:
    name = "localhost" if host == LOOPBACK else host
    who = "any user and password" if authentication == OPEN else f"user and password as {authentication} knows them"
    out.print(f"{len(names)} gold tables are served at {name}:{port}, to be read; Ctrl-C ends it.")
    out.print(f'Power BI: ApacheSpark.Tables("{name}:{port}", 0), {who}. JDBC: jdbc:hive2://{name}:{port}')


def _until_told(stop: Stop, job: Job, views: Views) -> None:
    looked = time.monotonic()
    while not stop.wait(0.3):
        if job.spark.sparkContext._jsc.sc().isStopped():  # noqa: SLF001
            raise OutsideError("Spark has ended by itself.", f"{job.settings.logs / 'spark.log'} says why.")
        if time.monotonic() - looked > LOOK_SECONDS:
            # A table may be half made, or the store away for a moment: the next look finds it.
            with suppress(Exception):
                views.add()
            looked = time.monotonic()


if __name__ == "__main__":
    call(sql)
