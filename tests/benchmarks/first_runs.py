"""Run `clickstream run --train` on many seeds, through the embedded Kafka, and tell whether each ends with scores.

Run: .venv/bin/python -m tests.benchmarks.first_runs [SESSIONS] [SEEDS] [FILE]

Each seed has an installation of its own, and real commands: broker start, produce simulate, run --train, broker stop.
A line is added to FILE for each; a seed that has one is not run again, so an interrupted run goes on where it was. At
the end it prints the table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gold.next_session_predictions import TABLE as NEXT_PREDICTIONS
from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.engines.local_lake import LocalLake
from pipelines.ml.model_version import CHAMPION
from pipelines.ml.targets import TARGETS
from pipelines.ml.version_list import list_versions
from pipelines.runtime.settings import Settings, load_settings

COLUMNS = ("seed", "buying sessions", "in_session", "scores", "next_session", "its scores", "seconds")


def first_run(folder: Path, sessions: int, seed: int) -> dict[str, Any]:
    """What came of one seed; ``failed`` has the end of what a command printed, where one failed."""
    environ = {**os.environ, "CLICKSTREAM_LAKE": f"{folder}/lake", "CLICKSTREAM_STATE": f"{folder}/state"}
    began = time.monotonic()

    def command(*words: str) -> str:
        line = [sys.executable, "-m", "pipelines.cli.main", *words]
        done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else f"{' '.join(words)}: {(done.stdout + done.stderr)[-600:]}"

    try:
        failed = (
            command("broker", "start")
            or command("produce", "simulate", "--sessions", str(sessions), "--seed", str(seed), "--until", "now")
            or command("run", "--train")
        )
    finally:
        command("broker", "stop")
    seconds = round(time.monotonic() - began, 1)
    settings = load_settings(lake=f"{folder}/lake", state=folder / "state")
    return {"seed": seed, "sessions": sessions, "seconds": seconds, "failed": failed, **found(settings)}


def found(settings: Settings) -> dict[str, Any]:
    """What an installation holds of models and scores."""
    lake = LocalLake(settings.lake_root, settings.locks)
    rows = {
        "scores": lake.rows(PREDICTIONS) if lake.exists(PREDICTIONS) else 0,
        "next_scores": lake.rows(NEXT_PREDICTIONS) if lake.exists(NEXT_PREDICTIONS) else 0,
    }
    models = {}
    for target in TARGETS.values():
        version = next(iter(list_versions(settings, target)), None)
        models[target.name] = version and {
            "live": CHAMPION in version.aliases,
            "buying": int(float(version.tags.get("decided_buying_sessions", "nan"))),
            "reason": version.tags.get("reason", ""),
        }
    return {**rows, "models": models}


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """The table of all seeds, in Markdown."""

    def said(model: Mapping[str, Any] | None) -> str:
        return "nothing to learn from" if model is None else "live" if model["live"] else model["reason"]

    rows: list[Sequence[Any]] = [COLUMNS, ["---"] * len(COLUMNS)]
    for one in sorted(lines, key=lambda line: line["seed"]):
        first, second = (one["models"][name] for name in TARGETS)
        buying = first["buying"] if first else "-"
        first_said = one["failed"] or said(first)
        rows.append((one["seed"], buying, first_said, one["scores"], said(second), one["next_scores"], one["seconds"]))
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)


def main(sessions: int, seeds: int, file: Path) -> None:
    """Runs the seeds that have no line in the file yet, and prints the table of all."""
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for seed in sorted(set(range(1, seeds + 1)) - {line["seed"] for line in lines}):
        with tempfile.TemporaryDirectory() as folder:
            lines.append(first_run(Path(folder), sessions, seed))
        with file.open("a") as kept:
            kept.write(json.dumps(lines[-1]) + "\n")
        print(json.dumps(lines[-1]), flush=True)
    print(table(lines))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("500", "20", "first_runs.jsonl")[len(sys.argv) - 1 :]]
    main(int(given[0]), int(given[1]), Path(given[2]))
