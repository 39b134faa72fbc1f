"""A stream that fails stops its job with a hint, and is recorded."""

from __future__ import annotations

import pytest

from bronze.raw_events import BRONZE
from gold.pipeline_metrics import TABLE as METRICS
from lakehouse.errors import OutsideError
from pipelines.operations.status import run_status
from pipelines.refine import run_refine
from silver.events import SILVER
from tests.support.records import land, record, rows, value

pytestmark = pytest.mark.spark


def test_a_lost_checkpoint_stops_the_job_with_a_hint(job, tables):
    land(tables, "clicks", [record("clicks", 0, value("clicks"))])
    tables.append(SILVER["clicks"], SILVER["clicks"].build(tables.read(BRONZE["clicks"])))
    with pytest.raises(OutsideError, match=r"checkpoint of silver.clicks is lost.*clickstream recover"):
        run_refine(job)
    ((stream, batch, error, cure),) = rows(tables.read(METRICS), "stream", "batch_id", "error", "cure")
    assert (stream, batch) == ("silver.clicks", 0)
    assert f"{error} {cure}".startswith("The checkpoint of silver.clicks is lost")
    assert "clickstream recover" in next(one.cure for one in run_status(job.settings) if one.stream == stream)
