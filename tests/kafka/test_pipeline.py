"""From a real broker to gold with a real sample; `verify` finds planted faults, `recover` repairs checkpoints."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from bronze.raw_events import BRONZE
from gold.pipeline_metrics import TABLE as METRICS
from gold.sessions import TABLE as SESSIONS
from lakehouse.errors import OutsideError
from pipelines.aggregate import run_aggregate
from pipelines.cli.produce import replay_into
from pipelines.ingest import run_ingest
from pipelines.operations.recover import run_recover
from pipelines.operations.status import run_status
from pipelines.operations.verification.checkpoints import check_checkpoints
from pipelines.operations.verify import run_verify
from pipelines.rebuild import content_hash
from pipelines.refine import run_refine
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.job import Job
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.installation import copy, installation, run_jobs

pytestmark = [pytest.mark.kafka, pytest.mark.spark]

OTTO = Path(__file__).parents[2] / "producers" / "samples" / "otto.jsonl"


@pytest.fixture(scope="module")
def otto(spark, empty_topics, tmp_path_factory):
    """The OTTO sample in gold."""
    job = installation(spark, tmp_path_factory.mktemp("otto"), empty_topics())
    delivery = replay_into(job.settings, OTTO, "otto")
    assert delivery.acknowledged == {"page_views": 800, "clicks": 62}
    run_jobs(job)
    return job


def second_reader(job: Job, table, sql: str):
    """What DuckDB says of a table that delta-rs has opened: neither of them is Spark."""
    rows = DeltaTable(job.lake.path(table)).to_pyarrow_dataset()
    return duckdb.sql(sql.replace("TABLE", "rows")).fetchall() if rows else None


def test_bronze_and_silver_have_every_row_of_the_sample(otto):
    assert second_reader(
        otto, BRONZE["page_views"], 'SELECT count(*), count(DISTINCT ("partition", "offset")) FROM TABLE'
    ) == [(800, 800)]
    assert second_reader(otto, BRONZE["clicks"], "SELECT count(*) FROM TABLE") == [(62,)]
    assert second_reader(otto, SILVER["page_views"], "SELECT count(*) FROM TABLE") == [(800,)]
    assert second_reader(otto, SILVER["clicks"], "SELECT count(*) FROM TABLE") == [(62,)]


def test_the_sample_has_20_sessions_of_which_3_bought(otto):
    assert second_reader(otto, SESSIONS, "SELECT count(*), count(*) FILTER (bought), sum(events)::INT FROM TABLE") == [
        (20, 3, 862)
    ]
    assert second_reader(otto, SESSIONS, "SELECT count(*) FROM TABLE WHERE is_closed") == [(20,)]


def gold(job: Job, name: str, sql: str):
    return second_reader(job, TABLES[f"gold.{name}"], sql)


def test_gold_equals_figures_counted_from_the_file(otto):
    sessions = [json.loads(line) for line in OTTO.read_text().splitlines()]
    events = [
        (session["session"], datetime.fromtimestamp(event["ts"] / 1_000, UTC), event["type"], event["aid"])
        for session in sessions
        for event in session["events"]
    ]

    def per(key, wanted=("clicks", "carts", "orders")):
        return Counter(key(event) for event in events if event[2] in wanted)

    whose, day, hour, page = (
        lambda event: f"otto-{event[0]}",
        lambda event: event[1].date(),
        lambda event: (event[1].date(), event[1].hour),
        lambda event: (event[1].date(), f"https://shop.example/product/{event[3]}"),
    )
    views, carts, orders = (per(whose, (kind,)) for kind in ("clicks", "carts", "orders"))
    first = {name: min(event[1] for event in events if whose(event) == name) for name in per(whose)}
    last = {name: max(event[1] for event in events if whose(event) == name) for name in first}
    assert sorted(
        gold(otto, "sessions", "SELECT user_id, events, page_views, cart_adds, purchases, duration_seconds FROM TABLE")
    ) == sorted(
        (name, count, views[name], carts[name], orders[name], (last[name] - first[name]).total_seconds())
        for name, count in per(whose).items()
    )
    assert sorted(gold(otto, "users", "SELECT user_id, sessions, purchases FROM TABLE")) == sorted(
        (name, 1, orders[name]) for name in first
    )
    began = Counter(at.date() for at in first.values())
    bought = Counter(first[name].date() for name in orders)
    assert sorted(
        gold(otto, "daily_funnel", "SELECT started_on, referrer_kind, sessions, purchase_sessions FROM TABLE")
    ) == sorted((one, "direct", count, bought[one]) for one, count in began.items())
    assert sorted(gold(otto, "traffic_sources", "SELECT started_on, source, visitors FROM TABLE")) == sorted(
        (one, "(none)", count) for one, count in began.items()
    )
    in_all, ordered = per(day), per(day, ("orders",))
    assert sorted(
        gold(otto, "category_performance", "SELECT event_on, category, events, purchases FROM TABLE")
    ) == sorted((one, "(none)", count, ordered[one]) for one, count in in_all.items())
    assert sorted(gold(otto, "hourly_activity", "SELECT event_on, hour_of_day, events FROM TABLE")) == sorted(
        (*one, count) for one, count in per(hour).items()
    )
    seen, clicked = per(page, ("clicks",)), per(page, ("carts", "orders"))
    assert sorted(gold(otto, "page_performance", "SELECT event_on, page, page_views, clicks FROM TABLE")) == sorted(
        (*one, seen[one], clicked[one]) for one in per(page)
    )


def test_each_batch_has_one_row_of_metrics(otto):
    (size,) = second_reader(otto, BRONZE["clicks"], "SELECT sum(octet_length(value))::BIGINT FROM TABLE")[0]
    assert second_reader(
        otto,
        METRICS,
        """
        SELECT stream, batch_id, rows_in, rows_out, bytes_in, offsets_behind, error, state_bytes,
               lag_seconds BETWEEN duration_seconds - 1 AND 600,
               duration_seconds >= offsets_seconds + planning_seconds + work_seconds + checkpoint_seconds - 0.01
        FROM TABLE WHERE stream LIKE '%clicks' ORDER BY stream
        """,
    ) == [
        ("bronze.clicks", 0, 62, 62, size, 0, None, 0, True, True),
        ("silver.clicks", 0, 62, 62, size, None, None, 0, True, True),
    ]
    found = {one.stream: one for one in run_status(otto.settings)}
    assert {one.behind for one in found.values()} == {0}
    assert all(found[name].last_batch["rows_in"] == 800 for name in ("bronze.page_views", "silver.page_views"))
    assert found["gold"].newest_arrived_at == max(one.newest_arrived_at for one in found.values() if one.last_batch)


def test_jobs_that_find_nothing_new_write_nothing(otto):
    tables = (*BRONZE.values(), *SILVER.values(), SESSIONS, METRICS)
    versions = [otto.lake.version(table) for table in tables]
    run_jobs(otto)
    assert [otto.lake.version(table) for table in tables] == versions


def test_verify_passes_on_an_untouched_lake(otto):
    checks = run_verify(otto)
    assert [check.name for check in checks if not check.ok] == []
    assert len(checks) > 20
    assert all(check.ok for check in run_verify(otto, quick=True))


PLANTED = {
    "a deleted bronze row": (
        "bronze.clicks",
        "DELETE FROM {path} WHERE offset = {last}",
        "clicks: nothing of Kafka is missing",
        "clicks/",
    ),
    "a doubled silver row": (
        "silver.clicks",
        "INSERT INTO {path} SELECT * FROM {path} LIMIT 1",
        "clicks: no record has two outcomes",
        "clicks/",
    ),
    "a lost silver row": (
        "silver.page_views",
        "DELETE FROM {path} WHERE offset = {last}",
        "page_views: every processed record is in silver, quarantine or duplicates",
        "page_views/",
    ),
    "a changed gold figure": (
        "gold.sessions",
        "UPDATE {path} SET page_views = page_views + 1 WHERE bought",
        "gold.sessions: equals a rebuild",
        "user_id otto-",
    ),
    "a broken rule": (
        "gold.sessions",
        "UPDATE {path} SET purchases = 0 WHERE bought",
        "gold.sessions: key, required columns and rules hold",
        "a_buyer_has_a_purchase is broken in 3 rows, first user_id otto-",
    ),
    "a doubled key": (
        "gold.users",
        "INSERT INTO {path} SELECT * FROM {path} LIMIT 1",
        "gold.users: key, required columns and rules hold",
        "the key is repeated in 1 row, first user_id otto-",
    ),
    "a null in a required column": (
        "bronze.page_views",
        (
            "ALTER TABLE {path} ALTER COLUMN arrived_at DROP NOT NULL; "
            "UPDATE {path} SET arrived_at = NULL WHERE offset = {last}"
        ),
        "bronze.page_views: key, required columns and rules hold",
        "arrived_at is NULL in ",
    ),
}
"""By the fault's name: the table, what is done to it, the check that fails, and how its offence begins."""


@pytest.fixture(scope="module")
def failed_checks(otto, tmp_path_factory):
    """The checks that fail where all of these are planted, and an open row whose record is in silver."""
    job = copy(otto, tmp_path_factory.mktemp("planted"))
    for name, statements, _, _ in PLANTED.values():
        last = job.lake.read(TABLES[name]).selectExpr("max(offset)").first()[0] if "{last}" in statements else None
        for sql in statements.split(";"):
            job.spark.sql(sql.format(path=f"delta.`{job.lake.path(TABLES[name])}`", last=last))
    row = job.lake.read(SILVER["page_views"]).limit(1).selectExpr(
        "topic", "topic_id", "partition", "offset", "arrived_at", "CAST(NULL AS BINARY) AS value",
        "array('x') AS rules", "array('x') AS sentences", "'1' AS contract_version", "'open' AS status",
        "CAST(NULL AS STRING) AS discard_reason", "arrived_at AS first_judged_at", "arrived_at AS last_judged_at",
    )  # fmt: skip
    job.lake.append(QUARANTINE, row)
    return {check.name: check for check in run_verify(job) if not check.ok}


@pytest.mark.parametrize("fault", PLANTED)
def test_verify_finds(failed_checks, fault):
    _, _, check, offence = PLANTED[fault]
    assert failed_checks[check].offence.startswith(offence)


def test_verify_finds_an_open_row_that_is_also_in_silver(failed_checks):
    assert failed_checks["page_views: no record has two outcomes"].offence
    assert failed_checks["page_views: quarantine has bronze's bytes"].offence


def test_verify_finds_a_lost_table_under_a_checkpoint(otto, tmp_path):
    job = copy(otto, tmp_path)
    shutil.rmtree(job.lake.path(SILVER["page_views"]))
    assert [check.name for check in check_checkpoints(job) if not check.ok] == [
        "silver.page_views: checkpoint",
        "gold: checkpoint",
    ]


def test_a_repeated_batch_changes_nothing(otto, tmp_path):
    job = copy(otto, tmp_path)
    layers = [*BRONZE.values(), *SILVER.values(), SESSIONS]
    before = {table.name: content_hash(job.lake.read(table)) for table in layers}
    for commits in job.settings.checkpoints.glob("**/commits"):
        newest = max(commits.glob("[0-9]*"), key=lambda path: int(path.name), default=None)
        for path in (newest, newest and newest.with_name(f".{newest.name}.crc")):
            if path:
                path.unlink(missing_ok=True)
    run_jobs(job)
    assert {table.name: content_hash(job.lake.read(table)) for table in layers} == before


def test_a_lake_that_is_not_there_is_not_begun_again(otto, tmp_path):
    """As where its disk is not mounted: nothing is written into the folder that is there instead."""
    job = copy(otto, tmp_path)
    lake, away = tmp_path / "lake", tmp_path / "away"
    lake.rename(away)
    lake.mkdir()
    for start in (run_ingest, run_refine, run_aggregate, lambda job: run_status(job.settings)):
        with pytest.raises(OutsideError, match=r"No table is in the lake .* may not be mounted.*CLICKSTREAM_LAKE"):
            start(job)
    assert list(lake.rglob("*")) == []
    lake.rmdir()
    away.rename(lake)
    run_jobs(job)
    assert [check for check in run_verify(job, quick=True) if not check.ok] == []

    shutil.rmtree(lake)
    for table in TABLES.values():
        job.lake.forget(table)
    run_recover(job, apply=True)
    run_jobs(job)
    assert second_reader(job, BRONZE["clicks"], "SELECT count(*) FROM TABLE") == [(62,)]
    assert [check for check in run_verify(job) if not check.ok] == []


def test_a_damaged_table_of_another_layer_stops_no_ingest(otto, tmp_path):
    job = copy(otto, tmp_path)
    commits = Path(job.lake.path(SILVER["page_views"])) / "_delta_log"
    max(commits.glob("*.json")).write_bytes(b"")
    run_ingest(job)
    offsets = job.settings.checkpoints / "bronze" / "clicks" / "offsets"
    max(offsets.glob("[0-9]*"), key=lambda path: int(path.name)).write_bytes(b"")
    with pytest.raises(OutsideError, match=r"checkpoint of bronze.clicks is damaged: .*offsets/\d+ is empty"):
        run_ingest(job)
    assert run_recover(job, apply=True)
    run_jobs(job)
    assert [check for check in run_verify(job) if not check.ok] == []


def test_a_lost_checkpoint_is_recovered_exactly_once(otto, tmp_path):
    job = copy(otto, tmp_path)
    for name in ("bronze/clicks", "silver/clicks"):
        shutil.rmtree(job.settings.checkpoints / name)
    with pytest.raises(OutsideError, match=r"checkpoint of bronze.clicks is lost.*clickstream recover"):
        run_ingest(job)
    planned = run_recover(job)
    assert {finding.stream for finding in planned if finding.problem} == {"bronze.clicks", "silver.clicks"}
    with pytest.raises(OutsideError, match="lost"):
        run_ingest(job)
    assert run_recover(job, apply=True) == planned
    run_ingest(job)
    run_refine(job)
    assert job.lake.read(BRONZE["clicks"]).count() == 62
    assert [check for check in run_verify(job) if not check.ok] == []
    assert not any(finding.problem for finding in run_recover(job))
    # recover's note outlives the batches that came after it: what bronze holds by now counts, not what it held then.
    for batches in (job.settings.checkpoints / "bronze/clicks").iterdir():
        if batches.is_dir():
            shutil.rmtree(batches)
    run_ingest(job)
    assert job.lake.read(BRONZE["clicks"]).count() == 62
