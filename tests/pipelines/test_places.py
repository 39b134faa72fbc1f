"""The machine's time zone and language change nothing in silver or gold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.spark

REFINE = """
import json, sys
sys.path.insert(0, "tests")
from records import GOOD, land, record, value
from pipelines.aggregate import run_aggregate
from pipelines.catalog import TABLES
from pipelines.rebuild import content_hash
from pipelines.refine import run_refine
from pipelines.session import open_job

job = open_job("places")
times = ("2026-10-15T00:30:00", "2026-10-14T23:59:59.9999999-02:00", 1792058400, "1792058400123", "2026-03-29 02:30:00",
         "2026-02-30T10:00:00Z", "15.10.2026 10:00", None)
for event in GOOD:
    rows = [value(event, timestamp=time, price="1.25", category="I\u0130\u0131i") for time in times]
    if event == "interactions":
        rows.append(value(event, interaction_type="ADD_TO_WISHLIST"))
    land(job.lake, event, [record(event, number, row) for number, row in enumerate(rows)])
run_refine(job)
run_aggregate(job)
skip = ("first_judged_at", "last_judged_at")
print(json.dumps({name: content_hash(job.lake.read(table).drop(*skip)) for name, table in TABLES.items()
                  if table.layer != "bronze" and table.build}))
"""

PLACES = {
    "Greenwich": {"TZ": "UTC", "LC_ALL": "C.UTF-8"},
    "Kathmandu": {
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "tr_TR.UTF-8",
        "JAVA_TOOL_OPTIONS": "-Duser.language=tr -Duser.country=TR",
    },
    "Los Angeles": {"TZ": "America/Los_Angeles", "LC_ALL": "de_DE.UTF-8", "JAVA_TOOL_OPTIONS": "-Duser.language=de"},
}


def silver_and_gold(folder: Path, place: dict[str, str]):
    own = {
        "CLICKSTREAM_LAKE": str(folder / "lake"),
        "CLICKSTREAM_STATE": str(folder / "state"),
        "PYTHONPATH": str(ROOT),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CLICKSTREAM_", "LC_"))}
    done = subprocess.run(
        [sys.executable, "-c", REFINE],
        cwd=ROOT,
        env={**inherited, **own, **place},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_three_places_give_the_same_silver_and_gold(tmp_path):
    found = {name: silver_and_gold(tmp_path / name, place) for name, place in PLACES.items()}
    assert found["Kathmandu"] == found["Greenwich"]
    assert found["Los Angeles"] == found["Greenwich"]
    assert found["Greenwich"]["silver.clicks"][0] == 5
