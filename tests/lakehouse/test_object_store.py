"""One address and one environment reach a lake in S3 from Spark, delta-rs, Arrow and DuckDB."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse.engines.opened_table import is_table, newest, open_table, relation
from lakehouse.errors import OutsideError, UsageError
from lakehouse.object_store import (
    arrow_file_system,
    bucket_path,
    delta_rs_options,
    endpoint,
    lake_address,
    region,
    require_store,
    spark_settings,
)
from tests.support.s3_server import BUCKET, s3_server

LAKE = f"s3a://{BUCKET}/lake"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as environ, pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        yield environ


@pytest.mark.parametrize("lake", ["s3://shop/lake", "s3a://shop/lake/", "s3a://shop/lake"])
def test_an_address_has_one_spelling(lake):
    assert lake_address(lake) == "s3a://shop/lake"


def test_an_address_of_another_store_stays():
    assert lake_address("abfss://a@b.example/lake/") == "abfss://a@b.example/lake"
    assert delta_rs_options("abfss://a@b.example/lake") is None
    assert spark_settings("abfss://a@b.example/lake") == {}


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(UsageError) as raised:
        lake_address("s3a://name:hidden@shop/lake")
    assert "hidden" not in str(raised.value)
    assert "name:" not in str(raised.value)


def test_an_address_without_a_bucket_is_refused():
    with pytest.raises(UsageError, match="names no bucket"):
        lake_address("s3a:///lake")


def test_a_store_of_ones_own_is_found_by_its_endpoint():
    environ = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_SECRET_ACCESS_KEY": "hidden"}
    assert (endpoint(environ), region(environ)) == ("http://127.0.0.1:9", "us-east-1")
    settings, options = spark_settings(LAKE, environ), delta_rs_options(LAKE, environ)
    assert settings["spark.hadoop.fs.s3a.path.style.access"] == "true"
    assert options is not None
    assert (options["conditional_put"], options["allow_http"]) == ("etag", "true")
    assert "hidden" not in f"{settings}{options}"


def test_amazons_own_store_needs_no_endpoint():
    assert spark_settings(LAKE, {}) == {}
    assert spark_settings(LAKE, {"AWS_REGION": "eu-west-1"}) == {"spark.hadoop.fs.s3a.endpoint.region": "eu-west-1"}
    assert "aws_endpoint_url" not in (delta_rs_options(LAKE, {}) or {})


@pytest.mark.usefixtures("store")
def test_a_table_in_s3_is_read_by_duckdb():
    place = f"{LAKE}/gold/numbers"
    assert not is_table(place)
    assert open_table(place) is None
    rows = pa.table({"n": [1, 2], "at": pa.array([0, 5_000_000], pa.timestamp("us", "UTC"))})
    write_deltalake(place, rows, storage_options=delta_rs_options(place))
    table = open_table(place)
    assert table is not None
    with duckdb.connect() as connection:
        assert relation(connection, table).sum("n").fetchall() == [(3,)]
    found = newest(table, "at")
    assert found is not None
    assert found.second == 5


@pytest.mark.usefixtures("store")
def test_a_lost_data_file_of_s3_is_an_error():
    place = f"{LAKE}/gold/lost"
    write_deltalake(place, pa.table({"n": [1]}), storage_options=delta_rs_options(place))
    table = open_table(place)
    assert table is not None
    for file in table.get_add_actions()["path"].to_pylist():
        arrow_file_system().delete_file(f"{bucket_path(place)}/{file}")
    with duckdb.connect() as connection, pytest.raises((OSError, duckdb.Error)):
        relation(connection, table).sum("n").fetchall()


@pytest.mark.usefixtures("store")
def test_a_bucket_that_is_not_there_is_named():
    require_store(LAKE)
    with pytest.raises(OutsideError, match="no bucket nowhere"):
        require_store("s3a://nowhere/lake")


def test_a_store_that_is_gone_is_one_sentence(monkeypatch, store):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for look in (require_store, open_table):
        with pytest.raises(OutsideError, match="does not answer") as raised:
            look(LAKE)
        assert store["AWS_SECRET_ACCESS_KEY"] not in str(raised.value)
