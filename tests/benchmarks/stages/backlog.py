"""A backlog from Kafka to gold, cold: one command, from its start to its end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.inputs import Plan, in_kafka, kafka
from tests.benchmarks.meter import measured
from tests.benchmarks.stage import COMPACT, COURSE, OURS, SPARK, Contender, Rounds, Stage


def _by_command(command: Callable[[str, Path], list[str]], **environment: str) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        with kafka(in_kafka(plan.folder, plan.events)) as servers:
            while True:
                home = plan.folder / "backlog"
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir(parents=True)
                own = {
                    "CLICKSTREAM_LAKE": str(home / "lake"),
                    "CLICKSTREAM_STATE": str(home / "state"),
                    "CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS": servers,
                }
                with measured(plan.events) as result:
                    done = subprocess.run(
                        command(servers, home / "lake"),
                        env={**os.environ, **own, **environment},
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        check=False,
                    )
                assert not done.returncode, done.stdout
                result.more = _split(done.stdout, result.seconds)
                yield result

    return run


def _split(output: str, seconds: float) -> dict[str, float]:
    """The seconds of each job, by what the command prints, and of what is between them: start and end."""
    jobs = {
        f"{name} s": float(value) for name, value in re.findall(r"^(\w+): .* rows in ([\d.]+) s", output, re.MULTILINE)
    }
    return {**jobs, "start and end s": seconds - sum(jobs.values())} if jobs else {}


def _run(*_: object) -> list[str]:
    return [str(Path(sys.executable).with_name("clickstream")), "run"]


def _rival(name: str) -> Callable[[str, Path], list[str]]:
    module = f"tests.benchmarks.rivals.{name}"
    return lambda servers, lake: [sys.executable, "-m", module, servers, str(lake)]


STAGE = Stage(
    "backlog",
    "A backlog from Kafka to gold, cold",
    "One command from its start to its end: Java starts, and every table is new. The broker runs.",
    (
        Contender(OURS, _by_command(_run), "`clickstream run`: bronze, silver, all of gold", warm_ups=0),
        Contender(
            SPARK,
            _by_command(_run, CLICKSTREAM_ENGINES__IN_PROCESS_ROWS="0"),
            "the same command, with `engines.in_process_rows` = 0",
            warm_ups=0,
        ),
        Contender(COMPACT, _by_command(_rival("compact")), "six tables of simple sums, few promises", warm_ups=0),
        Contender(COURSE, _by_command(_rival("course")), "three tables of simple sums, no promise", warm_ups=0),
    ),
    prepare=lambda plan: (in_kafka(plan.folder, plan.events), None)[1],
    at_most=60,
)
