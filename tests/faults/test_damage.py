"""A commit, a checkpoint or a file that is gone: each job stops, each command says it, and one command fixes it."""

from __future__ import annotations

import shutil
from random import Random

import pytest

from gold.daily_funnel import TABLE as FUNNEL
from gold.pipeline_metrics import TABLE as METRICS
from gold.sessions import TABLE as SESSIONS
from lakehouse.embedded_kafka.broker import Broker
from lakehouse.errors import LakehouseError
from pipelines.operations.recover import run_recover
from pipelines.query.duckdb_session import in_words, lake_connection
from producers.events import EVENTS
from producers.kafka import ensure_topics
from tests.faults.harness import Ledger, Shoppers
from tests.faults.lab import Lab
from tests.support import injuries
from tests.support.gold_tables import with_upstream

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.spark]

TABLES = {"bronze": "bronze.clicks", "silver": "silver.clicks", "gold": "gold.sessions"}


@pytest.fixture(autouse=True)
def _few_gold_tables(gold_of):
    gold_of(SESSIONS, FUNNEL)


@pytest.fixture(scope="module")
def made(spark, tmp_path_factory):
    """An installation whose jobs ran three times, and its lake as it was after the second."""
    folder = tmp_path_factory.mktemp("damage")
    kafka = Broker(folder / "kafka")
    try:
        servers = kafka.start().bootstrap_servers
        ensure_topics(servers, EVENTS, 2)
        yield made_lab(spark, folder, servers)
    finally:
        kafka.stop(timeout=10)


def made_lab(spark, folder, servers):
    older = folder / "older"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.gold_builder.incremental_tables", lambda: with_upstream(SESSIONS, FUNNEL))
        lab = Lab(spark, folder / "lab", Ledger(folder / "ledger.sqlite", servers), servers, Shoppers(7))
        for events in (300, 150, 150):
            shutil.rmtree(older, ignore_errors=True)
            if lab.table("bronze.clicks").exists():
                shutil.copytree(folder / "lab" / "lake", older)
            lab.send(events)
            lab.run()
    return lab, older


@pytest.fixture
def lab(made, tmp_path):
    """A copy of it, to be injured."""
    return made[0].copy(tmp_path / "lab")


def is_noticed_and_fixed(lab: Lab, layer: str, table: str) -> None:
    """New events arrive; then the job stops, all say why, and the command that they name brings all back."""
    lab.send(60)
    sentence = lab.stops(layer)
    assert table in sentence
    assert "`clickstream recover --apply`" in sentence
    assert "Py4J" not in sentence
    said = lab.status()
    assert any(table in one for one in said)
    assert lab.fix() == "`clickstream recover --apply`"
    lab.recover()
    assert [check.name for check in lab.failed(quick=True)] == []
    assert lab.audit(complete=False) == []
    lab.run()
    assert lab.audit() == []
    assert [check.name for check in lab.failed()] == []
    assert not any(finding.problem for finding in run_recover(lab.job))
    assert lab.status() == []


QUICK = {("newest commit emptied", "bronze"), ("data file deleted", "gold")}

CASES = [
    pytest.param(kind, layer, marks=() if (kind, layer) in QUICK else pytest.mark.long)
    for kind in injuries.LOG_AND_FILES
    for layer in TABLES
]


@pytest.mark.parametrize(("kind", "layer"), CASES)
def test_damage_is_noticed_and_recovered(lab, kind, layer):
    lab.injure(TABLES[layer], injuries.LOG_AND_FILES[kind], Random(kind + layer))
    is_noticed_and_fixed(lab, layer, TABLES[layer])


@pytest.mark.long  # some of them, with what recover does: test_checkpoints.py
@pytest.mark.parametrize(("kind", "layer"), [(kind, layer) for kind in injuries.OF_A_STREAM for layer in TABLES])
def test_a_damaged_checkpoint_is_noticed_and_recovered(lab, kind, layer):
    stream = "gold" if layer == "gold" else TABLES[layer]
    lab.injure_stream(stream, injuries.OF_A_STREAM[kind], Random(kind + layer))
    is_noticed_and_fixed(lab, layer, stream)


@pytest.mark.parametrize(
    "layer", [pytest.param(layer, marks=() if layer == "bronze" else pytest.mark.long) for layer in TABLES]
)
def test_an_older_folder_put_back_is_noticed_and_recovered(lab, made, layer):
    older = made[1] / TABLES[layer].replace(".", "/")
    lab.injure(TABLES[layer], injuries.put_back(older), Random(0))
    is_noticed_and_fixed(lab, layer, TABLES[layer])


def test_an_older_copy_of_a_table_without_a_stream_is_noticed(lab, made):
    lab.injure(METRICS.name, injuries.put_back(made[1] / "gold" / "pipeline_metrics"), Random(0))
    assert any("older copy" in one and METRICS.name in one for one in lab.status())
    assert lab.fix() == "`clickstream recover --apply`"
    lab.send(60)
    lab.run()  # no other table waits for it, and what is measured meanwhile is kept beside it
    lab.recover()
    assert [check.name for check in lab.failed(quick=True)] == []
    lab.run()
    assert lab.status() == []
    assert [check.name for check in lab.failed()] == []


@pytest.mark.long
@pytest.mark.parametrize("table", ["silver.quarantine", "silver.duplicates"])
def test_a_shared_table_of_silver_is_recovered_for_all_events(lab, table):
    lab.injure(table, injuries.empty_newest_commit, Random(0))
    is_noticed_and_fixed(lab, "silver", table)


@pytest.mark.long
@pytest.mark.parametrize(("layer", "reader"), [("bronze", "silver"), ("silver", "gold")])
def test_a_log_cleaned_away_from_a_reader_is_recovered(lab, layer, reader):
    # The reader stands still while the others go on.
    lab.send(60)
    lab.run(*(("bronze",) if layer == "bronze" else ("bronze", "silver")))
    lab.send(60)
    lab.run(*(("bronze",) if layer == "bronze" else ("bronze", "silver")))
    lab.injure(TABLES[layer], injuries.clean_log, Random(0))
    is_noticed_and_fixed(lab, reader, TABLES[layer])


def test_other_tables_are_answered_beside_a_damaged_one(lab):
    lab.injure("silver.clicks", injuries.cut_newest_commit, Random(3))
    lab.injure("gold.sessions", injuries.delete_data_file, Random(3))

    def ask(sql: str) -> list[tuple[object, ...]]:
        with lake_connection(lab.settings, sql) as connection:
            try:
                return connection.execute(sql).fetchall()
            except Exception as error:
                raise in_words(error, sql, lab.settings) from error

    for table in ("silver.page_views", "bronze.clicks", "gold.daily_funnel"):
        [(count,)] = ask(f"FROM {table} SELECT count(*)")
        assert count
    with pytest.raises(LakehouseError, match=r"silver.clicks is damaged: _delta_log/\d+.json is cut short"):
        ask("SELECT count(*) FROM silver.clicks")
    with pytest.raises(LakehouseError, match=r"gold.sessions is damaged: .*parquet is missing"):
        ask("SELECT sum(events) FROM gold.sessions")
    assert len(lab.status()) == 2
