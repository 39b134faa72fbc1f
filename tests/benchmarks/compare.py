"""Benchmark each stage beside its rivals, in one run: seconds, CPU seconds and memory of every process.

Run: python -m tests.benchmarks.compare run [--quick] [STAGE ...]   measures, and writes each stage's result at once
     python -m tests.benchmarks.compare write                       from the result, the docs' tables and chart
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.inputs import Plan
from tests.benchmarks.machine import has_priority, machine
from tests.benchmarks.report import RESULT, write_docs
from tests.benchmarks.stage import COURSE, OURS, SPARK, Stage, run_contender
from tests.benchmarks.stages.all_stages import STAGES

QUICK = {"events": 100_000, "rounds": 1, "history": 20_000}
NOT_QUICK = {SPARK, COURSE}
"""Contenders that a quick run leaves out: they take most of the time."""

QUICK_STAGES = ("producer", "bronze", "silver", "silver_bad", "gold", "batch", "backlog")


def run(names: list[str], plan: Plan, result: Path, *, without: set[str]) -> list[str]:
    """Measures stages, contender by contender, each in a process of its own; gives those that failed."""
    failed = []
    for name in names:
        stage = STAGES[name]
        print(f"{stage.title}, {plan.events:,} events", flush=True)
        contenders = {}
        try:
            child("prepare", name, "", plan)
        except subprocess.CalledProcessError:
            failed.append(name)
            continue
        for contender in stage.contenders:
            if contender.name not in without:
                with tempfile.TemporaryDirectory() as folder:
                    out = Path(folder) / "rounds.json"
                    try:
                        child("contender", name, contender.name, plan, str(out))
                        contenders[contender.name] = json.loads(out.read_text(encoding="utf-8"))
                    except subprocess.CalledProcessError:
                        failed.append(f"{name}: {contender.name}")
        if OURS in contenders:
            _add(result, stage, plan, contenders)
    return failed


def child(what: str, stage: str, contender: str, plan: Plan, out: str = "") -> None:
    """Prepares a stage, or runs one of its contenders, in a process of its own."""
    given = json.dumps({**dataclasses.asdict(plan), "folder": str(plan.folder)})
    subprocess.run([sys.executable, "-m", "tests.benchmarks.compare", what, stage, contender, given, out], check=True)


def _add(file: Path, stage: Stage, plan: Plan, contenders: dict[str, Any]) -> None:
    """Puts a stage's result into the file, and leaves those of other stages there."""
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"stages": {}}
    found["machine"] = machine()
    about = {"title": stage.title, "doc": stage.doc, "at_least": stage.at_least, "at_most": stage.at_most}
    size = {"events": plan.events, "history": plan.history, "batch": plan.batch}
    day = datetime.now(UTC).date().isoformat()
    found["stages"][stage.name] = {
        **about, "plan": size, "measured_on": day, "has_priority": has_priority(), "contenders": contenders
    }  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _in_child(what: str, stage: str, contender: str, given: str, out: str) -> None:
    fields = json.loads(given)
    plan = Plan(**{**fields, "folder": Path(fields["folder"])})
    if what == "prepare":
        STAGES[stage].prepare(plan)
        return
    one = next(one for one in STAGES[stage].contenders if one.name == contender)
    Path(out).write_text(json.dumps(run_contender(one, plan)), encoding="utf-8")


def main() -> None:
    if sys.argv[1:2] in (["prepare"], ["contender"]):
        _in_child(*sys.argv[1:])
        return
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compare", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    to_run = commands.add_parser("run", help="measure stages")
    to_run.add_argument("stages", nargs="*", metavar="STAGE", help="of all, where none is named")
    to_run.add_argument("--quick", action="store_true", help="small, one round, without what Spark does alone")
    to_run.add_argument("--events", type=int, help="events of a stage")
    to_run.add_argument("--rounds", type=int, help="rounds after the warm-up, of which the median counts")
    to_run.add_argument("--history", type=int, help="events before a batch; the longer history has ten times as many")
    to_run.add_argument("--result", type=Path, help="the JSON file of the result")
    to_run.add_argument("--folder", type=Path, help="keep the inputs here for the next run; else they are temporary")
    commands.add_parser("write", help="write the tables and the chart of the docs from the committed result")
    told = parser.parse_args()
    if told.command == "write":
        write_docs()
        return
    options = {
        **(QUICK if told.quick else {}),
        **{k: v for k in ("events", "rounds", "history") if (v := getattr(told, k))},
    }
    if unknown := set(told.stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    names = list(told.stages) or list(QUICK_STAGES if told.quick else STAGES)
    result = told.result or (Path(".benchmarks") / "quick.json" if told.quick else RESULT)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        folder = (told.folder or Path(temporary)).resolve()
        failed = run(names, Plan(folder, **options), result, without=NOT_QUICK if told.quick else set())
    print(f"the result is in {result}")
    if failed:
        raise SystemExit(f"failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
