"""What `make setup` does last: fetches Spark's jars, checks them, and keeps the classes that Java has read from them.

Each later start takes half of the time. Run: python -m pipelines.cli.warm_up, with --renew-sums after a change of the
packages in conf/spark-defaults.conf or of the embedded Kafka.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.markup import escape

from lakehouse.atomic_files import read_json
from lakehouse.checksums import check_sums, write_sums
from lakehouse.embedded_kafka.broker import KAFKA, KAFKA_SUMS, LOG_BINDING
from lakehouse.errors import OutsideError
from lakehouse.jvm import resolve_jars
from lakehouse.session import read_defaults
from lakehouse.spark_jars import PACKAGES, keep_jars
from pipelines.runtime.console import err, fail
from pipelines.runtime.job import CLASS_ARCHIVE, JARS
from pipelines.runtime.settings import CONF

SPARK_SUMS = CONF / "spark-jars.sha256"

_RESOLVE = """
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.atomic_files import write_json
from lakehouse.spark_environment import LOCAL_SETTINGS, ivy_folder, own_environment
from lakehouse.spark_jars import PACKAGES, resolved_jars

builder = SparkSession.builder.master("local[1]").config(PACKAGES, sys.argv[1])
settings = {**LOCAL_SETTINGS, "spark.ui.enabled": "false", "spark.jars.ivy": str(ivy_folder(Path.cwd()))}
for key, value in settings.items():
    builder = builder.config(key, value)
with own_environment():
    spark = builder.getOrCreate()
write_json(Path(sys.argv[2]), {"jars": [str(jar) for jar in resolved_jars(spark)]})
spark.stop()
"""

_WORK = """
import sys
from pathlib import Path

from bronze.raw_events import BRONZE
from lakehouse.jvm import archive_at_exit_options
from pipelines.runtime.job import open_job

job = open_job("warm-up", short=True, java_options=archive_at_exit_options(Path(sys.argv[1])))
table = BRONZE["clicks"]
job.lake.ensure(table)
job.lake.append(table, job.lake.read(table))
job.spark.stop()
"""


def main() -> None:
    """Notes the jars and rebuilds the archive: without them all works, only slower. A jar with a wrong sum stops it."""
    try:
        _keep_jars(renew="--renew-sums" in sys.argv)
    except OutsideError as error:
        fail(error)
    _archive_classes()


def _keep_jars(*, renew: bool) -> None:
    packages = read_defaults(CONF / "spark-defaults.conf")[PACKAGES]
    with tempfile.TemporaryDirectory() as folder:
        # No class of a jar is read before its sum is known to be right: this Spark has no extension.
        answer = Path(folder, "jars")
        done = _run(folder, _RESOLVE, packages, answer)
        if done.returncode:
            _complain("Spark's jars could not be fetched beforehand", done)
            return
        jars = [Path(jar) for jar in read_json(answer)["jars"]]
    if renew:
        write_sums(SPARK_SUMS, jars)
        write_sums(KAFKA_SUMS, resolve_jars(KAFKA, LOG_BINDING))
    check_sums(SPARK_SUMS, jars)
    keep_jars(JARS, packages, jars)


def _archive_classes() -> None:
    CLASS_ARCHIVE.parent.mkdir(parents=True, exist_ok=True)
    CLASS_ARCHIVE.unlink(missing_ok=True)
    made = CLASS_ARCHIVE.with_suffix(".new")
    with tempfile.TemporaryDirectory() as folder:
        done = _run(folder, _WORK, made)
    if done.returncode == 0 and made.exists():
        made.replace(CLASS_ARCHIVE)
    else:
        _complain("Spark could not be started beforehand", done)


def _run(folder: str, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own: Java writes the archive when it ends, and its output ends with it."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")},
            "CLICKSTREAM_LAKE": f"{folder}/lake",
            "CLICKSTREAM_STATE": f"{folder}/state",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def _complain(what: str, done: subprocess.CompletedProcess[str]) -> None:
    last = (done.stderr.strip().splitlines() or ["Java wrote no archive."])[-1]
    err.print(f"{what}: {escape(last)}")


if __name__ == "__main__":
    main()
