"""Set Spark up for the store that the lake is in: its jars, its address, and how it commits there.

For a Spark on this machine alone, a job does that itself. For a cluster, `python -m pipelines.runtime.lake_store FILE`
writes the jar with which its driver commits to S3 (`docs/how-to/run-on-a-cluster.md`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lakehouse.checksums import check_sums, sha256
from lakehouse.errors import OutsideError, UsageError
from lakehouse.java_classes import JAVA_SOURCES, compile_jar
from lakehouse.object_store import is_s3, spark_settings
from lakehouse.session import read_defaults
from lakehouse.spark_jars import EXCLUDES, PACKAGES, keep_jars, resolve_packages, with_kept_jars
from pipelines.runtime.console import err, fail, out
from pipelines.runtime.settings import CONF, Settings
from producers.shop.settings import conf_folder

CLASS_ARCHIVE = Path(sys.prefix) / "share" / "clickstream" / "java-classes.jsa"
"""The archive of class data sharing that Java starts from; `make setup` writes it."""

JARS = CLASS_ARCHIVE.with_name("spark-jars.json")
"""The note of the jars that Spark's packages were resolved to; `make setup` writes it."""

SPARK_SUMS = CONF / "spark-jars.sha256"
"""The sums of these jars."""

S3_SUMS = CONF / "spark-s3-jars.sha256"
"""The sums of the jars that a lake in S3 needs beside them."""

_COMMITS = JAVA_SOURCES / "ExclusiveS3LogStore.java"
_LOG_STORE = {"spark.delta.logStore.s3a.impl": f"lakehouse.{_COMMITS.stem}"}

_LISTING = JAVA_SOURCES / "FolderLogStore.java"
_FOLDER_LOG_STORE = {"spark.delta.logStore.file.impl": f"lakehouse.{_LISTING.stem}"}


def note_jars(packages: str, jars: Sequence[Path]) -> None:
    """Notes the jars of Spark's packages, with one of ours by which Delta lists a long log in a folder quickly.

    Raises OutsideError where that cannot be compiled: the others are noted then.
    """
    keep_jars(JARS, packages, jars)
    jar = _jar_of(_LISTING)
    compile_jar(_LISTING, jars, jar)
    keep_jars(JARS, packages, [*jars, jar], _FOLDER_LOG_STORE)


def store_settings(settings: Settings) -> dict[str, str]:
    """Spark's further settings for the store that the lake is in; none for a folder.

    For a Spark on this machine alone the jars of S3 are fetched, checked and noted, the first time that they are
    needed: `make setup` leaves them out.
    """
    if not is_s3(settings.lake_root):
        return {}
    conf = {**s3_defaults(), **spark_settings(settings.lake_root)}
    if "PYSPARK_GATEWAY_PORT" in os.environ or not settings.spark.master.startswith("local"):
        return conf  # those who run the cluster say how it commits
    _fetch(conf)
    return {**conf, **_LOG_STORE}


def s3_defaults() -> dict[str, str]:
    """The settings of conf/spark-s3.conf: of the user's folder of settings, if it has the file."""
    return read_defaults(next(file for one in (conf_folder(), CONF) if (file := one / "spark-s3.conf").is_file()))


def are_jars_there(conf: dict[str, str]) -> bool:
    """Whether the jars of S3 are noted, so that a start needs no network."""
    return PACKAGES not in with_kept_jars(conf, JARS) and _jar_of(_COMMITS).is_file()


def _fetch(conf: dict[str, str]) -> None:
    if are_jars_there(conf):
        return
    err.print("The lake is in S3, and Spark needs 20 MB of jars for that: the first time this takes a while.")
    jars = resolve_packages(conf[PACKAGES], JARS.parent, conf.get(EXCLUDES, ""))
    for sums in (SPARK_SUMS, S3_SUMS):
        check_sums(sums, jars)
    try:
        compile_jar(_COMMITS, jars, _jar_of(_COMMITS))
        keep_jars(JARS, conf[PACKAGES], [*jars, _jar_of(_COMMITS)])
    except PermissionError as error:
        raise OutsideError(
            f"The jars of S3 cannot be noted in {JARS.parent}: {error.strerror}.",
            "Run a job on this lake once as the user who owns that folder.",
        ) from error


def _jar_of(source: Path) -> Path:
    """The jar of a class of ours; another one where its source has changed."""
    return JARS.with_name(f"{source.stem}-{sha256(source)[:12]}.jar")


def main(arguments: list[str]) -> None:
    """Writes the jar of the class by which Delta commits to S3, for a cluster's driver."""
    if len(arguments) != 1:
        fail(UsageError("One argument is needed, the jar to write.", "Name it, as in s3-commits.jar."))
    try:
        conf = s3_defaults()
        jars = resolve_packages(conf[PACKAGES], JARS.parent, conf.get(EXCLUDES, ""))
        compile_jar(_COMMITS, jars, Path(arguments[0]))
    except OutsideError as error:
        fail(error)
    out.print(f"{arguments[0]} is written.")


if __name__ == "__main__":
    main(sys.argv[1:])
