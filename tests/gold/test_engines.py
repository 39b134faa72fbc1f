"""Every gold table is one definition that both engines run to the same rows, whatever the events are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gold.shared.clock import CLOCK
from lakehouse.engines.in_process import build_tables
from lakehouse.engines.local_lake import LocalLake
from pipelines import gold_builder
from pipelines.gold_builder import clock_frame, clock_rows, incremental_tables, table_sql, upstream_tables
from producers.replay.reader import replay
from producers.simulator.simulator import UNTIL, simulate
from silver.quarantine import QUARANTINE
from tests.support.gold_events import DAY, act, buy, click, keep, view
from tests.support.gold_sessions import GOLDEN_EVENTS
from tests.support.simulated_examples import refine_records

pytestmark = pytest.mark.spark

AS_OF = DAY + timedelta(days=3)
OTTO = Path(__file__).parents[2] / "producers" / "samples" / "otto.jsonl"

odd_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
hosts = st.sampled_from(
    [
        "shop.example",
        "SHOP.example",
        "www.google.com",
        "m.facebook.com",
        "x.co\n",
        "t.co",
        "mail.example",
        "\u017fhop.\u0130o",
        "",
    ]
)
paths = st.sampled_from(
    [
        "",
        "/",
        "/index.html",
        "/p/1",
        "/Product/Kelvin-\u212a",
        "/items/\n",
        "/product\u017f/1",
        "/c",
        "/search\n",
        "/cart/",
        "/checkout",
        "/order/7",
        "?q=/p/1",
        "#/p/2",
        ";x",
        "/a b",
        "/ü/p/ß",
    ]
)
addresses = st.one_of(
    st.builds("{}://{}{}{}".format, st.sampled_from(["https", "HTTP", "android-app", "1x"]), hosts, paths,
              st.sampled_from(["", "?a=1", "#top", "?u=http://x/p/1"])),
    paths.filter(bool),
    odd_text,
)  # fmt: skip
prices = (
    st.none() | st.floats(0, 10_000_000) | st.sampled_from([0.0, 0.005, 1.005, 2.675, 19.99, 1e-300, 9_999_999.995])
)
categories = st.none() | st.sampled_from(["shoes", "Shoes", "(none)", "books\n", "本", "ß"]) | odd_text
moments = st.one_of(
    st.integers(0, 3 * 86_400_000_000),
    st.sampled_from([0, 1, 86_400_000_000 - 1, 86_400_000_000, 3_600_000_000, 1_800_000_000]),
).map(lambda micros: DAY + timedelta(microseconds=micros))
people = st.builds(
    "{}/{}".format, st.sampled_from(["a", "A", "b ", "\U0001f600", "é"]), st.sampled_from(["s", "S", "t"])
)
extras = st.fixed_dictionaries({"price": prices, "category": categories})
late = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(hours=5), timedelta(days=2)])

events = st.one_of(
    st.builds(lambda who, at, page, more, by, ref: view(who, at, page, **more, arrived_at=at + by, referrer_url=ref),
              people, moments, addresses, extras, late, st.none() | addresses),
    st.builds(lambda who, at, page, more, by, what, x: click(who, at, what, page, **more, arrived_at=at + by, **x),
              people, moments, addresses, extras, late, st.sampled_from(["menu", "btn_add_to_cart", "ß"]),
              st.fixed_dictionaries({"x_coord": st.none() | st.floats(0, 100_000), "y_coord": st.floats(0, 100_000)})),
    st.builds(lambda who, at, page, more, by, what: act(who, at, what, page, **more, arrived_at=at + by),
              people, moments, addresses, extras, late,
              st.sampled_from(["scroll", "hover", "zoom", "search", "add_to_cart", "remove_from_cart", "share"])),
    st.builds(buy, people, moments, st.floats(0, 10_000_000)),
)  # fmt: skip
near = st.integers(0, 25_000_000).map(lambda micros: DAY + timedelta(hours=23, seconds=3_590, microseconds=micros))
named = st.fixed_dictionaries({"price": st.sampled_from([None, 5.0, 0.1]), "category": st.sampled_from([None, "ß"])})
carts = st.one_of(
    st.builds(lambda at, more, by: click("a/s", at, "btn_add_to_cart", "/p/1", **more, arrived_at=at + by),
              near, named, late),
    st.builds(lambda at, more, by: act("a/s", at, "add_to_cart", "/p/1", **more, arrived_at=at + by),
              near, named, late),
)  # fmt: skip


def rows_by_spark(job, given_rows):
    """Every gold table as Spark makes it from its declaration."""
    frames = {**given_rows}
    for table in incremental_tables():
        frames[table.name] = gold_builder.build_table(job, table, frames).select(*table.column_names).localCheckpoint()
    return {table.name: frames[table.name].toArrow() for table in incremental_tables()}


def differences(table, one, other):
    """The rows that only one of the two has, at most three of each."""
    database = duckdb.connect()
    for name, rows in (("one", one), ("other", other)):
        database.register(name, pa.table([_plain(rows[column.name]) for column in table.columns], table.column_names))
    return [
        *database.sql("FROM one EXCEPT ALL FROM other LIMIT 3").fetchall(),
        *database.sql("FROM other EXCEPT ALL FROM one LIMIT 3").fetchall(),
    ]


def _plain(column):
    return column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column


def engines_agree(job, as_of=AS_OF, memory="1GB"):
    lake, local = job.lake, LocalLake(job.settings.lake_root, job.settings.locks)
    versions = {table.name: lake.version(table) for table in upstream_tables()}
    build_tables(
        local, incremental_tables(), table_sql(),
        sources={CLOCK.name: clock_rows(job.settings, as_of)}, versions=versions, memory=memory,
    )  # fmt: skip
    given_rows = {table.name: lake.read(table) for table in upstream_tables()}
    by_spark = rows_by_spark(job, {**given_rows, CLOCK.name: clock_frame(job, as_of)})
    for table in incremental_tables():
        assert differences(table, local.read(table), by_spark[table.name]) == [], table.name
    return by_spark


def test_every_gold_table_is_run_by_both():
    assert set(table_sql()) == {table.name for table in incremental_tables()}


@pytest.fixture
def refused(spark, tables):
    """Quarantined records of several rules and in each status."""
    at = datetime(2026, 10, 14, 23, 59, 59, 999_999, tzinfo=UTC)
    columns = {column.name: None for column in QUARANTINE.columns}
    rows = [
        {**columns, "topic": topic, "topic_id": "t", "partition": 0, "offset": number, "arrived_at": at,
         "rules": rules, "sentences": ["it is so"] * len(rules), "status": status, "first_judged_at": at,
         "last_judged_at": at, "contract_version": "1"}
        for number, (topic, rules, status) in enumerate([
            ("clicks", ["a", "a", "b"], "open"), ("clicks", ["b"], "replayed"), ("page_views", ["c"], "discarded"),
        ])
    ]  # fmt: skip
    schema = tables.empty(QUARANTINE).schema
    tables.append(
        QUARANTINE, spark.createDataFrame([tuple(row.get(name) for name in schema.names) for row in rows], schema)
    )


@settings(
    max_examples=3, phases=[Phase.generate], derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(found=st.lists(events, min_size=120, max_size=200), pressed=st.lists(carts, min_size=30, max_size=60))
@pytest.mark.usefixtures("refused")
def test_the_engines_agree_on_golden_odd_real_and_refused_events(job, tables, found, pressed):
    """Spark takes 20 s for all tables, however many rows they have: so each example has all kinds."""
    for name in ("page_views", "clicks", "interactions"):
        tables.overwrite(upstream(name), tables.empty(upstream(name)))
    keep(tables, [*GOLDEN_EVENTS, *found, *pressed])
    refine_records(job.local_lake, replay(OTTO, "otto", pytest.fail))
    made = engines_agree(job)
    assert {(row["event"], row["rule"], row["quarantined"]) for row in made["gold.data_quality"].to_pylist()} >= {
        ("clicks", "a", 1),
        ("clicks", "all", 1),
    }


@pytest.mark.long
@pytest.mark.usefixtures("tables")
def test_the_engines_agree_on_50_000_simulated_sessions(job):
    """A million events, of users who come again, on many days; the last sessions are open."""
    refine_records(job.local_lake, simulate(7, 50_000))
    made = engines_agree(job, UNTIL.astimezone(UTC) + timedelta(minutes=1), memory="4GB")
    assert made["gold.sessions"].num_rows == 50_000


def upstream(name):
    return next(table for table in upstream_tables() if table.short_name == name)
