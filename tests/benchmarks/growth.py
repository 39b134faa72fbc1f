"""What a longer history costs: seconds a million, seconds a batch, memory, disk and files, and how they grow.

Run: python -m tests.benchmarks.growth [--until bronze|silver|gold] [MILLIONS ...]

The events are simulated straight into bronze, at the same number a day, so ten times as many are ten times as many
days. Gold is built in process whatever the size: Spark, which has to build more rows than
``engines.in_process_rows``, takes ten times as long. With ``--folder`` a history is kept, and the next run goes on
there.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.compare import child, has_priority, machine
from tests.benchmarks.history import done_steps, home_of
from tests.benchmarks.inputs import Plan
from tests.benchmarks.report import GROWTH
from tests.benchmarks.stage import OURS

STEPS = {
    "_fill": "bronze, simulated and appended",
    "_refine": "bronze to silver",
    "_aggregate": "silver to all of gold",
}
MILLION = 1_000_000
DOC = (
    "All of gold is built in process (`engines.in_process_rows` is raised; DuckDB has its 2 GB and spills the rest). "
    "A batch has 2,000 events. An exponent of 1 is growth in step with the history, 0 is none."
)


def measure(millions: float, plan: Plan) -> dict[str, Any]:
    """Makes the history, and measures batches after it; gives the figures."""
    count = round(millions * MILLION)
    plan = replace(plan, history=count)
    os.environ.setdefault("CLICKSTREAM_ENGINES__IN_PROCESS_ROWS", str(10**9))
    child("prepare", "batch", "", plan)
    home = home_of(plan, count)
    steps = done_steps(home)
    figures: dict[str, float] = {}
    for step, words in STEPS.items():
        if step in steps:
            figures[f"seconds a million, {words}"] = steps[step]["seconds"] / millions
    if "_refine_batches" in steps:
        figures["seconds a batch into silver"] = steps["_refine_batches"]["more"]["a batch"]
    if plan.until == "gold":
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "rounds.json"
            child("contender", "batch", OURS, plan, str(out))
            figures["seconds a batch into all of gold and scores"] = json.loads(out.read_text())["seconds"]
            figures["memory of the running jobs, GB"] = json.loads(out.read_text())["peak_bytes"] / 2**30
    for step, words in STEPS.items():
        if step in steps:
            figures[f"memory, {words}, GB"] = steps[step]["peak_bytes"] / 2**30
    for layer in ("bronze", "silver", "gold"):
        size, files = _held(home / "lake" / layer)
        if files:
            figures[f"disk, {layer}, GB"] = size / 2**30
            figures[f"files, {layer}"] = files
    return {"millions": millions, "figures": figures, "has_priority": has_priority()}


def _held(folder: Path) -> tuple[int, int]:
    """Bytes and number of all files below a folder."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    return sum(sizes), len(sizes)


def _add(file: Path, size: dict[str, Any]) -> None:
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"sizes": {}}
    sizes = {**found["sizes"], f"{size['millions']:g}": size}
    ordered = dict(sorted(sizes.items(), key=lambda one: one[1]["millions"]))
    day = datetime.now(UTC).date().isoformat()
    made = {"machine": machine(), "measured_on": day, "doc": DOC, "sizes": ordered}
    file.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "millions", nargs="*", type=float, default=[1, 10], help="sizes of the history, 1 and 10 by default"
    )
    parser.add_argument("--until", choices=("bronze", "silver", "gold"), default="gold", help="the last layer")
    parser.add_argument("--folder", type=Path, help="keep the histories here; else they are temporary")
    parser.add_argument("--rounds", type=int, default=5, help="batches after the warm-up, of which the median counts")
    parser.add_argument("--result", type=Path, default=GROWTH, help="the JSON file of the result")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as temporary:
        folder = (told.folder or Path(temporary)).resolve()
        for millions in told.millions:
            size = measure(millions, Plan(folder, rounds=told.rounds, until=told.until))
            _add(told.result, size)
            print(json.dumps(size["figures"], indent=1), flush=True)


if __name__ == "__main__":
    main()
