"""Jars that were resolved once stand in for Spark's packages, until something changes."""

from __future__ import annotations

from lakehouse.spark_jars import CLASS_PATH, PACKAGES, keep_jars, with_kept_jars


def test_noted_jars_stand_in_for_the_packages(tmp_path):
    own, others = "org.apache.kafka_kafka-clients-3.9.2.jar", "org.slf4j_slf4j-api-2.0.13.jar"
    for name in (own, others):
        (tmp_path / name).write_text("")
    note, conf = tmp_path / "note.json", {PACKAGES: "a:b:1", "spark.x": "1", CLASS_PATH: "mine.jar"}
    assert with_kept_jars(conf, note) == conf
    keep_jars(note, "a:b:1", [tmp_path / own, tmp_path / others])
    assert with_kept_jars(conf, note) == {"spark.x": "1", CLASS_PATH: f"mine.jar:{tmp_path / own}"}, "Spark has slf4j"
    assert with_kept_jars({**conf, PACKAGES: "a:b:2"}, note) == {**conf, PACKAGES: "a:b:2"}
    (tmp_path / own).unlink()
    assert with_kept_jars(conf, note) == conf
