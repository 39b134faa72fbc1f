"""Nobody who was erased is in any file, and what is left is what it would be if they had never come."""

from __future__ import annotations

import json
import re

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from gold.users import TABLE as USERS
from lakehouse.delta_log import examine
from lakehouse.engines.erasing_lake import ErasingLake
from lakehouse.errors import DataError, OutsideError, UsageError
from lakehouse.locks import WriterLock
from pipelines.gold_builder import gold_checkpoint
from pipelines.operations.erasure.erase import run_erase
from pipelines.operations.erasure.purge import reader_behind
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.erased_people import erased_people, remove_people
from pipelines.runtime.erased_records import drop_erased
from pipelines.runtime.settings import load_settings
from pipelines.silver_writer import write_silver_batch_in_process
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import PSEUDONYM_PROPERTY, SILVER
from silver.quarantine import QUARANTINE
from tests.support.erasure import (
    build_gold,
    files_that_have,
    installation,
    land,
    predict,
    streams_have_read,
    visit,
    wrong_in_gold,
)
from tests.support.pseudonyms import pseudonymise
from tests.support.records import value

PLANTED, OTHER = "planted-4711-id", "somebody-else-1"


@pytest.fixture
def shop(tmp_path):
    """Two people in every layer, over several versions of each table."""
    settings, lake = installation(tmp_path)
    visit(lake, 0, OTHER, "session-o1")
    build_gold(settings, lake)
    visit(lake, 100, PLANTED, "session-p1")
    # It arrived earlier and comes later: it takes the first one's place, which the change feed keeps.
    land(lake, "page_views", 50, value("page_views", user_id=PLANTED, session_id="session-p1"))
    build_gold(settings, lake)
    for number in range(9):  # enough for a checkpoint of the logs
        land(lake, "clicks", 200 + number, value("clicks", user_id=OTHER, session_id="session-o2", x_coord=number))
    predict(lake, PLANTED, "session-p1")
    for number in range(10):  # and for one of gold's
        predict(lake, OTHER, f"session-o{number}")
    lake.compact(BRONZE["clicks"])
    build_gold(settings, lake)
    return settings, lake


def outcomes(lake):
    """By its coordinates, in how many places each record ended; and how often it is in bronze."""
    places = {}
    tables = [*BRONZE.values(), *SILVER.values(), QUARANTINE, DUPLICATES]
    for table in tables:
        for row in lake.read(table, COORDINATE_NAMES).to_pylist():
            bronze, others = places.get(tuple(row.values()), (0, 0))
            is_bronze = table.layer == "bronze"
            places[tuple(row.values())] = (bronze + is_bronze, others + (not is_bronze))
    return places


def test_no_file_has_an_erased_person(shop, tmp_path):
    settings, lake = shop
    had = "\n".join(files_that_have(tmp_path, PLANTED))
    for kind in ("_delta_log/.*json", "_delta_log/.*checkpoint.parquet", "_change_data", "bronze/", "gold/users"):
        assert re.search(kind, had)
    before = set(outcomes(lake))
    receipt = run_erase(settings, [PLANTED])
    assert files_that_have(tmp_path, PLANTED, "session-p1") == []
    assert receipt.found_after == ()
    assert {table.name for table in TABLES.values() if examine(lake.folder(table))} == set()
    assert wrong_in_gold(settings, lake) == []
    found = outcomes(lake)
    assert (set(found), set(found.values())) == (before, {(1, 1)})
    assert pc.unique(lake.read(USERS)["user_id"]).to_pylist() == [OTHER]
    rows = {one.table: one.rows for one in receipt.tables}
    assert (rows["bronze.page_views"], rows["silver.page_views"], rows["silver.duplicates"]) == (4, 1, 2)
    assert (rows["silver.quarantine"], rows["gold.users"], rows["gold.prediction_log"]) == (3, 1, 1)


def test_the_others_stay_to_the_byte(shop):
    settings, lake = shop

    def of_others():
        return {
            table.name: sorted(map(repr, lake.read(table).filter(pc.field("user_id") == OTHER).to_pylist()))
            for table in TABLES.values()
            if "user_id" in table.column_names
        }

    before = of_others()
    run_erase(settings, [PLANTED])
    assert of_others() == before
    values = lake.read(BRONZE["clicks"], ["value"])["value"].to_pylist()
    assert sum(one is not None for one in values) == 12


def test_a_dry_run_changes_nothing(shop, tmp_path):
    settings, _ = shop

    def files():
        return {
            str(path): path.stat().st_mtime_ns
            for path in tmp_path.rglob("*")
            if path.is_file() and "locks" not in path.parts
        }

    before = files()
    planned = run_erase(settings, [PLANTED], dry_run=True)
    assert files() == before
    done = run_erase(settings, [PLANTED])
    counted = [{one.table: one.rows for one in receipt.tables if one.rows} for receipt in (planned, done)]
    assert counted[0] == counted[1]


def test_the_receipt_names_nobody(shop):
    settings, _ = shop
    receipt = run_erase(settings, [PLANTED, OTHER])
    (file,) = (settings.erasure_home / "receipts").iterdir()
    kept = json.loads(file.read_text())
    assert PLANTED not in file.read_text()
    assert kept["people"] == list(receipt.people)
    assert len(set(kept["people"])) == 2
    assert kept["files_go_at"] == kept["erased_at"]
    assert (settings.erasure_home / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("step", ["quarantine", "silver", "gold"])
def test_an_interrupted_erasure_is_finished_by_the_next(shop, tmp_path, monkeypatch, step):
    settings, lake = shop
    place = {
        "silver": (ErasingLake, "delete"),
        "gold": (ErasingLake, "merge"),
        "quarantine": (ErasingLake, "add_unnoticed"),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(*place, _dies)
        with pytest.raises(OSError, match="power"):
            run_erase(settings, [PLANTED])
    run_erase(settings, [PLANTED])
    assert files_that_have(tmp_path, PLANTED) == []
    assert wrong_in_gold(settings, lake) == []
    assert set(outcomes(lake).values()) == {(1, 1)}


def _dies(*_, **__):
    raise OSError("the power is cut")


def test_what_comes_again_is_dropped(shop, tmp_path):
    settings, lake = shop
    run_erase(settings, [PLANTED])
    event, people = EVENTS["clicks"], erased_people(settings)
    again = [value("clicks", user_id=PLANTED, x_coord=7), b'{"user_id":"' + PLANTED.encode() + b'"', value("clicks")]
    start = lake.rows(BRONZE["clicks"])
    land_only(lake, 900, *again)
    records = lake.read(BRONZE["clicks"]).filter(pc.field("offset") >= 900)
    for _ in range(2):
        left = drop_erased(ErasingLake(settings.lake_root, settings.locks), event, records, people)
        write_silver_batch_in_process(lake, event, left)
    assert left["offset"].to_pylist() == [902]
    assert lake.rows(BRONZE["clicks"]) == start + 3
    assert set(outcomes(lake).values()) == {(1, 1)}
    run_erase(settings, [PLANTED])
    assert files_that_have(tmp_path, PLANTED) == []
    assert remove_people(settings, [PLANTED]) == 1
    assert erased_people(settings) is None


def land_only(lake, start, *values):
    """Records into bronze alone."""
    import pyarrow as pa

    schema = lake.schema(BRONZE["clicks"])
    like = lake.read(BRONZE["clicks"]).slice(0, 1).to_pylist()[0]
    rows = [{**like, "offset": start + number, "value": one} for number, one in enumerate(values)]
    lake.append(BRONZE["clicks"], pa.Table.from_pylist(rows, schema))


def test_a_stream_that_has_read_all_has_nothing_more_to_read(shop, tmp_path):
    settings, lake = shop
    streams_have_read(settings, lake)
    receipt = run_erase(settings, [PLANTED])
    assert [one for one in receipt.tables if one.files_kept] == []
    assert {reader_behind(settings, table) for table in TABLES.values()} == {""}
    assert files_that_have(tmp_path, PLANTED) == []


def test_a_stream_keeps_the_old_files_that_it_has_yet_to_read(shop, tmp_path):
    settings, lake = shop
    streams_have_read(settings, lake, but="silver.clicks")
    receipt = run_erase(settings, [PLANTED])
    kept = {one.table: one.files_kept_because for one in receipt.tables if one.files_kept}
    assert list(kept) == ["silver.clicks"]
    assert "the stream gold has yet to read" in kept["silver.clicks"]
    assert receipt.files_go_at > receipt.erased_at
    assert {path.split("/")[2] for path in files_that_have(tmp_path, PLANTED)} == {"clicks"}
    streams_have_read(settings, lake)
    run_erase(settings, [PLANTED])
    assert files_that_have(tmp_path, PLANTED) == []


def test_a_running_stream_is_not_disturbed(shop):
    settings, _ = shop
    lock = WriterLock(settings.locks, SILVER["clicks"].name)
    try:
        with pytest.raises(OutsideError, match=r"silver\.clicks"):
            run_erase(settings, [PLANTED])
    finally:
        lock.release()


def test_a_lake_that_is_a_uri_is_refused(shop):
    settings, _ = shop
    with pytest.raises(UsageError, match="lake in a folder"):
        run_erase(load_settings(lake="s3://bucket/lake", state=settings.state_root), [PLANTED])


def test_a_person_behind_a_pseudonym_is_erased_by_the_id(tmp_path, monkeypatch):
    by = pseudonymise(monkeypatch, tmp_path)
    settings, lake = installation(tmp_path)
    for table in SILVER.values():
        mark(lake, table, by.version)
    visit(lake, 0, OTHER, "session-o1")
    visit(lake, 100, PLANTED, "session-p1")
    build_gold(settings, lake)
    gold_checkpoint(settings).mkdir(parents=True)
    predict(lake, by.of(PLANTED), "session-p1")
    assert set(lake.read(USERS, ["user_id"])["user_id"].to_pylist()) == {by.of(OTHER), by.of(PLANTED)}

    receipt = run_erase(settings, [PLANTED])
    counts = {one.table: one.rows for one in receipt.tables}
    assert counts["gold.session_predictions"] == 1
    assert counts["bronze.page_views"] == 3
    assert files_that_have(tmp_path / "lake", PLANTED, by.of(PLANTED), "session-p1") == []
    assert set(lake.read(USERS, ["user_id"])["user_id"].to_pylist()) == {by.of(OTHER)}
    assert wrong_in_gold(settings, lake) == []
    land(lake, "clicks", 900, value("clicks", user_id=OTHER))
    records = lake.read(BRONZE["clicks"])
    assert drop_erased(ErasingLake(lake.root, settings.locks), EVENTS["clicks"], records, erased_people(settings))

    mark(lake, SILVER["clicks"], "another")
    with pytest.raises(DataError, match="made with another key than the present one"):
        run_erase(settings, [OTHER])


def mark(lake, table, version):
    DeltaTable(lake.folder(table)).alter.set_table_properties({PSEUDONYM_PROPERTY: version}, False)
