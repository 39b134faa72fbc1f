"""A lake in S3 changes how Spark is set up; any other lake changes nothing."""

from __future__ import annotations

import pytest

from lakehouse.session import read_defaults
from lakehouse.spark_jars import EXCLUDES, PACKAGES
from pipelines.runtime.lake_store import main, s3_defaults, store_settings
from pipelines.runtime.settings import CONF, Settings, load_settings


def settings_of(lake: str, tmp_path, master: str) -> Settings:
    return load_settings(lake=lake, state=tmp_path, spark={"master": master})


def test_a_lake_in_a_folder_needs_nothing(tmp_path):
    assert store_settings(settings_of(str(tmp_path / "lake"), tmp_path, "local[2]")) == {}


def test_on_a_cluster_nothing_is_fetched_here(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://store.example")
    conf = store_settings(settings_of("s3://bucket/lake", tmp_path, "spark://host:7077"))
    assert "hadoop-aws" in conf[PACKAGES]
    assert conf[EXCLUDES] == "software.amazon.awssdk:bundle"
    assert conf["spark.hadoop.fs.s3a.endpoint"] == "https://store.example"
    assert "spark.delta.logStore.s3a.impl" not in conf, "those who run it bring the jar"


def test_an_own_conf_folder_without_the_file_takes_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("CLICKSTREAM_CONF", str(tmp_path))
    assert s3_defaults() == read_defaults(CONF / "spark-s3.conf")


def test_the_jar_needs_a_name(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "the jar to write" in capsys.readouterr().err
