"""A stage of the benchmark, and its contenders: each one runs in a process of its own, in rounds that are measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tests.benchmarks.inputs import Plan
from tests.benchmarks.meter import Measured

OURS = "this project"
SPARK = "Spark alone"
COMPACT = "compact pipeline"
COURSE = "the course's way"
DUCKDB = "DuckDB alone"

Rounds = Iterator[Measured]


@dataclass(frozen=True)
class Contender:
    """One way of doing a stage's work.

    ``run`` yields a Measured for each round; of those, ``warm_ups`` come first and do not count. ``note`` says what it
    does that others do not, or does not do.
    """

    name: str
    run: Callable[[Plan], Rounds]
    note: str = ""
    warm_ups: int = 1


@dataclass(frozen=True)
class Stage:
    """What is measured, with the goal of this project: ``at_least`` events a second, or ``at_most`` seconds."""

    name: str
    title: str
    doc: str
    contenders: tuple[Contender, ...]
    prepare: Callable[[Plan], None] = lambda _: None
    at_least: float | None = None
    at_most: float | None = None


def run_contender(contender: Contender, plan: Plan) -> dict[str, Any]:
    """Runs the rounds of a contender; gives them and their medians, as JSON has them."""
    rounds: list[Measured] = []
    began: float | None = None
    made = contender.run(plan)
    for number, one in enumerate(made):
        print(f"  {contender.name}: {one.seconds:.2f} s, {one.cpu_seconds:.1f} CPU s {one.more or ''}", flush=True)
        if number < contender.warm_ups:
            continue
        began = began or time.monotonic() - one.seconds
        rounds.append(one)
        is_slow = time.monotonic() - began > plan.seconds and contender.name != OURS
        if len(rounds) == plan.rounds or is_slow:
            break
    if isinstance(made, Generator):
        made.close()
    return {"note": contender.note, "rounds": [asdict(one) for one in rounds], **medians(rounds)}


def medians(rounds: list[Measured]) -> dict[str, Any]:
    """The median of each figure of the rounds."""
    more = rounds[0].more
    return {
        "events": rounds[0].events,
        "seconds": statistics.median(one.seconds for one in rounds),
        "cpu_seconds": statistics.median(one.cpu_seconds for one in rounds),
        "peak_bytes": max(one.peak_bytes for one in rounds),
        "more": {name: statistics.median(one.more[name] for one in rounds) for name in more},
    }
