"""A downloaded file is what the program was tested with, or nothing of it runs."""

from __future__ import annotations

import pytest

from lakehouse.checksums import check_sums, read_sums, write_sums
from lakehouse.embedded_kafka.broker import KAFKA, KAFKA_SUMS
from lakehouse.errors import OutsideError
from lakehouse.session import read_defaults
from lakehouse.spark_jars import PACKAGES
from pipelines.runtime.lake_store import S3_SUMS, SPARK_SUMS
from pipelines.runtime.settings import CONF


def test_a_file_that_was_changed_is_refused_by_name(tmp_path):
    jars = [tmp_path / name for name in ("a.jar", "b.jar")]
    for jar in jars:
        jar.write_text(jar.name)
    write_sums(tmp_path / "sums", jars)
    assert check_sums(tmp_path / "sums", jars) == []
    jars[1].write_text("b.jar, and more")
    with pytest.raises(OutsideError, match=r"b\.jar is not the file") as raised:
        check_sums(tmp_path / "sums", jars)
    assert "make setup" in raised.value.hint


def test_a_file_without_a_sum_is_told(tmp_path):
    (tmp_path / "sums").write_text("")
    (tmp_path / "own.jar").write_text("x")
    assert check_sums(tmp_path / "sums", [tmp_path / "own.jar"]) == [tmp_path / "own.jar"]


def test_the_sums_are_those_of_the_versions_in_use():
    packages = read_defaults(CONF / "spark-defaults.conf")[PACKAGES]
    wanted = ["_".join(one.split(":")[:2]) + f"-{one.split(':')[2]}.jar" for one in packages.split(",")]
    assert set(wanted) <= set(read_sums(SPARK_SUMS))
    of_s3 = read_defaults(CONF / "spark-s3.conf")[PACKAGES]
    assert of_s3.startswith(f"{packages},"), "spark-submit takes one of the two lists"
    wanted = ["_".join(one.split(":")[:2]) + f"-{one.split(':')[2]}.jar" for one in of_s3.split(",")]
    assert set(wanted) <= {*read_sums(SPARK_SUMS), *read_sums(S3_SUMS)}
    assert not [name for name in read_sums(S3_SUMS) if "bundle" in name], "600 MB"
    assert "-".join(KAFKA.split(":")[1:]) + ".jar" in read_sums(KAFKA_SUMS)
    assert all(len(digits) == 64 for sums in (SPARK_SUMS, S3_SUMS, KAFKA_SUMS) for digits in read_sums(sums).values())
