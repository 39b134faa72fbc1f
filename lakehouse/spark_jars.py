"""Resolve Spark's packages to jars once, and put them on the class path of each start.

``spark.jars.packages`` asks Ivy at every start, copies each jar and reads its classes again: two seconds. What is on
Java's class path from the beginning is found at once, and in the class data archive. Only for a Spark in one process:
on a cluster the executors need the packages too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lakehouse.atomic_files import read_json, write_json

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PACKAGES = "spark.jars.packages"
CLASS_PATH = "spark.driver.extraClassPath"

_VERSION = re.compile(r"-\d.*")


def resolved_jars(spark: SparkSession) -> list[Path]:
    """The jars that Ivy found for a session's packages."""
    listed = spark.sparkContext.getConf().get("spark.jars", "") or ""
    return [Path(unquote(urlsplit(jar).path)) for jar in listed.split(",") if jar]


def keep_jars(note: Path, packages: str, jars: Iterable[Path]) -> None:
    """Notes the jars of ``packages``, but those that Spark has itself in its own version."""
    spark = distribution("pyspark")
    own = {_artifact(jar.name) for jar in Path(str(spark.locate_file("pyspark/jars"))).glob("*.jar")}
    # Ivy writes the group and an underscore before an artifact's name.
    wanted = [str(jar) for jar in jars if _artifact(jar.name.partition("_")[2]) not in own]
    write_json(note, {"packages": packages, "spark": spark.version, "jars": wanted})


def with_kept_jars(conf: dict[str, str], note: Path) -> dict[str, str]:
    """Spark's settings with the noted jars in place of the packages; as they are where those have changed since."""
    known: dict[str, Any] = read_json(note)
    jars: list[str] = known.get("jars", [])
    fits = (known.get("packages"), known.get("spark")) == (conf.get(PACKAGES), distribution("pyspark").version)
    if not fits or not jars or not all(os.access(jar, os.R_OK) for jar in jars):
        return conf
    others = [conf[CLASS_PATH]] if conf.get(CLASS_PATH) else []
    rest = {name: value for name, value in conf.items() if name != PACKAGES}
    return {**rest, CLASS_PATH: os.pathsep.join([*others, *jars])}


def _artifact(jar: str) -> str:
    return _VERSION.sub("", jar)
