"""The SQL endpoint: a real client lists the tables and reads their rows, and can do nothing else; then it is gone."""

from __future__ import annotations

import re
import signal
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address

import pytest
from deltalake import DeltaTable
from py4j.protocol import Py4JJavaError

from lakehouse.errors import UsageError
from pipelines.query.thrift_endpoint import AUTHENTICATION, LOOK_SECONDS, TRANSPORT, authentication_of, refuse_http
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.html.made_gold import write_gold
from tests.support.doors import listening
from tests.support.polling import until
from tests.support.sql_endpoint import GIVEN, ask, rows_of

pytestmark = pytest.mark.spark

READS = "only reads"
FILES = "no other files"


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


@pytest.mark.parametrize("mode", ["http", "HTTP", "all"])
def test_http_is_refused_with_the_reason(mode):
    refuse_http({})
    refuse_http({TRANSPORT: "binary"})
    with pytest.raises(UsageError, match="listens on every address"):
        refuse_http({TRANSPORT: mode})


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
