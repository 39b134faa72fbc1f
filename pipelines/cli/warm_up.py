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
from pipelines.runtime.job import CLASS_ARCHIVE

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
    """Rebuilds the archive; where that fails it says so and no more, for everything works without it."""
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
    err.print(f"Spark could not be started beforehand: {escape(last)}")


if __name__ == "__main__":
    main()
