"""The machine's time zone and language change nothing in silver or gold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from unittest import mock

import pytest

from pipelines.aggregate import run_aggregate
from pipelines.rebuild import content_hash
from pipelines.refine import run_refine
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.job import Job, open_job
from silver.events import SILVER
from tests.support.records import land, record, rows, value

pytestmark = pytest.mark.spark

TIMES = (
    "2026-10-15T00:30:00",
    "2026-10-14T23:59:59.9999999-02:00",
    1792058400,
    "1792058400123",
    "2026-03-29 02:30:00",  # an hour that central Europe skipped
    "2026-02-30T10:00:00Z",
    "15.10.2026 10:00",
    None,
)

PLACES = {
    "Kathmandu": {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "JAVA_TOOL_OPTIONS": "-Duser.language=tr"},
    "Los Angeles": {"TZ": "America/Los_Angeles", "LC_ALL": "de_DE.UTF-8", "JAVA_TOOL_OPTIONS": "-Duser.language=de"},
}


TOLD_APART = ("session_starts", "excess_sessions", "sessions", "hourly_activity", "page_performance")
"""The gold tables that days, hours and lower case could make different; all of them take minutes."""


def silver_and_gold(job: Job) -> dict[str, list[object]]:
    """What the tables hold once these records have gone through, by name: rows and hash."""
    bodies = [value("clicks", timestamp=time, price="1.25", category="I\u0130\u0131i") for time in TIMES]
    land(job.lake, "clicks", [record("clicks", number, body) for number, body in enumerate(bodies)])
    wishes = [value("interactions", interaction_type="ADD_TO_WISHLIST")]
    land(job.lake, "interactions", [record("interactions", number, body) for number, body in enumerate(wishes)])
    run_refine(job)
    with mock.patch(
        "pipelines.gold_builder.incremental_tables", return_value=[TABLES[f"gold.{name}"] for name in TOLD_APART]
    ):
        run_aggregate(job)
    skip = ("first_judged_at", "last_judged_at")
    made = {name: table for name, table in TABLES.items() if table.layer != "bronze" and table.build}
    return {name: list(content_hash(job.lake.read(table).drop(*skip))) for name, table in made.items()}


def elsewhere(folder, place: dict[str, str]) -> subprocess.Popen[str]:
    installation = {"CLICKSTREAM_LAKE": str(folder / "lake"), "CLICKSTREAM_STATE": str(folder / "state")}
    options = f"{os.environ['JAVA_TOOL_OPTIONS']} {place['JAVA_TOOL_OPTIONS']}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipelines.test_places"],
        env={**os.environ, **installation, **place, "JAVA_TOOL_OPTIONS": options},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("place", ["Kathmandu", pytest.param("Los Angeles", marks=pytest.mark.long)])
def test_another_place_gives_the_same_silver_and_gold(job, tmp_path, place):
    other = elsewhere(tmp_path / "elsewhere", PLACES[place])
    try:
        here = silver_and_gold(job)
        output, errors = other.communicate(timeout=600)
        assert other.returncode == 0, errors[-2000:]
        assert json.loads(output.splitlines()[-1]) == here
    finally:
        other.kill()
    at = rows(job.lake.read(SILVER["clicks"]).selectExpr("offset", "unix_micros(event_at) AS at", "event_on"))
    assert [(offset, micros, str(day)) for offset, micros, day in at] == [
        (0, 1792024200000000, "2026-10-15"),
        (1, 1792029599999999, "2026-10-15"),
        (2, 1792058400000000, "2026-10-15"),
        (3, 1792058400123000, "2026-10-15"),
        (4, 1774751400000000, "2026-03-29"),
    ]


if __name__ == "__main__":
    print(json.dumps(silver_and_gold(open_job("places"))))
