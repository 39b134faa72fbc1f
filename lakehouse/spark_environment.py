"""Start Spark's Java in surroundings of its own, whatever this machine says of another Spark or its network.

Only for a Spark that runs on this machine alone: on a cluster, its operators say what holds.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lakehouse.errors import OutsideError

LOOPBACK = "127.0.0.1"

LOCAL_SETTINGS = {
    # Nothing of a Spark in one process is for others; and a host name that does not resolve stops nothing.
    "spark.driver.host": LOOPBACK,
    "spark.driver.bindAddress": LOOPBACK,
    # A path is one of this machine, even where HADOOP_CONF_DIR names a cluster's file system.
    "spark.hadoop.fs.defaultFS": "file:///",
    # A stream renames files of its checkpoint in each micro-batch. By Hadoop's other interface to files, which Spark
    # prefers, each rename of a local file starts a program (readlink): a tenth of all the time that `up` takes.
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
}
"""Spark's settings for one process."""

JAVA_FOLDER = Path("/tmp")  # noqa: S108 - Java's own choice, whatever TMPDIR says
"""Where Java puts temporary files."""

IVY = ".ivy2.5.2"
"""The folder in a home where Spark's Ivy keeps the jars that it has downloaded."""


@contextmanager
def own_environment() -> Iterator[None]:
    """Within, a Java that is started has this program's Python and Spark, the loopback address, and UTF-8."""
    own: dict[str, str | None] = {
        "SPARK_HOME": None,
        "PYSPARK_DRIVER_PYTHON": None,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_HOSTNAME": "localhost",
    }
    # Java writes and reads the names of files as the locale says.
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    if "utf" not in locale.lower():
        own["LC_ALL"] = "C.UTF-8"
    before = {name: os.environ.get(name) for name in own}
    _set(own)
    try:
        yield
    finally:
        _set(before)  # and nothing else: PySpark notes the session's settings in variables of its own


def _set(variables: Mapping[str, str | None]) -> None:
    """Sets environment variables; None removes one."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def require_user_name() -> None:
    """Raises OutsideError where this user has no name: Spark's Java would end with a stack trace."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError as error:
        raise OutsideError(
            f"This user, {os.getuid()}, has no name on this machine, and Spark needs one.",
            "Run as a user that /etc/passwd lists, or add a line for this one, as an image's Dockerfile can.",
        ) from error


def java_folder_options(fallback: Path, *, make: bool = True) -> str:
    """Java's option for another folder of temporary files than /tmp, where programs do not run from that.

    Java's libraries for compression unpack programs there. ``fallback`` is made where it is needed, if it may be.
    Raises OutsideError where none run from there either.
    """
    if runs_programs(JAVA_FOLDER):
        return ""
    if make:
        fallback.mkdir(mode=0o700, parents=True, exist_ok=True)
    if runs_programs(fallback):
        return f'-Djava.io.tmpdir="{fallback}"'
    raise OutsideError(
        f"Programs run neither from {JAVA_FOLDER} nor from {fallback} (both are mounted with noexec), and Java needs a "
        "folder for its libraries.",
        "Mount one of them with exec, or choose a state folder where programs run.",
    )


def runs_programs(folder: Path) -> bool:
    """Whether the file system of a folder lets programs run."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return not os.statvfs(there).f_flag & getattr(os, "ST_NOEXEC", 0)  # which only Linux tells


def ivy_folder(fallback: Path) -> Path:
    """Where Spark's Ivy keeps jars: in the home of this user, else, where it cannot write there, in ``fallback``."""
    try:
        folder = Path.home() / IVY
    except RuntimeError:  # no HOME, and no name
        return fallback / IVY
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return folder if os.access(there, os.W_OK | os.X_OK) else fallback / IVY
