"""Tables by day are refreshed beside the stream: equal to a rebuild whatever dies, and no user id waits on the disk."""

from __future__ import annotations

import shutil
from datetime import date

import pyarrow as pa
import pytest

from lakehouse.deferred_changes import DeferredChanges
from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock
from pipelines import aggregate
from pipelines.aggregate import GoldStream, run_aggregate
from pipelines.deferred_refresh import DeferredRefresh, deferrable_tables
from pipelines.gold_builder import STREAM, build_all, deferred_changes, incremental_tables
from pipelines.operations.verification.gold import check_gold
from pipelines.operations.verify import find_problem
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from tests.support.gold_events import DAY, act, at, click, keep, view
from tests.support.polling import pass_time, until
from tests.support.rebuilt import differing

OTHERS = [table for table in incremental_tables() if table not in deferrable_tables()]
LATE = [view("zoe/s9", at("10:00"), "/late"), click("zoe/s9", at("10:01")), act("zoe/s9", at("10:02"), "search")]


@pytest.fixture
def job(shop, tmp_path):
    """A copy of the installation that holds GOLDEN_EVENTS, checkpoints included."""
    shutil.copytree(shop.settings.lake_root, tmp_path / "lake")
    shutil.copytree(shop.settings.state_root, tmp_path / "state")
    return Job(load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state"), shop.spark)


def defer(job, monkeypatch):
    """Runs the stream as ``up`` does, but as a process that dies before it refreshes what it deferred."""
    with monkeypatch.context() as dying:
        dying.setattr(DeferredRefresh, "start", lambda _: None)
        dying.setattr(DeferredRefresh, "end", lambda _: None)
        dying.setattr(aggregate, "GoldStream", lambda job, scorer, **_: GoldStream(job, scorer, defers=True))
        run_aggregate(job)


@pytest.mark.spark
def test_what_a_dead_process_deferred_the_next_one_refreshes(job, monkeypatch):
    keep(job.lake, LATE)
    defer(job, monkeypatch)
    assert differing(job, OTHERS) == []
    first, *_ = differing(job, deferrable_tables())
    [said] = check_gold(job, [TABLES[first]])
    assert (said.ok, said.fix) == (False, "`clickstream aggregate`")
    at_work = WriterLock(job.settings.locks, STREAM)
    [said] = check_gold(job, [TABLES[first]])
    at_work.release()
    assert not said.done
    assert "end it, and verify again" in str(find_problem([said]))
    kept = deferred_changes(job.settings).files()
    assert kept
    assert not any(b"zoe" in path.read_bytes() for path in kept)
    run_aggregate(job)
    assert differing(job, incremental_tables()) == []
    assert deferred_changes(job.settings).files() == []


@pytest.mark.spark
def test_the_thread_refreshes_and_the_end_does_the_rest(job, monkeypatch):
    monkeypatch.setattr("pipelines.deferred_refresh.PAUSE_SECONDS", 0.1)
    keep(job.lake, LATE[:1])
    defer(job, monkeypatch)
    running = DeferredRefresh(job)
    running.start()
    until(lambda: not deferred_changes(job.settings).files(), "the refresh")
    running.end()
    assert differing(job, incremental_tables()) == []


@pytest.mark.spark
def test_an_end_waits_for_no_refresh_that_takes_long(job, monkeypatch):
    monkeypatch.setattr("pipelines.deferred_refresh.PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("pipelines.deferred_refresh.END_SECONDS", 0.5)
    keep(job.lake, LATE)
    defer(job, monkeypatch)
    running = DeferredRefresh(job)
    with running.lock:  # as another refresh that does not end
        running.start()
        pass_time(1)
        running.end()
        assert deferred_changes(job.settings).files()


@pytest.mark.spark
def test_a_whole_build_leaves_nothing_deferred(job, monkeypatch):
    keep(job.lake, LATE)
    defer(job, monkeypatch)
    build_all(job)
    assert deferred_changes(job.settings).files() == []
    assert differing(job, deferrable_tables()) == []


@pytest.mark.spark
def test_what_ends_the_thread_fails_the_stream(job, monkeypatch):
    monkeypatch.setattr("pipelines.deferred_refresh.PAUSE_SECONDS", 0.1)
    keep(job.lake, LATE)
    defer(job, monkeypatch)
    kept = deferred_changes(job.settings).files()
    kept[0].write_bytes(b"no Parquet")
    running = DeferredRefresh(job)
    running.start()

    def fails():
        try:
            running.add({})
        except OutsideError as error:
            return "clickstream rebuild gold" in str(error)
        return False

    until(fails, "the failure")


def test_changes_are_kept_until_they_are_forgotten(tmp_path):
    kept = DeferredChanges(tmp_path / "deferred", "Build it again.")
    assert kept.files() == []
    kept.add(
        {"silver.clicks": pa.table({"event_on": [DAY.date()]}), "gold.sessions": pa.table({"source": ["a", None]})}
    )
    first = kept.files()
    kept.add({"silver.clicks": pa.table({"event_on": [date(2026, 10, 1)], "topic": ["clicks"]})})
    read = kept.read(kept.files())
    assert sorted(read["silver.clicks"]["event_on"].to_pylist()) == [date(2026, 10, 1), DAY.date()]
    assert read["gold.sessions"]["source"].to_pylist() == ["a", None]
    kept.forget(first)
    assert kept.read(kept.files())["silver.clicks"].num_rows == 1
