"""Resolve Spark's packages to jars once, and put them on the class path of each start.

``spark.jars.packages`` asks Ivy at every start, copies each jar and reads its classes again: two seconds. What is on
Java's class path from the beginning is found at once, and in the class data archive. Only for a Spark in one process:
on a cluster the executors need the packages too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from lakehouse.atomic_files import read_json, write_json
from lakehouse.errors import OutsideError
from lakehouse.jvm import last_error

PACKAGES = "spark.jars.packages"
EXCLUDES = "spark.jars.excludes"
CLASS_PATH = "spark.driver.extraClassPath"

_VERSION = re.compile(r"-\d.*")


_RESOLVE = """
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.atomic_files import write_json
from lakehouse.spark_environment import LOCAL_SETTINGS, ivy_folder, own_environment
from lakehouse.spark_jars import EXCLUDES, PACKAGES

settings = {**LOCAL_SETTINGS, "spark.ui.enabled": "false", "spark.jars.ivy": str(ivy_folder(Path(sys.argv[3])))}
builder = SparkSession.builder.master("local[1]").config(PACKAGES, sys.argv[1]).config(EXCLUDES, sys.argv[4])
for key, value in settings.items():
    builder = builder.config(key, value)
with own_environment():
    spark = builder.getOrCreate()
write_json(Path(sys.argv[2]), {"jars": spark.sparkContext.getConf().get("spark.jars", "")})
spark.stop()
"""


def resolve_packages(packages: str, fallback: Path, excludes: str = "") -> list[Path]:
    """The jars of ``packages``, as Spark's Ivy finds or downloads them; reads no class of them.

    They go to ``fallback`` where this user's home cannot be written. Raises OutsideError where they cannot be had.
    """
    with TemporaryDirectory() as folder:
        answer = Path(folder, "jars")
        # A process of its own, for a process has one Java. That has no extension, so that nothing of a jar runs.
        command = [sys.executable, "-c", _RESOLVE, packages, str(answer), str(fallback), excludes]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = str(read_json(answer).get("jars", ""))
    if done.returncode or not found:
        raise OutsideError(
            f"Spark's packages {packages} cannot be resolved: {last_error(done.stderr) or 'Java says nothing'}.",
            "Look whether this machine reaches a Maven repository, then try again.",
        )
    return [Path(unquote(urlsplit(jar).path)) for jar in found.split(",")]


def keep_jars(note: Path, packages: str, jars: Iterable[Path], settings: Mapping[str, str] | None = None) -> None:
    """Notes the jars of ``packages``, but those that Spark has itself in its own version.

    ``settings`` are those of Spark that need one of the jars, and hold where they are on the class path.
    """
    spark = distribution("pyspark")
    own = {_artifact(jar.name) for jar in Path(str(spark.locate_file("pyspark/jars"))).glob("*.jar")}
    # Ivy writes the group and an underscore before an artifact's name.
    wanted = [str(jar) for jar in jars if _artifact(jar.name.partition("_")[2]) not in own]
    write_json(
        note, {**read_json(note), packages: {"spark": spark.version, "jars": wanted, "settings": {**(settings or {})}}}
    )


def with_kept_jars(conf: dict[str, str], note: Path) -> dict[str, str]:
    """Spark's settings with the noted jars in place of the packages; as they are where those have changed since."""
    known: dict[str, Any] = read_json(note).get(conf.get(PACKAGES, ""), {})
    jars: list[str] = known.get("jars", [])
    fits = known.get("spark") == distribution("pyspark").version
    if not fits or not jars or not all(os.access(jar, os.R_OK) for jar in jars):
        return conf
    others = [conf[CLASS_PATH]] if conf.get(CLASS_PATH) else []
    rest = {name: value for name, value in conf.items() if name != PACKAGES}
    return {**known.get("settings", {}), **rest, CLASS_PATH: os.pathsep.join([*others, *jars])}


def _artifact(jar: str) -> str:
    return _VERSION.sub("", jar)
