"""The Spark session: made once, at the top, from one file of settings."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from traceback import extract_tb
from typing import Any

from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from lakehouse.errors import SparkStartError, UsageError

_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"


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
) -> SparkSession:
    """A session with the settings of ``defaults``; under spark-submit, the one that it prepared.

    The JVM's standard error goes to ``log``, and so does what Python's libraries log: a person sees
    sentences, not chatter.

    Raises SparkStartError where Java or the jars cannot be had, UsageError where spark-submit
    brought no Delta.
    """
    conf = {**read_defaults(defaults), **(settings or {})}
    options = f"{conf.get('spark.driver.extraJavaOptions', '')} {java_options}".strip()
    conf["spark.driver.extraJavaOptions"] = options.replace(
        "log4j2.properties", (defaults.parent / "log4j2.properties").as_uri()
    )
    builder = SparkSession.builder.appName(name)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        # The workers that judge records must be this Python, wherever PATH points.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.master(master).config("spark.driver.memory", driver_memory)
    for key, value in conf.items():
        builder = builder.config(key, value)
    log.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=log, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with _standard_error_into(log):
            spark = builder.getOrCreate()
    except Exception as error:
        raise SparkStartError(_last_words(log) or str(error).rstrip("."), log) from error
    try:
        jvm: Any = spark._jvm  # noqa: SLF001
        jvm.java.lang.Thread.currentThread().getContextClassLoader().loadClass(_EXTENSION)
    except Exception as error:
        raise UsageError(
            "This Spark session has no Delta Lake.",
            f"Start the job with spark-submit --properties-file {defaults}.",
        ) from error
    spark.sparkContext.setLogLevel("WARN")
    # Where Java dies, this server would print a stack trace beside the one sentence that a person gets.
    server: Any = spark.sparkContext._accumulatorServer  # noqa: SLF001
    server.handle_error = _logged
    return spark


def end_session(spark: SparkSession, seconds: float = 10) -> None:
    """Stops Spark, and the Java that runs it where this process started that: for programs that clean up after it."""
    gateway: Any = spark.sparkContext._gateway  # noqa: SLF001
    java = getattr(gateway, "proc", None)
    spark.stop()
    if java is not None:
        java.stdin.close()  # which is how it knows that it is not needed any more
        with suppress(subprocess.TimeoutExpired):
            java.wait(seconds)


def _logged(*_: Any) -> None:
    logging.getLogger(__name__).error("Java tells nothing more.", exc_info=sys.exc_info())


def java_is_gone(error: BaseException | None) -> bool:
    """Whether this was raised because the Java that runs Spark has died."""
    while error is not None:
        if isinstance(error, Py4JNetworkError) or "Answer from Java side is empty" in str(error):
            return True
        if isinstance(error, ConnectionError) and any(
            "py4j" in frame.filename for frame in extract_tb(error.__traceback__)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _standard_error_into(log: Path) -> Iterator[None]:
    """Everything that a child started meanwhile writes to standard error goes to a file."""
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


def _last_words(log: Path) -> str:
    """The last line of the log that says what went wrong."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    telling = [line.strip() for line in lines[-200:] if "rror" in line or "xception" in line or "not found" in line]
    return telling[-1].rstrip(".")[:300] if telling else ""
