"""Start and end the Spark session: once, at the top, from one file of settings."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from traceback import extract_tb
from typing import Any

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from lakehouse.errors import SparkStartError, UsageError
from lakehouse.jvm import last_error, require_java_for_spark
from lakehouse.spark_environment import (
    LOCAL_SETTINGS,
    ivy_folder,
    java_folder_options,
    own_environment,
    require_user_name,
)
from lakehouse.spark_jars import with_kept_jars

_UNANSWERED = re.compile(r"An error occurred while calling \S+")
_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"


def read_defaults(path: Path) -> dict[str, str]:
    """The settings of a spark-defaults.conf, as spark-submit reads them."""
    settings = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, _, value = line.strip().partition(" ")
            settings[name] = value.strip()
    return settings


def start_session(
    name: str,
    defaults: Path,
    *,
    master: str,
    driver_memory: str,
    log: Path,
    java_options: str = "",
    settings: dict[str, str] | None = None,
    jars: Path | None = None,
) -> SparkSession:
    """A session with the settings of ``defaults``; under spark-submit, the one that it prepared.

    The JVM's standard error and the logs of Python's libraries go to ``log``: a person sees only sentences.
    ``jars`` is the note of the jars that the packages were resolved to (``spark_jars``).

    Raises SparkStartError where Java or the jars cannot be had, OutsideError where this user has no name
    or nowhere runs programs, UsageError
    where spark-submit brought no Delta.
    """
    conf = _with_java_options({**read_defaults(defaults), **(settings or {})}, java_options, defaults.parent)
    log.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=log, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    said = log.stat().st_size if log.exists() else 0
    builder = SparkSession.builder.appName(name)
    surroundings: AbstractContextManager[None] = nullcontext()
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # which spark-submit sets
        if _prepared("spark.master").startswith("local"):
            conf = {**conf, **{key: value for key, value in LOCAL_SETTINGS.items() if not _prepared(key)}}
    else:
        builder = builder.master(master).config("spark.driver.memory", driver_memory)
        if master.startswith("local"):
            require_user_name()
            require_java_for_spark()
            surroundings = own_environment()
            conf = {"spark.jars.ivy": str(ivy_folder(log.parent)), **LOCAL_SETTINGS, **conf}
            if "java.io.tmpdir" not in conf[_JAVA_OPTIONS]:
                conf[_JAVA_OPTIONS] = f"{conf[_JAVA_OPTIONS]} {java_folder_options(log.parent / 'tmp')}".rstrip()
            conf = with_kept_jars(conf, jars) if jars else conf
        else:
            # The Python workers must be this Python, wherever PATH points.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for key, value in conf.items():
        builder = builder.config(key, value)
    try:
        with surroundings, _standard_error_into(log):
            spark = builder.getOrCreate()
    except Exception as error:
        raise SparkStartError(_last_words(log, said) or str(error).rstrip("."), log) from error
    _require_delta(spark, defaults)
    _log_quietly(spark)
    return spark


def _prepared(key: str) -> str:
    """A setting of the session that spark-submit prepared; empty where it has none."""
    SparkContext._ensure_initialized()  # noqa: SLF001 - only then has SparkConf what spark-submit was told
    return SparkConf().get(key, "") or ""


def _with_java_options(conf: dict[str, str], java_options: str, folder: Path) -> dict[str, str]:
    """The settings with further Java options; log4j2.properties is the file in ``folder``."""
    options = f"{conf.get(_JAVA_OPTIONS, '')} {java_options}".strip()
    options = options.replace("log4j2.properties", (folder.resolve() / "log4j2.properties").as_uri())
    return {**conf, _JAVA_OPTIONS: options}


def _require_delta(spark: SparkSession, defaults: Path) -> None:
    try:
        jvm: Any = spark._jvm  # noqa: SLF001
        jvm.java.lang.Thread.currentThread().getContextClassLoader().loadClass(_EXTENSION)
    except Exception as error:
        raise UsageError(
            "This Spark session has no Delta Lake.",
            f"Start the job with spark-submit --properties-file {defaults}.",
        ) from error


def _log_quietly(spark: SparkSession) -> None:
    spark.sparkContext.setLogLevel("WARN")
    # Where Java dies, this server would print a stack trace beside the one sentence for a person.
    server: Any = spark.sparkContext._accumulatorServer  # noqa: SLF001
    server.handle_error = _log_error


def is_local_session() -> bool:
    """Whether the session that runs does all of its work on this machine."""
    session = SparkSession.getActiveSession()
    return session is not None and (session.sparkContext.master or "").startswith("local")


def end_session(spark: SparkSession, seconds: float = 10) -> None:
    """Stops Spark, and its Java where this process started it: for programs that clean up afterwards."""
    gateway: Any = spark.sparkContext._gateway  # noqa: SLF001
    java = getattr(gateway, "proc", None)
    spark.stop()
    if java is not None:
        java.stdin.close()  # by which it knows to end
        with suppress(subprocess.TimeoutExpired):
            java.wait(seconds)


def _log_error(*_: Any) -> None:
    logging.getLogger(__name__).error("The connection to Java is lost.", exc_info=sys.exc_info())


def java_is_gone(error: BaseException | None) -> bool:
    """Whether the cause of an error is that the Java of Spark has died."""
    while error is not None:
        if isinstance(error, Py4JNetworkError) or "Answer from Java side is empty" in str(error):
            return True
        # Py4J's own answer in place of one that never came; Java's has a trace.
        if isinstance(error, Py4JError) and _UNANSWERED.fullmatch(str(error)):
            return True
        if isinstance(error, ConnectionError) and any(
            "py4j" in frame.filename for frame in extract_tb(error.__traceback__)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _standard_error_into(log: Path) -> Iterator[None]:
    """Within, a started child writes its standard error to a file."""
    sys.stderr.flush()
    saved = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)


def _last_words(log: Path, start: int) -> str:
    """The last line of a log that tells of an error, from byte ``start`` on: what is before is of earlier jobs."""
    return last_error(log.read_bytes()[start:].decode(errors="replace")) if log.exists() else ""
