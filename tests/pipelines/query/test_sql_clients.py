"""Clients of the SQL endpoint come, ask, are cut off and go, in any order: every table answers afterwards."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pyspark
import pytest
import sqlalchemy
from deltalake import DeltaTable
from impala import dbapi as impala
from pyhive import hive
from TCLIService.ttypes import TOperationState

from tests.support.polling import pass_time, until
from tests.support.sql_endpoint import GIVEN, ask, served_sql

pytestmark = pytest.mark.spark

RUNNING = TOperationState.RUNNING_STATE

ENDLESS = "SELECT count(*) FROM range(100000000000) WHERE rand() > 2"


def assert_all_tables_answer(connect, served):
    with connect() as connection:
        for name in GIVEN:
            rows = DeltaTable(f"{served.lake}/gold/{name}").to_pyarrow_table()
            assert len(ask(connection, f"SELECT * FROM gold.{name} ORDER BY 1")) == rows.num_rows, name  # noqa: S608


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


def _cut_off(port, _, query=ENDLESS):
    """A client that is gone amid a query, without a word, as one whose process was killed."""
    connection = _pyhive(port)
    cursor = connection.cursor()
    cursor.execute(query, async_=True)
    connection._transport._trans.handle.shutdown(socket.SHUT_RDWR)
    with suppress(Exception):
        connection.close()


@contextmanager
def _beeline(port, *words):
    """Beeline, Hive's command line, as Spark brings it along: a process of its own, gone with the block."""
    jars = Path(pyspark.__file__).parent / "jars" / "*"
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", str(jars), "org.apache.hive.beeline.BeeLine"]
    command += ["-u", f"jdbc:hive2://127.0.0.1:{port}/gold", "-n", "anybody", "--outputformat=csv2", *words]
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, text=True, **piped) as process:
        try:
            yield process
        finally:
            process.kill()


def _said(line):
    """What stands behind beeline's prompt."""
    return re.sub(r"^\d+: jdbc:\S+> ?", "", line).strip()


def _by_beeline(port, query):
    with _beeline(port, "--silent=true", "--showHeader=false", "-e", query) as process:
        printed, errors = process.communicate(timeout=120)
        if process.returncode:
            raise hive.OperationalError(errors)
    return [line.split(",") for line in map(_said, printed.splitlines()) if line]


HARMLESS = (_by_synchronous, _by_asynchronous, _by_impyla, _by_sqlalchemy, _by_beeline)
CLIENTS = {one.__name__: one for one in (*HARMLESS, _cut_off)}


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_clients_come_and_go_in_any_order_and_harm_nobody(served, connect, seed):
    chance = random.Random(seed)
    for _ in range(25):
        client = chance.choice(list(CLIENTS.values()))
        query = chance.choice(["SELECT 1", "SELECT count(*) FROM gold.sessions"])
        answer = client(served.port, query)
        assert answer is None or int(answer[0][0]) >= 1, client.__name__
    assert_all_tables_answer(connect, served)


def test_queries_that_heed_no_end_do_not_keep_others_waiting(tmp_path):
    """Spark asks a task to end, and one within a join of all with all does not hear it."""
    joined = " CROSS JOIN ".join(f"gold.sessions AS s{number}" for number in range(6))
    hashed = ", ".join(f"s{number}.session_id" for number in range(6))
    deaf = f"SELECT count(*), sum(hash({hashed})) FROM {joined}"  # noqa: S608 - our own
    with served_sql(tmp_path) as own:  # what does not end goes on until its endpoint does
        for _ in range(os.cpu_count() or 1):
            with closing(_pyhive(own.port)) as connection, closing(connection.cursor()) as cursor:
                cursor.execute(deaf, async_=True)
                until(lambda ask=cursor: ask.poll().operationState == RUNNING, "the query")
                pass_time(2)
                cursor.cancel()
        _cut_off(own.port, None, deaf)
        for name in GIVEN:
            assert int(_by_synchronous(own.port, f"SELECT count(*) FROM gold.{name}")[0][0]) > 0  # noqa: S608


def test_beeline_asks_and_quits(served, connect):
    with _beeline(served.port) as asks:
        said, errors = asks.communicate("SELECT count(*) AS n FROM sessions;\nSHOW TABLES;\n!quit\n", timeout=120)
        assert asks.returncode == 0, errors
        assert "\nn\n60\n" in said
        assert re.search(r"^gold,sessions,", said, re.MULTILINE), said
    assert_all_tables_answer(connect, served)


def test_beeline_is_killed_amid_the_rows_it_prints(served, connect):
    with _beeline(served.port, "--incremental=true", "--showHeader=false") as asks:
        asks.stdin.write("SELECT id, repeat('x', 1000) FROM range(0, 10000000, 1, 100000);\n")
        asks.stdin.flush()
        until(lambda: asks.stdout.readline().count("x") > 900, "the first rows")
        asks.kill()
        asks.wait()
    assert int(_by_synchronous(served.port, "SELECT count(*) FROM gold.sessions")[0][0]) >= 60
    assert_all_tables_answer(connect, served)


@pytest.mark.parametrize("client", HARMLESS, ids=lambda client: client.__name__)
def test_a_refusal_is_a_sentence_for_every_client(served, client):
    with pytest.raises(Exception, match="only reads"):
        client(served.port, "DROP VIEW gold.sessions")
