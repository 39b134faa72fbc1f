"""What `make setup` does last: starts Spark once, which fetches its jars, and keeps the classes that Java has read.

Each later start takes two thirds of the time. Run: python -m pipelines.cli.warm_up
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from rich.markup import escape

from pipelines.runtime.console import err
from pipelines.runtime.job import CLASSES

_WORK = """
import sys
from pathlib import Path

from bronze.raw_events import BRONZE
from lakehouse.jvm import recorded_into
from pipelines.runtime.job import open_job

job = open_job("warm-up", short=True, java_options=recorded_into(Path(sys.argv[1])))
table = BRONZE["clicks"]
job.lake.ensure(table)
job.lake.append(table, job.lake.read(table))
job.spark.stop()
"""


def main() -> None:
    """Makes the archive anew; where that fails it says so and no more, for everything works without it."""
    CLASSES.parent.mkdir(parents=True, exist_ok=True)
    CLASSES.unlink(missing_ok=True)
    made = CLASSES.with_suffix(".new")
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
        made.replace(CLASSES)
        return
    last = (done.stderr.strip().splitlines() or ["Java wrote no archive."])[-1]
    err.print(f"Spark could not be started beforehand: {escape(last)}")


if __name__ == "__main__":
    main()
