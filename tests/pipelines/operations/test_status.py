"""How the streams stand, and the five Vs, of tables counted by hand; no Spark is started."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from gold.pipeline_metrics import TABLE as METRICS
from lakehouse.errors import OutsideError
from pipelines.ml import store
from pipelines.operations import five_vs, status
from pipelines.operations.five_vs import Measure, late, per_unit, run_five_vs, text
from pipelines.operations.status import duration, run_status
from pipelines.runtime.settings import Settings, load_settings
from pipelines.runtime.stream_metrics import PendingMetrics
from producers.contract.identity import IDENTITY_VERSION
from producers.shop.settings import current_shop, shop_file
from silver.events import IDENTITY_PROPERTY, PSEUDONYM_PROPERTY, SHOP_ENTRIES_PROPERTY, SHOP_PROPERTY
from tests.support.local_tables import write_with_properties

AT = datetime(2026, 11, 28, 10, tzinfo=UTC)


@pytest.fixture
def installation(tmp_path) -> Settings:
    return load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")


def write(installation: Settings, name: str, **columns) -> None:
    write_deltalake(f"{installation.lake_root}/{name.replace('.', '/')}", pa.table(columns), mode="append")


def row(stream: str, **changes):
    nothing = dict.fromkeys(METRICS.column_names)
    at = AT.isoformat()
    known = {"stream": stream, "query_id": "q", "batch_id": 7, "run_id": "r", "started_at": at, "ended_at": at}
    return {**nothing, **known, "started_on": AT.date().isoformat(), **changes}


def of(found, name: str):
    return next(one for one in found if one.stream == name)


def test_a_missing_lake_is_one_sentence_with_a_hint(installation):
    for ask in (run_status, run_five_vs):
        with pytest.raises(OutsideError, match=r"There is no lake in .*clickstream demo"):
            ask(installation)


def test_reused_event_ids_are_counted_and_said(installation, capsys):
    write(installation, "silver.clicks", arrived_at=[AT])
    write(installation, "gold.data_quality", event=["clicks", "clicks", "page_views"], event_id_reused=[3, None, 0])
    found = run_status(installation)
    counted = {one.stream: one.event_ids_reused for one in found if one.event_ids_reused is not None}
    assert counted == {"silver.clicks": 3, "silver.page_views": 0}
    status.show(found)
    said = capsys.readouterr().out
    assert "silver.clicks: 3 events share their event_id" in said
    assert "silver.page_views: 0" not in said


def test_a_stream_has_its_last_batch_backlog_and_freshness(installation):
    now = datetime.now(UTC)
    for minutes in (9, 5):
        write(installation, "bronze.clicks", arrived_at=[now - timedelta(minutes=minutes)])
    write(installation, "silver.clicks", arrived_at=[now - timedelta(minutes=9)])
    checkpoint = installation.checkpoints / "silver" / "clicks"
    for name, value in (("commits/0", "v1\n{}"), ("offsets/0", 'v1\n{}\n{"reservoirVersion": 1, "index": -1}')):
        (checkpoint / name).parent.mkdir(parents=True, exist_ok=True)
        (checkpoint / name).write_text(value)
    lines = PendingMetrics(installation.metrics, "silver.clicks")
    lines.add(row("silver.clicks", rows_in=5, rows_out=4, batch_id=0))
    found = run_status(installation)
    assert [one.stream for one in found][-1] == "gold"
    clicks = of(found, "silver.clicks")
    assert (clicks.last_batch["rows_in"], clicks.behind, clicks.behind_unit) == (5, 1, "commits")
    assert clicks.newest_arrived_at.timestamp() == pytest.approx((now - timedelta(minutes=9)).timestamp(), abs=0.01)
    assert clicks.freshness_seconds == pytest.approx(540, abs=30)
    # No Kafka runs, so nobody knows what it has.
    assert (of(found, "bronze.clicks").behind, of(found, "bronze.clicks").freshness_seconds) == (
        None, pytest.approx(300, abs=30),
    )  # fmt: skip
    assert of(found, "silver.interactions").behind is None


def test_a_failure_is_shown_with_its_hint_and_its_time(installation, capsys):
    lines = PendingMetrics(installation.metrics, "gold")
    lines.add(row("gold", rows_in=5, batch_id=3))
    lines.add(row("gold", error="The [disk] is full.", cure="Make room."))
    found = of(run_status(installation), "gold")
    assert (found.error, found.cure, found.failed_at) == ("The [disk] is full.", "Make room.", AT.isoformat())
    assert found.last_batch["batch_id"] == 3
    status.show([found])
    assert "The [disk] is full. Make room." in capsys.readouterr().out
    lines.add(row("gold", rows_in=1, batch_id=4))
    assert of(run_status(installation), "gold").error == ""


def test_a_damaged_table_is_named_beside_the_others(installation, capsys):
    for name in ("bronze.clicks", "silver.clicks", "bronze.page_views", "gold.model_metrics"):
        for _ in range(2):
            write(installation, name, arrived_at=[AT])
    lost = f"_delta_log/{1:020d}.json"
    for name, content in (("bronze/clicks", ""), ("gold/model_metrics", '{"commitInfo":{"timest')):
        (Path(installation.lake_root) / name / lost).write_text(content)
    found = run_status(installation)
    sentence = f"bronze.clicks is damaged: {lost} is empty."
    assert of(found, "bronze.clicks").damage == (sentence,)
    assert of(found, "silver.clicks").damage == (sentence,)
    assert of(found, "gold").damage == (f"gold.model_metrics is damaged: {lost} is cut short.",)
    assert of(found, "bronze.page_views").damage == ()
    assert of(found, "bronze.page_views").newest_arrived_at == AT
    status.show(found)
    shown = capsys.readouterr().out
    assert shown.count(sentence) == 1
    assert "clickstream recover" in shown


@pytest.mark.parametrize("state", ["damaged", "newer", "whole", "locked"])
def test_models_that_cannot_be_read_need_a_person(installation, capsys, state):
    write(installation, "gold.sessions", last_arrived_at=[AT])
    file = store.store_file(installation)
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as held:
        held.execute("CREATE TABLE alembic_version (version_num TEXT)")
        revision = "ffffffffffff" if state == "newer" else store.newest_revision()
        held.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        held.commit()
        if state == "locked":
            held.execute("BEGIN EXCLUSIVE")
        if state == "damaged":
            file.write_bytes(b"no database of any kind" * 99)
        found = run_status(installation)
    says = {"damaged": "is damaged: file is not a database. Restore it", "newer": "Install that newer MLflow."}.get(
        state
    )
    assert status.needs_person(found) is bool(says)
    status.show(found)
    shown = capsys.readouterr().out
    assert shown.count("the models cannot be read: ") == bool(says)
    assert (says or "gold") in shown


def fits() -> dict[str, str]:
    """The properties of a silver table that was made by the present settings."""
    return {IDENTITY_PROPERTY: str(IDENTITY_VERSION), SHOP_PROPERTY: current_shop().silver_version}


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({SHOP_PROPERTY: "0" * 12}, "which entries differ cannot be said"),
        ({SHOP_PROPERTY: "0" * 12, SHOP_ENTRIES_PROPERTY: "hosts=1"}, "where hosts and hash_routes"),
        ({SHOP_PROPERTY: None}, "an older release"),
        ({IDENTITY_PROPERTY: "1"}, "by their event_id alone"),
        ({PSEUDONYM_PROPERTY: "0" * 16}, "pseudonyms, and"),
        ({}, ""),
    ],
)
def test_silver_that_refine_would_refuse_needs_a_person(installation, capsys, properties, says):
    given = {name: value for name, value in {**fits(), **properties}.items() if value is not None}
    rows = pa.table({"arrived_at": [AT], "event_id": ["e"], "page_kind": pa.array([None], pa.string())})
    write_with_properties(Path(installation.lake_root) / "silver" / "clicks", rows, given)
    found = run_status(installation)
    assert says in of(found, "silver.clicks").unfit
    assert status.needs_person(found) is bool(says)
    status.show(found)
    shown = capsys.readouterr().out
    assert shown.count("refine would refuse it: ") == shown.count("`clickstream rebuild silver`") == bool(says)
    if properties.get(SHOP_PROPERTY):
        assert str(shop_file()) in shown


def test_an_empty_silver_of_other_settings_is_taken_on(installation):
    rows = pa.table({"arrived_at": pa.array([], pa.timestamp("us", "UTC")), "event_id": pa.array([], pa.string())})
    write_with_properties(Path(installation.lake_root) / "silver" / "clicks", rows, {SHOP_PROPERTY: "0"})
    assert not status.needs_person(run_status(installation))


def test_what_is_not_known_of_the_backlog_is_explained(installation, capsys):
    write(installation, "bronze.clicks", arrived_at=[AT])
    found = run_status(installation)
    assert all(bool(one.unknown) == (one.behind is None) for one in found)
    assert "clickstream broker start" in of(found, "bronze.clicks").unknown
    assert "clickstream ingest" in of(found, "silver.page_views").unknown
    assert not status.needs_person(found)
    status.show(found)
    assert capsys.readouterr().out.count("? What bronze has not read yet is known to Kafka alone.") == 1


def test_offsets_are_counted_from_what_kafka_still_has():
    ends = {("clicks", 0): (5, 10), ("clicks", 1): (0, 3), ("page_views", 0): (0, 99)}
    assert status._offsets_behind("clicks", {"0": 2}, ends) == 5 + 3
    assert status._offsets_behind("clicks", {"0": 10, "1": 3}, ends) == 0


@pytest.mark.parametrize(
    ("seconds", "says"), [(0, "0 s"), (-3, "0 s"), (119, "119 s"), (150, "2 min"), (7_300, "2 h"), (200_000, "2 d")]
)
def test_durations_are_written_as_people_do(seconds, says):
    assert duration(seconds) == says


def test_the_five_vs_are_those_of_the_lake(installation):
    moments = [AT, AT + timedelta(seconds=1), AT + timedelta(seconds=1), AT + timedelta(minutes=1)]
    write(installation, "bronze.clicks", arrived_at=moments)
    events = {
        "user_id": ["u"] * 4, "session_id": ["s"] * 4, "event_id": pa.nulls(4, pa.string()), "element_id": ["a"] * 4,
        "page_url": ["/"] * 4, "category": pa.nulls(4, pa.string()), "price": [None, 1.0, None, None],
        "x_coord": pa.nulls(4, pa.float64()), "y_coord": pa.nulls(4, pa.float64()),
        "topic_id": ["t"] * 4, "partition": [0] * 4, "offset": [0, 1, 2, 3],
        "event_at": [AT, AT + timedelta(hours=1), AT, AT + timedelta(minutes=45)],
    }  # fmt: skip
    write(installation, "silver.clicks", **events)
    write(
        installation, "gold.data_quality", rule=["all", "x"], received=[8, 8], quarantined=[2, 2], duplicates=[1, None]
    )
    funnel = {"sessions": [3, 1], "purchase_sessions": [1, 0], "revenue": [Decimal("9.99"), Decimal("0.00")]}
    write(installation, "gold.daily_funnel", **funnel)
    batch = {"rows_in": 4, "duration_seconds": 2.0, "rows_per_second": 2.0, "lag_seconds": 3.0, "bytes_in": 40}
    PendingMetrics(installation.metrics, "bronze.clicks").add(row("bronze.clicks", **batch))
    found = {(one.v, one.measure): one.value for one in run_five_vs(installation)}
    assert {one: found["volume", one] for _, one in found if _ == "volume" and "disk" not in one} == {
        "records in bronze": 4,
        "records per second, on average": pytest.approx(4 / 61),
        "records per second, at most": 2,
        "records per minute, on average": 2,
        "records per minute, at most": 3,
        "records per hour, on average": 4,
        "records per hour, at most": 4,
        "records per day, on average": 4,
        "records per day, at most": 4,
    }
    assert found["volume", "bronze on disk"] > 0
    assert found["velocity", "into bronze, a stream on average"] == 2
    assert found["velocity", "from Kafka to bronze, half of the batches within"] == 3
    assert found["velocity", "into gold, its fastest batch"] is None
    assert found["variety", "kinds of events"] == 1
    assert found["variety", "fields that hold something"] == 6
    assert found["veracity", "records in quarantine"] == 0.25
    assert found["veracity", "records that are duplicates"] == 0.125
    assert found["veracity", "events that arrived more than 30 min after a later one"] == 0.25
    assert found["value", "sessions that bought"] == 0.25
    assert found["value", "revenue"] == 9.99


def test_the_five_vs_of_an_empty_lake_are_shown_too(installation, capsys):
    write(installation, "bronze.clicks", arrived_at=pa.array([], pa.timestamp("us", "UTC")))
    measures = run_five_vs(installation)
    five_vs.show(measures)
    shown = capsys.readouterr().out
    assert all(v in shown for v in ("volume", "velocity", "variety", "veracity", "value"))
    json.dumps([one.value for one in measures])


def test_figures_are_read_as_people_write_them():
    values = [(None, "rows"), (1_234_567, "rows"), (0.123, "share"), (1_234.5, "s")]
    assert [text(Measure("v", "m", *one)) for one in values] == ["-", "1,234,567", "12.30%", "1,234.50"]


@given(st.dictionaries(st.integers(0, 10**9), st.integers(1, 1_000), min_size=1, max_size=30))
def test_a_rate_loses_no_record_and_its_mean_is_at_most_its_top(counts):
    units = per_unit(counts)
    total = sum(counts.values())
    for name, length in (("second", 1), ("minute", 60), ("hour", 3_600), ("day", 86_400)):
        mean, most = units[name]
        assert mean * (max(counts) // length - min(counts) // length + 1) == pytest.approx(total)
        assert mean <= most + 1e-9
        assert most <= total
    assert [units[one][1] for one in units] == sorted(units[one][1] for one in units)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 5)), max_size=12), st.randoms())
def test_late_compares_with_lower_offsets_of_one_partition(events, order):
    rows = [(topic, partition, offset, minute) for offset, (topic, partition, minute) in enumerate(events)]
    order.shuffle(rows)
    columns = list(zip(*rows, strict=True)) or [[], [], [], []]
    at = np.array([np.datetime64(0, "us") + np.timedelta64(one, "m") for one in columns[3]], "datetime64[us]")
    expected = [
        any(t == topic and p == partition and o < offset and m > minute + 2 for t, p, o, m in rows)
        for topic, partition, offset, minute in rows
    ]
    assert late(*columns[:3], at, 2).tolist() == expected
