"""The SQL endpoint: a real client lists the tables and reads their rows, and can do nothing else; then it is gone."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
import sqlalchemy
from deltalake import DeltaTable
from impala import dbapi as impala
from py4j.protocol import Py4JJavaError
from pyhive import hive
from TCLIService.ttypes import TOperationState

from lakehouse.errors import UsageError
from pipelines.query.thrift_endpoint import AUTHENTICATION, LOOK_SECONDS, authentication_of
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.job import NO_CODE_GENERATION
from pipelines.runtime.settings import CONF
from tests.pipelines.bi.html.made_gold import made_gold, write_gold
from tests.support.doors import listening
from tests.support.polling import until

pytestmark = pytest.mark.spark

RUNNING = TOperationState.RUNNING_STATE

GIVEN = {name: rows for name, rows in made_gold(sessions=60).items() if name in {"sessions", "model_metrics"}}
"""The tables that are there from the start: each one more takes a second."""

READS = "only reads"
FILES = "no other files"


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


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    one = Served(tmp_path_factory.mktemp("endpoint"))
    try:
        until(one.up, "the endpoint")
        yield one
    finally:
        for pid in [*one.children(), one.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        one.process.wait()


@pytest.fixture(scope="module")
def connect(spark, served):
    """Opens connections by Hive's JDBC driver, which Spark brings along."""

    @contextmanager
    def connected(after=""):
        connection = spark._jvm.org.apache.hive.jdbc.HiveDriver().connect(
            f"jdbc:hive2://127.0.0.1:{served.port}/{after}", spark._jvm.java.util.Properties()
        )
        try:
            yield connection
        finally:
            connection.close()

    return connected


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


def refused(connection, query):
    """The sentence that a query is refused with; None where it is not."""
    statement = connection.createStatement()
    try:
        statement.execute(query)
    except Py4JJavaError as error:
        return str(error.java_exception.getMessage())
    finally:
        statement.close()
    return None


def plain(value):
    """A value as JDBC tells it in words."""
    if isinstance(value, datetime):
        return re.sub(r"\.?0*$", "", f"{value:%Y-%m-%d %H:%M:%S.%f}") + (".0" if not value.microsecond else "")
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, float) else str(value)


def test_every_gold_table_is_listed_with_its_comments(connect):
    with connect() as connection:
        told = connection.getMetaData()
        for database in ("gold", "default"):
            tables = {row[2]: row[4] for row in rows_of(told.getTables(None, database, "%", None))}
            assert tables == {table.short_name: table.doc for table in GOLD.values() if table.short_name in GIVEN}
        columns = {row[3]: row[11] for row in rows_of(told.getColumns(None, "gold", "sessions", "%"))}
        assert columns == {column.name: column.doc for column in GOLD["gold.sessions"].columns}


@pytest.mark.parametrize("name", ["sessions", "model_metrics"])
def test_a_client_reads_what_delta_rs_reads(connect, served, name):
    columns = GOLD[f"gold.{name}"].columns
    names = [column.name for column in columns]
    # Java and Python write the same double in different words.
    read = [float if column.type == "DOUBLE" else str for column in columns]
    want = DeltaTable(f"{served.lake}/gold/{name}").to_pyarrow_table(columns=names).to_pylist()
    with connect() as connection:
        told = ask(connection, f"SELECT {', '.join(names)} FROM gold.{name}")  # noqa: S608 - declared names
    told = [tuple(cell and kind(cell) for kind, cell in zip(read, row, strict=True)) for row in told]
    assert sorted(told, key=repr) == sorted((tuple(plain(row[one]) for one in names) for row in want), key=repr)


def test_a_client_may_ask_as_tools_do(connect):
    with connect("gold") as connection:
        assert ("sessions",) in [row[1:2] for row in ask(connection, "SHOW TABLES")]
        assert ask(connection, "SELECT count(*) FROM sessions") == [("60",)]
    with connect() as connection:
        assert not refused(connection, "USE gold")
        assert {row[0] for row in ask(connection, "SHOW DATABASES")} == {"default", "gold"}
        assert "user_id" in {row[0] for row in ask(connection, "DESCRIBE TABLE EXTENDED gold.sessions")}
        assert ask(connection, "EXPLAIN SELECT * FROM gold.sessions")
        assert ask(connection, "SET -v")
        with_parts = """
            WITH kinds AS (SELECT referrer_kind, count(*) AS sessions FROM gold.sessions GROUP BY 1)
            SELECT sum(sessions) FROM (
                SELECT sessions FROM kinds WHERE referrer_kind IN (SELECT referrer_kind FROM gold.sessions) UNION ALL
                SELECT count(*) FROM (VALUES (1), (2)) CROSS JOIN range(3)
            )"""
        assert ask(connection, with_parts) == [("66",)]
        assert ask(connection, "FROM gold.sessions |> WHERE events > 0 |> AGGREGATE count(*) AS sessions") == [("60",)]


def test_what_is_new_in_gold_is_seen_at_once(connect, served):
    with connect() as connection:
        before = int(ask(connection, "SELECT count(*) FROM gold.model_metrics")[0][0])
        write_gold(served.lake, {"model_metrics": GIVEN["model_metrics"]}, mode="append")
        assert int(ask(connection, "SELECT count(*) FROM gold.model_metrics")[0][0]) == 2 * before


def test_a_table_that_comes_later_is_listed(connect, served):
    write_gold(served.lake, {"users": []})
    with connect("gold") as connection:
        until(
            lambda: ("users",) in [row[1:2] for row in ask(connection, "SHOW TABLES")],
            "the new table",
            limit=LOOK_SECONDS + 60,
            step=0.5,
        )
        assert ask(connection, "SELECT count(*) FROM users") == [("0",)]


REFUSALS = {
    "INSERT INTO gold.sessions SELECT * FROM gold.sessions": "",
    "INSERT INTO delta.`{sessions}` SELECT * FROM gold.sessions": READS,
    "WITH a AS (SELECT * FROM gold.sessions) INSERT INTO delta.`{sessions}` SELECT * FROM a": READS,
    "FROM gold.sessions INSERT INTO delta.`{sessions}` SELECT *": READS,
    "DELETE FROM delta.`{sessions}`": READS,
    "UPDATE delta.`{sessions}` SET events = 0": READS,
    "MERGE INTO delta.`{sessions}` t USING gold.sessions s ON t.user_id = s.user_id WHEN MATCHED THEN DELETE": READS,
    "OPTIMIZE delta.`{sessions}`": READS,
    "VACUUM delta.`{sessions}` RETAIN 1000 HOURS": READS,
    "RESTORE TABLE delta.`{sessions}` TO VERSION AS OF 0": READS,
    "ALTER TABLE delta.`{sessions}` SET TBLPROPERTIES ('a' = 'b')": READS,
    "INSERT OVERWRITE DIRECTORY '{folder}/out' USING parquet SELECT 1": READS,
    "CREATE TABLE mine USING parquet LOCATION '{folder}/out' AS SELECT 1 AS one": READS,
    "CREATE TABLE mine (one INT) USING delta": READS,
    "CREATE TEMPORARY VIEW mine USING text OPTIONS (path '{secret}')": READS,
    "CREATE VIEW mine AS SELECT 1": READS,
    "DROP VIEW gold.sessions": READS,
    "CREATE FUNCTION f AS 'a.b.C'": READS,
    "ADD JAR '{secret}'": READS,
    "CACHE TABLE gold.sessions": READS,
    "SET spark.sql.shuffle.partitions = 1000": READS,
    "SELECT * FROM text.`{secret}`": FILES,
    "SELECT * FROM gold.sessions WHERE user_id IN (SELECT value FROM text.`{secret}`)": FILES,
    "SELECT (SELECT max(value) FROM text.`{secret}`)": FILES,
    "SELECT * FROM delta.`{lake}/gold/../secret`": "",
    "SELECT TRANSFORM (user_id) USING 'cat' AS (a STRING) FROM gold.sessions": READS,
    "SELECT reflect('java.lang.System', 'lineSeparator')": "reflect",
    "SELECT java_method('java.lang.System', 'lineSeparator')": "java_method",
}
"""What is asked, and a part of what it is refused with."""


def test_nothing_can_be_written_run_or_read_elsewhere(connect, served, tmp_path):
    sessions = f"{served.lake}/gold/sessions"
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden\n")
    before = DeltaTable(sessions).version()
    places = {"sessions": sessions, "secret": secret, "folder": tmp_path, "lake": served.lake}
    with connect() as connection:
        said = {query: refused(connection, query.format(**places)) for query in REFUSALS}
    assert {query: sentence for query, sentence in said.items() if not sentence} == {}
    assert {query: said[query] for query, part in REFUSALS.items() if part not in said[query]} == {}
    assert not [sentence for sentence in said.values() if "Traceback" in sentence or "hidden" in sentence]
    assert DeltaTable(sessions).version() == before
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]


def test_settings_that_come_with_a_connection_do_not_help(connect, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden\n")
    with connect("?spark.sql.runSQLonFiles=true;spark.sql.legacy.allowNonEmptyLocationInCTAS=true") as connection:
        assert FILES in refused(connection, f"SELECT * FROM text.`{secret}`")  # noqa: S608 - our own
        assert READS in refused(connection, f"CREATE TABLE mine USING parquet LOCATION '{tmp_path}/out' AS SELECT 1")


def _pyhive(port):
    return hive.connect("127.0.0.1", port=port, username="anybody")


def _impyla(port):
    return impala.connect("127.0.0.1", port=port, user="anybody", password="any", auth_mechanism="PLAIN")  # noqa: S106


def _by_synchronous(port, query):
    with closing(_pyhive(port)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _by_asynchronous(port, query):
    with closing(_pyhive(port)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(query, async_=True)
        states = []
        until(lambda: states.append(cursor.poll()) or states[-1].operationState > RUNNING, "the answer")
        if states[-1].errorMessage:
            raise hive.OperationalError(states[-1].errorMessage)
        return cursor.fetchall()


def _by_impyla(port, query):
    with closing(_impyla(port)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _by_sqlalchemy(port, query):
    engine = sqlalchemy.create_engine(f"hive://anybody@127.0.0.1:{port}/gold")
    try:
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(query)).fetchall()
    finally:
        engine.dispose()


def _cut_off(port, _):
    """A client that is gone amid a query, without a word, as one whose process was killed."""
    connection = _pyhive(port)
    cursor = connection.cursor()
    cursor.execute("SELECT count(*) FROM range(100000000000) WHERE rand() > 2", async_=True)
    connection._transport._trans.handle.shutdown(socket.SHUT_RDWR)
    with suppress(Exception):
        connection.close()


CLIENTS = {one.__name__: one for one in (_by_synchronous, _by_asynchronous, _by_impyla, _by_sqlalchemy, _cut_off)}


@pytest.mark.parametrize("seed", [1, 2])
def test_clients_come_and_go_in_any_order_and_harm_nobody(served, connect, seed):
    chance = random.Random(seed)
    for _ in range(25):
        client = chance.choice(list(CLIENTS.values()))
        query = chance.choice(["SELECT 1", "SELECT count(*) FROM gold.sessions"])
        answer = client(served.port, query)
        assert answer is None or int(answer[0][0]) >= 1, client.__name__
    with connect() as connection:
        for name in GIVEN:
            rows = DeltaTable(f"{served.lake}/gold/{name}").to_pyarrow_table()
            assert len(ask(connection, f"SELECT * FROM gold.{name} ORDER BY 1")) == rows.num_rows, name  # noqa: S608


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "_cut_off"])
def test_a_refusal_is_a_sentence_for_every_client(served, client):
    with pytest.raises(Exception, match="only reads"):
        CLIENTS[client](served.port, "DROP VIEW gold.sessions")


def test_only_this_machine_reaches_it(served):
    heard = listening(served.process.pid)
    assert served.port in {address.port for address in heard}
    assert [address for address in heard if not ip_address(address.ip.removeprefix("::ffff:")).is_loopback] == []


OTHERS = "0.0.0.0"  # noqa: S104
ASKS = {AUTHENTICATION: "LDAP"}


@pytest.mark.parametrize(
    ("host", "spark", "authentication"),
    [
        ("127.0.0.1", {}, "NONE"),
        ("localhost", {}, "NONE"),
        ("::1", ASKS, "LDAP"),
        (OTHERS, ASKS, "LDAP"),
        (OTHERS, {}, None),
        ("::", {}, None),
        ("10.0.0.7", {AUTHENTICATION: "none"}, None),
        ("this-machine.example", {AUTHENTICATION: "NOSASL"}, None),
    ],
)
def test_others_reach_only_a_server_that_asks(host, spark, authentication):
    if authentication:
        assert authentication_of(host, spark) == authentication
    else:
        with pytest.raises(UsageError, match="no password would be asked"):
            authentication_of(host, spark)


def test_told_to_stop_it_ends_cleanly_and_leaves_nothing(served, connect):
    with connect() as connection:  # a client that is still there does not keep it
        assert ask(connection, "SELECT 1") == [("1",)]
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(timeout=30) == 0, served.said.read_text()
        with suppress(Py4JJavaError):
            connection.close()
    until(lambda: not served.children(), "the end of its children", limit=10)
    assert list(served.here.iterdir()) == []
    assert [path.name for path in served.said.parent.glob("clickstream-sql-*")] == []
    assert "Traceback" not in served.said.read_text()
