"""Run the jobs in a copy of the repository that has the recipes' files, and print what their tables hold.

A program of its own, for its imports have to find the copy: ``python -m tests.support.recipes`` in the copy's folder.
"""

from __future__ import annotations

import json

from pipelines import aggregate, gold_builder
from pipelines.cli.check import run_check
from pipelines.refine import run_refine
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.job import open_job
from tests.support import records

RATING = {"user_id": "u", "session_id": "s", "page_url": "/a", "stars": 4, "timestamp": 1792058400}
ADDED = ("gold.product_ratings", "gold.daily_categories")


def main() -> None:
    """Lands three ratings and a page view, the third rating bad, and lets the jobs process them in two steps."""
    job = open_job("adding", short=True)
    # Of all gold tables those of the recipes, and those that read the new event: the others cost minutes.
    ratings = TABLES["silver.ratings"]
    kept = [
        table for table in gold_builder.incremental_tables() if table.name in ADDED or ratings in table.reads.values()
    ]
    gold_builder.incremental_tables = lambda: kept
    records.GOOD["ratings"] = RATING
    result = {"problems": run_check(job), **{name: [] for name in ADDED}}
    records.land(job.lake, "page_views", [records.record("page_views", 0, records.value("page_views"))])
    for offset, stars in ((0, 4), (1, 5), (2, -1)):
        records.land(job.lake, "ratings", [records.record("ratings", offset, records.value("ratings", stars=stars))])
        if offset != 1:
            run_refine(job)
            aggregate.run_aggregate(job)
            for name in ADDED:
                result[name].append([list(row) for row in job.lake.read(TABLES[name]).collect()])
    print(json.dumps(result, default=str))


if __name__ == "__main__":
    main()
