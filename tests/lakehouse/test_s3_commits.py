"""Two writers of one commit of a table in S3 cannot both win: the store itself refuses the second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from py4j import java_gateway, protocol
from py4j.protocol import Py4JJavaError
from pyspark.java_gateway import launch_gateway

from lakehouse.object_store import delta_rs_options, spark_settings
from lakehouse.spark_environment import own_environment
from lakehouse.spark_jars import CLASS_PATH, with_kept_jars
from pipelines.runtime.lake_store import JARS, store_settings
from pipelines.runtime.settings import load_settings
from tests.support.s3_server import BUCKET, s3_server

pytestmark = pytest.mark.spark

LAKE = f"s3a://{BUCKET}/commits"
ROUNDS = 20


class Settings:
    """What PySpark asks for when it starts Java."""

    def __init__(self, conf: dict[str, str]) -> None:
        self._conf = conf

    def getAll(self) -> list[tuple[str, str]]:  # noqa: N802 - PySpark's name
        return list(self._conf.items())


@pytest.fixture(scope="module")
def environ(tmp_path_factory) -> Iterator[dict[str, str]]:
    with s3_server(tmp_path_factory.mktemp("s3")) as environ, pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        yield environ


@pytest.fixture(scope="module")
def java(environ, tmp_path_factory) -> Iterator[Any]:
    """A Java with Delta and S3 on its class path, and no Spark session."""
    assert "AWS_ENDPOINT_URL" in environ
    settings = load_settings(lake=LAKE, state=tmp_path_factory.mktemp("state"))
    conf = with_kept_jars(store_settings(settings), JARS)
    with own_environment():
        gateway = launch_gateway(Settings({CLASS_PATH: conf[CLASS_PATH], "spark.master": "local"}))
    with pytest.MonkeyPatch.context() as patch:
        # Where a session ran in this process before, PySpark would ask that session's Java about errors of this one.
        patch.setattr(java_gateway, "get_return_value", protocol.get_return_value)
        yield gateway.jvm
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(30)


@pytest.fixture(scope="module")
def hadoop(java, environ):
    conf = java.org.apache.hadoop.conf.Configuration()
    for name, value in spark_settings(LAKE).items():
        conf.set(name.removeprefix("spark.hadoop."), value)
    # A Spark session would hand them on from the environment.
    conf.set("fs.s3a.access.key", environ["AWS_ACCESS_KEY_ID"])
    conf.set("fs.s3a.secret.key", environ["AWS_SECRET_ACCESS_KEY"])
    return conf


def commit(java: Any, hadoop: Any, store: Any, version: int, line: str, *, table: str = "race") -> bool:
    """Whether a commit was written; False where there is one of its number."""
    lines = java.java.util.ArrayList()
    lines.add(line)
    path = java.org.apache.hadoop.fs.Path(f"{LAKE}/{table}/_delta_log/{version:020d}.json")
    try:
        store.write(path, lines.iterator(), False, hadoop)
    except Py4JJavaError as error:
        if error.java_exception.getClass().getName() != "java.nio.file.FileAlreadyExistsException":
            raise
        return False
    return True


def written(java: Any, hadoop: Any, store: Any, version: int, *, table: str = "race") -> list[str]:
    path = java.org.apache.hadoop.fs.Path(f"{LAKE}/{table}/_delta_log/{version:020d}.json")
    found = store.read(path, hadoop)
    lines = []
    while found.hasNext():
        lines.append(found.next())
    return lines


def test_of_two_commits_at_the_same_moment_one_wins(java, hadoop):
    stores = [java.lakehouse.ExclusiveS3LogStore(hadoop) for _ in range(2)]
    together = Barrier(2)

    def race(writer: int) -> list[int]:
        won = []
        for version in range(ROUNDS):
            together.wait(60)
            if commit(java, hadoop, stores[writer], version, json.dumps({"writer": writer})):
                won.append(version)
        return won

    with ThreadPoolExecutor(2) as pool:
        won = list(pool.map(race, range(2)))
    assert sorted(won[0] + won[1]) == list(range(ROUNDS))
    for writer, versions in enumerate(won):
        assert all(written(java, hadoop, stores[0], one) == [json.dumps({"writer": writer})] for one in versions)


def test_a_commit_that_is_sent_twice_is_its_own_winner(java, hadoop):
    store = java.lakehouse.ExclusiveS3LogStore(hadoop)
    assert commit(java, hadoop, store, 0, '{"txnId": "a"}', table="twice")
    assert commit(java, hadoop, store, 0, '{"txnId": "a"}', table="twice"), "as S3A does after a lost answer"
    assert not commit(java, hadoop, store, 0, '{"txnId": "b"}', table="twice")
    assert written(java, hadoop, store, 0, table="twice") == ['{"txnId": "a"}']


def test_delta_rs_writes_over_no_commit_either(java, hadoop):
    place = f"{LAKE}/metrics"
    options = delta_rs_options(place)
    rows = pa.table({"n": pa.array([1], pa.int64())})
    write_deltalake(place, rows, storage_options=options)
    store = java.lakehouse.ExclusiveS3LogStore(hadoop)
    table = DeltaTable(place, storage_options=options)
    assert not commit(java, hadoop, store, 0, "{}", table="metrics")
    # Somebody else takes number 1 while this table is open: what is appended to it is number 2.
    assert commit(java, hadoop, store, 1, json.dumps({"commitInfo": {"operation": "WRITE"}}), table="metrics")
    write_deltalake(table, rows, mode="append")
    assert DeltaTable(place, storage_options=options).version() == 2
    assert written(java, hadoop, store, 1, table="metrics") == [json.dumps({"commitInfo": {"operation": "WRITE"}})]
