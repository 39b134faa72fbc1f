"""A new event and a new gold table are one file each: the catalog, the jobs and the checks pick them up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

EVENT = '''
"""A user rated a product."""

from producers.contract.event_type import EventType, coordinate, event_id, page_url, session_id, timestamp, user_id

EVENT = EventType(
    name="ratings",
    doc="One row per rating: a user rated a product.",
    fields=(
        user_id(), session_id(), event_id(), page_url("The address of the product's page."),
        coordinate("stars", "How many stars it got."), timestamp(),
    ),
)
'''

TABLE = '''
"""Gold: how products are rated."""

from pyspark.sql import DataFrame, functions as F

from lakehouse.table import Column, Table
from silver.events import SILVER


def product_ratings(ratings: DataFrame) -> DataFrame:
    """One row per rated page."""
    return ratings.groupBy("page_url").agg(F.count("*").alias("ratings"), F.avg("stars").alias("stars_mean"))


TABLE = Table(
    name="gold.product_ratings",
    doc="One row per page_url: how it is rated.",
    columns=(
        Column("page_url", "STRING", "The product's page.", required=True),
        Column("ratings", "BIGINT", "Ratings so far.", required=True),
        Column("stars_mean", "DOUBLE", "The mean number of stars."),
    ),
    key=("page_url",),
    reads={"ratings": SILVER["ratings"]},
    build=product_ratings,
    scope={"page_url": "page_url"},
)
'''

USE = """
import json
from tests.support import records
from pipelines import aggregate, gold_builder
from pipelines.runtime.catalog import TABLES
from pipelines.refine import run_refine
from pipelines.runtime.job import open_job
from pipelines.cli.check import run_check

job = open_job("adding", short=True)
# Of all that the catalog found, what reads the new event: the rest costs minutes.
kept = [table for table in gold_builder.incremental_tables() if TABLES["silver.ratings"] in table.reads.values()]
gold_builder.incremental_tables = lambda: kept
records.GOOD["ratings"] = {"user_id": "u", "session_id": "s", "page_url": "/a", "stars": 4, "timestamp": 1792058400}
told = {"problems": run_check(job), "rows": []}
for offset, stars in ((0, 4), (1, 5), (2, -1)):
    records.land(job.lake, "ratings", [records.record("ratings", offset, records.value("ratings", stars=stars))])
    if offset != 1:
        run_refine(job)
        aggregate.run_aggregate(job)
        told["rows"].append([list(row) for row in job.lake.read(TABLES["gold.product_ratings"]).collect()])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the house with one event and one gold table more."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("lakehouse", "producers", "bronze", "silver", "gold", "pipelines", "conf", "tests/support"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "producers" / "events" / "ratings.py").write_text(EVENT)
    (folder / "gold" / "product_ratings.py").write_text(TABLE)
    return folder


def run(house: Path, *command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=house,
        env={**environment, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_catalog_lists_them_with_their_lineage(house):
    tables = {table["name"]: table for table in json.loads(run(house, "-m", "pipelines.cli.main", "tables", "--json"))}
    assert tables["silver.ratings"]["reads"] == ["bronze.ratings"]
    assert tables["gold.product_ratings"]["reads"] == ["silver.ratings"]
    assert "bronze.ratings" in tables["silver.quarantine"]["reads"]
    assert "silver.ratings" in tables["gold.data_quality"]["reads"]
    assert "stars" in run(house, "-m", "pipelines.cli.main", "contract", "ratings")


@pytest.mark.spark
def test_the_jobs_and_the_checks_take_them_up(house):
    told = json.loads(run(house, "-c", USE).splitlines()[-1])
    assert told["problems"] == {}
    assert told["rows"] == [[["/a", 1, 4.0]], [["/a", 2, 4.5]]]
