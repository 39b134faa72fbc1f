"""Each record ends in exactly one of silver, quarantine, duplicates, however records are batched or repeated."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta

import pytest

from bronze.raw_events import BRONZE
from gold.pipeline_metrics import TABLE as PIPELINE_METRICS
from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import DataError
from pipelines import gold_builder
from pipelines.operations.quarantine import run_replay
from pipelines.operations.status import run_status
from pipelines.rebuild import Layer, run_rebuild
from pipelines.runtime.job import Job
from pipelines.silver_writer import BatchCounts, write_silver_batch, write_silver_batch_in_process
from producers.contract.identity import IDENTITY_VERSION
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import IDENTITY_PROPERTY, SHOP_PROPERTY, SILVER, validate_records
from silver.quarantine import QUARANTINE
from tests.support.erasure import predict
from tests.support.pseudonyms import pseudonymise
from tests.support.records import NOON, bronze_rows, land, record, refine_only, rows, value

pytestmark = pytest.mark.spark

COORDINATES = ("topic", "topic_id", "partition", "offset")


class Writer:
    """Writes silver by one of the two engines, for tables that both can write."""

    def __init__(self, tables, locks, engine):
        self.spark_lake = tables
        self.local = LocalLake(tables.root, locks) if engine == "in process" else None

    def __getattr__(self, name):
        return getattr(self.spark_lake, name)


@pytest.fixture(params=["spark", "in process"])
def silver(tables, settings, request):
    return Writer(tables, settings.locks, request.param)


def write(lake, records, event="page_views"):
    frame = bronze_rows(lake, event, records)
    if lake.local is None:
        return write_silver_batch(lake.spark_lake, EVENTS[event], validate_records(EVENTS[event])(frame))
    return write_silver_batch_in_process(lake.local, EVENTS[event], frame.toArrow())


def stored(lake, event="page_views"):
    """What silver, quarantine and duplicates hold."""
    return (
        rows(lake.read(SILVER[event])),
        rows(lake.read(QUARANTINE), *COORDINATES, "value", "rules", "sentences", "status"),
        rows(lake.read(DUPLICATES)),
    )


def as_declared(lake, records, event="page_views"):
    """The same three as the declarations build them from all records at once."""
    frames = {name: bronze_rows(lake, name, records if name == event else []) for name in BRONZE}
    return (
        rows(SILVER[event].build(frames[event]), *SILVER[event].column_names),
        rows(QUARANTINE.build(**frames), *COORDINATES, "value", "rules", "sentences", "status"),
        rows(DUPLICATES.build(**frames), *DUPLICATES.column_names),
    )


def test_good_bad_and_repeated_records_each_go_to_one_table(silver):
    good, bad = value("page_views"), value("page_views", price=-1)
    assert write(silver, [record("page_views", n, body) for n, body in enumerate([good, bad, good])]) == BatchCounts(
        received=3, kept=1, quarantined=1, duplicates=1
    )
    kept, waiting, dropped = stored(silver)
    assert [row[-2] for row in kept] == [0]
    assert [row[3] for row in waiting] == [1]
    assert waiting[0][4] == bad
    assert "price_negative" in waiting[0][5]
    assert [(row[3], row[-1]) for row in dropped] == [(2, 0)]


def test_a_batch_written_again_changes_nothing(silver):
    batch = [record("page_views", n, value("page_views", price=n % 3 - 1)) for n in range(9)]
    write(silver, batch)
    before = stored(silver)
    write(silver, batch)
    write(silver, batch[4:])
    assert stored(silver) == before


def test_the_first_arrival_stays_even_if_written_last(silver):
    late = record("page_views", 0, value("page_views", event_id="e", price=1), partition=1, arrived_at=NOON)
    twins = [
        record(
            "page_views", n, value("page_views", event_id="e", price="1.0"), arrived_at=NOON + timedelta(hours=n + 1)
        )
        for n in range(3)
    ]
    write(silver, twins)
    write(silver, [late])
    assert stored(silver) == as_declared(silver, [late, *twins])
    assert rows(silver.read(SILVER["page_views"]), "partition", "price") == [(1, 1.0)]
    write(silver, [late])
    write(silver, twins)
    assert stored(silver) == as_declared(silver, [late, *twins])


def test_an_event_id_tells_apart_and_never_merges(silver):
    events = [
        value("page_views", event_id=7),
        value("page_views", event_id="7"),
        value("page_views", event_id=8),
        value("page_views", event_id="7", user_id="a stranger with the same counter"),
        value("page_views", event_id="7", timestamp="2026-01-01T00:00:00Z"),
        value("page_views", event_id="00000000-0000-0000-0000-000000000000"),
        value("page_views", event_id="null"),
    ]
    for number, event in enumerate(events):
        write(silver, [record("page_views", number, event)])
    assert rows(silver.read(SILVER["page_views"]), "offset") == [(0,), (2,), (3,), (4,), (5,)]
    assert rows(silver.read(DUPLICATES), "offset", "kept_offset") == [(1, 0), (6, 5)]


def test_different_events_at_one_instant_both_stay(silver):
    write(silver, [record("page_views", 0, value("page_views"))])
    write(silver, [record("page_views", 1, value("page_views", session_id="s2"))])
    assert silver.read(SILVER["page_views"]).count() == 2


@pytest.mark.parametrize("before", ["silver.quarantine", "silver.duplicates", "silver.page_views"])
def test_a_batch_again_finishes_what_a_crash_before_a_write_left(silver, before, monkeypatch):
    records = [record("page_views", n, value("page_views", price=n % 3 - 1)) for n in range(8)]
    records.append(record("page_views", 9, value("page_views", price=1), partition=1, arrived_at=NOON))
    write(silver, records[2:4])
    engine = type(silver.local or silver.spark_lake)
    append = engine.append

    def crash(lake, table, rows):
        if table.name == before:
            raise RuntimeError("crash")
        return append(lake, table, rows)

    monkeypatch.setattr(engine, "append", crash)
    with pytest.raises(RuntimeError, match="crash"):
        write(silver, records)
    monkeypatch.undo()
    write(silver, records)
    assert stored(silver) == as_declared(silver, records)


@pytest.mark.parametrize(
    ("silver", "seed"), [("spark", 0), *(("in process", seed) for seed in range(8))], indirect=["silver"]
)
def test_any_batching_gives_what_the_declarations_build(silver, seed):
    chance = random.Random(seed)
    records = []
    for offset in range(40):
        body = value(
            "page_views",
            event_id=chance.choice([..., ..., "e1", "n/a", 3]),
            price=chance.choice([1, 1.0, -1, "1.00", None, 2]),
            timestamp=chance.choice(["2026-10-15T10:00:00Z", "2026-10-15T12:00:00+02:00", "2026-10-14 10:00:00"]),
            user_id=chance.choice(["u1", "u1", "u2", None]),
        )
        records.append(record("page_views", offset, body, partition=chance.randrange(5)))
    waiting = list(records)
    chance.shuffle(waiting)
    while waiting:
        size = chance.randint(1, 25)
        batch, waiting = waiting[:size], waiting[size:]
        write(silver, batch)
        if chance.random() < 0.3:
            write(silver, batch)
    assert stored(silver) == as_declared(silver, records)


def test_silver_of_an_older_contract_is_refused_until_rebuilt(job, tables):
    table = SILVER["clicks"]
    land(tables, "clicks", [record("clicks", n, value("clicks", event_id="e", x_coord=n)) for n in range(2)])
    assert refine_only(job, "clicks") == [0, 1]
    tables.set_property(table, IDENTITY_PROPERTY, "1")
    land(tables, "clicks", [record("clicks", 2, value("clicks", event_id="e", x_coord=2))])
    with pytest.raises(DataError, match=r"silver\.clicks were told apart by their event_id alone"):
        refine_only(job, "clicks")
    assert tables.read(table).count() == 2
    run_rebuild(job, Layer.silver)
    assert refine_only(job, "clicks") == [0, 1, 2]


def test_silver_without_event_ids_is_taken_on(job, tables):
    table = SILVER["clicks"]
    land(tables, "clicks", [record("clicks", 0, value("clicks"))])
    refine_only(job, "clicks")
    tables.set_property(table, IDENTITY_PROPERTY, "1")
    land(tables, "clicks", [record("clicks", 1, value("clicks"))])
    assert refine_only(job, "clicks") == [0]
    assert tables.property(table, IDENTITY_PROPERTY) == str(IDENTITY_VERSION)


def test_silver_by_other_settings_is_refused_until_rebuilt(job, tables, monkeypatch, tmp_path):
    table = SILVER["clicks"]
    land(tables, "clicks", [record("clicks", n, value("clicks", element_id="kauf", x_coord=n)) for n in range(2)])
    assert refine_only(job, "clicks") == [0, 1]
    assert rows(tables.read(table), "is_purchase", "page_kind") == [(False, "product")] * 2
    (tmp_path / "shop.toml").write_text('[elements]\npurchase = ["kauf"]', encoding="utf-8")
    monkeypatch.setenv("CLICKSTREAM_CONF", str(tmp_path))
    with pytest.raises(DataError, match=r"silver\.clicks were read by other settings of the shop") as raised:
        refine_only(job, "clicks")
    assert str(tmp_path / "shop.toml") in str(raised.value)
    assert "elements.purchase" in str(raised.value)
    assert "hash_routes" not in str(raised.value)
    [unfit] = [one.unfit for one in run_status(job.settings) if one.stream == "silver.clicks"]
    assert unfit == str(raised.value)
    run_rebuild(job, Layer.silver)
    assert rows(tables.read(table), "is_purchase", "page_kind") == [(True, "other")] * 2
    assert refine_only(job, "clicks") == [0, 1]


@pytest.mark.parametrize("rows_in_process", [pytest.param(0, marks=pytest.mark.long), 1])
def test_pseudonyms_are_refused_until_silver_is_rebuilt(
    spark, settings, no_rows, monkeypatch, tmp_path, rows_in_process
):
    shutil.copytree(no_rows, settings.lake_root)
    engines = settings.engines.model_copy(update={"in_process_rows": rows_in_process})
    job = Job(settings.model_copy(update={"engines": engines}), spark)
    table, tables = SILVER["clicks"], job.lake
    land(tables, "clicks", [record("clicks", n, value("clicks", x_coord=n // 2)) for n in range(3)])
    assert refine_only(job, "clicks") == [0, 2]
    predict(job.local_lake, "u1", "s1")

    def users():
        return {row[0] for one in (table, PREDICTIONS) for row in rows(tables.read(one), "user_id")}

    assert users() == {"u1"}
    for key in ("k" * 40, "another key" * 4):
        by = pseudonymise(monkeypatch, tmp_path, key)
        for refused in (
            lambda: refine_only(job, "clicks"),
            lambda: gold_builder.build_all(job),
            lambda: run_replay(job),
        ):
            with pytest.raises(
                DataError, match=r"user ids in silver\.clicks are (plain|pseudonyms, made with)"
            ) as error:
                refused()
            assert "clickstream rebuild silver" in error.value.hint
        run_rebuild(job, Layer.silver)
        assert users() == {by.of("u1")}
        assert refine_only(job, "clicks") == [0, 2]
    land(tables, "clicks", [record("clicks", 9, value("clicks", x_coord=9))])
    assert refine_only(job, "clicks") == [0, 2, 9]
    assert users() == {by.of("u1")}
    monkeypatch.delenv("CLICKSTREAM_CONF")
    with pytest.raises(DataError, match=r"are pseudonyms, and \S+shop\.toml asks for plain ones"):
        refine_only(job, "clicks")
    run_rebuild(job, Layer.silver)
    assert users() == {"u1"}


def test_silver_without_parsed_addresses_is_refused(job, tables):
    table = SILVER["clicks"]
    land(tables, "clicks", [record("clicks", 0, value("clicks"))])
    assert refine_only(job, "clicks") == [0]
    path = tables.path(table)
    tables.spark.sql(f"ALTER TABLE delta.`{path}` UNSET TBLPROPERTIES ('{SHOP_PROPERTY}')")
    tables.spark.sql(f"ALTER TABLE delta.`{path}` ALTER COLUMN page_kind DROP NOT NULL")
    tables.spark.sql(f"UPDATE delta.`{path}` SET page_kind = NULL")  # noqa: S608
    with pytest.raises(DataError, match=r"silver\.clicks were read by an older release"):
        refine_only(job, "clicks")
    with pytest.raises(DataError, match=r"an older release"):
        gold_builder.build_all(job)
    run_rebuild(job, Layer.silver)
    assert refine_only(job, "clicks") == [0]


@pytest.mark.parametrize("rows_in_process", [0, 1])
def test_the_stream_writes_by_the_engine_that_is_set(spark, settings, no_rows, rows_in_process):
    shutil.copytree(no_rows, settings.lake_root)
    engines = settings.engines.model_copy(update={"in_process_rows": rows_in_process})
    job = Job(settings.model_copy(update={"engines": engines}), spark)
    bodies = [value("clicks"), b"no JSON", value("clicks"), value("clicks", x_coord=1)]
    land(job.lake, "clicks", [record("clicks", n, body) for n, body in enumerate(bodies)])
    assert refine_only(job, "clicks") == [0, 3]
    assert rows(job.lake.read(DUPLICATES), "offset", "kept_offset") == [(2, 0)]
    assert rows(job.lake.read(QUARANTINE), "offset", "rules") == [(1, ["json_invalid"])]
    found = rows(job.lake.read(PIPELINE_METRICS).where("rows_in > 0"), "stream", "rows_in", "rows_out", "engine")
    assert found == [("silver.clicks", 4, 2, "in process" if rows_in_process else "spark")]
