"""What `make setup` does last: fetches Spark's jars, checks them, and keeps the classes that Java has read from them.

Each later start takes half of the time. Run: python -m pipelines.cli.warm_up, with --renew-sums after a change of the
packages in conf/spark-defaults.conf or of the embedded Kafka.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from lakehouse.checksums import check_sums, write_sums
from lakehouse.embedded_kafka.broker import KAFKA, KAFKA_SUMS, LOG_BINDING
from lakehouse.errors import OutsideError
from lakehouse.jvm import resolve_jars
from lakehouse.session import read_defaults
from lakehouse.spark_jars import PACKAGES, resolve_packages
from pipelines.runtime.console import err, fail
from pipelines.runtime.lake_store import CLASS_ARCHIVE, JARS, SPARK_SUMS, note_jars
from pipelines.runtime.settings import CONF

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
    packages = read_defaults(CONF / "spark-defaults.conf")[PACKAGES]
    try:
        jars = resolve_packages(packages, JARS.parent)
    except OutsideError as error:
        err.print(str(error))
        return
    if "--renew-sums" in sys.argv:
        write_sums(SPARK_SUMS, jars)
        write_sums(KAFKA_SUMS, resolve_jars(KAFKA, LOG_BINDING))
    try:
        check_sums(SPARK_SUMS, jars)
    except OutsideError as error:
        fail(error)
    try:
        note_jars(packages, jars)
    except OutsideError as error:
        err.print(str(error))
    _archive_classes()


def _archive_classes() -> None:
    CLASS_ARCHIVE.parent.mkdir(parents=True, exist_ok=True)
    CLASS_ARCHIVE.unlink(missing_ok=True)
    made = CLASS_ARCHIVE.with_suffix(".new")
    with tempfile.TemporaryDirectory() as folder:
        # A process of its own: Java writes the archive when it ends, and its output ends with it.
        done = subprocess.run(
            [sys.executable, "-c", _WORK, made],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")},
                "CLICKSTREAM_LAKE": f"{folder}/lake",
                "CLICKSTREAM_STATE": f"{folder}/state",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 0 and made.exists():
        made.replace(CLASS_ARCHIVE)
        return
    last = (done.stderr.strip().splitlines() or ["Java wrote no archive."])[-1]
    err.print(f"Spark could not be started beforehand: {last}")


if __name__ == "__main__":
    main()
