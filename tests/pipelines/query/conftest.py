"""The SQL endpoint, started once for the tests of a file, and connections to it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.support.sql_endpoint import served_sql


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with served_sql(tmp_path_factory.mktemp("endpoint")) as one:
        yield one


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
