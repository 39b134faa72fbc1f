"""Gold is what a rebuild gives, however its events came and whatever died on the way."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta

import pytest

from gold.sessions import TABLE as SESSIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse import incremental
from pipelines.aggregate import run_aggregate
from pipelines.gold_builder import incremental_tables, refresh_journal
from pipelines.operations.verification.gold import check_gold
from pipelines.operations.verification.tables import check_tables
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from silver.events import SILVER
from tests.gold.shared.test_features import some_event
from tests.support.gold_events import DAY, at, keep, view
from tests.support.gold_sessions import ANNA_AT_MIDNIGHT, BEN_BOUNCES, GOLDEN_EVENTS

pytestmark = pytest.mark.spark


def gold_equals_a_rebuild(job):
    checks = [*check_gold(job, incremental_tables()), *check_tables(job, incremental_tables())]
    assert [check for check in checks if not check.ok] == []


def scattered(chance, users, count):
    """Events of some users on four days, in no order."""
    found = []
    for _ in range(count):
        who = f"u{chance.randrange(users)}/s{chance.randrange(3)}"
        name, row = some_event(chance, who, DAY + timedelta(minutes=chance.randrange(4 * 24 * 60)))
        found.append((name, {**row, "arrived_at": DAY + timedelta(days=4, seconds=len(found))}))
    return found


@pytest.fixture
def another_shop(shop, tmp_path):
    """A copy of the installation that holds GOLDEN_EVENTS, checkpoints included."""
    shutil.copytree(shop.settings.lake_root, tmp_path / "lake")
    shutil.copytree(shop.settings.state_root, tmp_path / "state")
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")
    return Job(settings, shop.spark)


def power_is_cut(lake, table):
    """A lake of either engine whose machine dies when a table is about to be written."""

    class PowerCut(type(lake)):
        def __getattribute__(self, name):
            if name not in {"append", "upsert", "merge"}:
                return super().__getattribute__(name)
            write = super().__getattribute__(name)

            def writes(written, *rows, **options):
                if written.name == table:
                    raise OSError("the power is cut")
                return write(written, *rows, **options)

            return writes

    dying = object.__new__(PowerCut)
    dying.__dict__.update(lake.__dict__)
    return dying


@pytest.mark.parametrize(
    ("seed", "few", "rows"),
    [
        pytest.param(1, incremental.MAX_DRIVER_ROWS, 10_000, id="in process"),
        pytest.param(2, incremental.MAX_DRIVER_ROWS, 0, id="by Spark", marks=pytest.mark.long),
        pytest.param(3, 3, 0, id="by Spark, not collected", marks=pytest.mark.long),
    ],
)
def test_gold_equals_a_rebuild_whatever_comes_late_goes_or_dies(another_shop, seed, few, rows, monkeypatch):
    """Any events, in any order and any batches, few or many; some go, some come again; one refresh dies halfway."""
    monkeypatch.setattr(incremental, "MAX_DRIVER_ROWS", few)
    home = another_shop.settings
    settings = load_settings(lake=home.lake, state=home.state, engines={"in_process_rows": rows})
    job, lake = Job(settings, another_shop.spark), another_shop.lake
    chance = random.Random(seed)
    events = scattered(chance, users=5, count=60)
    # Anna's session at midnight loses its first event, and with it its first day; Ben's changes its
    # referrer. Others go too, as those do whose place an earlier one takes, and some come again.
    gone = [ANNA_AT_MIDNIGHT[0], BEN_BOUNCES[0], *chance.sample(GOLDEN_EVENTS, 6)]
    offsets = ", ".join(str(row["offset"]) for _, row in gone)
    for table in SILVER.values():
        job.spark.sql(f"DELETE FROM delta.`{lake.path(table)}` WHERE offset IN ({offsets})")  # noqa: S608
    keep(lake, [view("ben/s1", at("10:31")), *gone[2:4], *events[:30]])
    died = Job(job.settings, job.spark)
    # In process, tables are written two at a time: the third comes after the first.
    died.__dict__["lake"] = power_is_cut(job.lake, "gold.user_history")
    died.__dict__["local_lake"] = power_is_cut(job.local_lake, "gold.training_examples")
    with pytest.raises(Exception, match="power is cut"):
        run_aggregate(died)
    assert refresh_journal(job.settings).path.exists()
    assert day_of_midnight(lake, SESSIONS) == day_of_midnight(lake, EXAMPLES) + timedelta(days=1)

    keep(lake, events[30:])
    run_aggregate(job)
    assert not refresh_journal(job.settings).path.exists()
    assert day_of_midnight(lake, SESSIONS) == day_of_midnight(lake, EXAMPLES)
    gold_equals_a_rebuild(job)


def day_of_midnight(lake, table):
    return lake.read(table).where("user_id = 'anna' AND session_id = 's2'").first()["started_on"]


@pytest.mark.parametrize(
    "rows", [pytest.param(10_000, id="in process"), pytest.param(0, id="by Spark", marks=pytest.mark.long)]
)
def test_too_many_sessions_are_those_of_a_rebuild(another_shop, rows):
    """A robot's sessions come late, in the middle and first; and some go, so that others are none too many."""
    home = another_shop.settings
    settings = load_settings(lake=home.lake, state=home.state, engines={"in_process_rows": rows})
    job, lake = Job(settings, another_shop.spark), another_shop.lake

    def suspects():
        return lake.read(SESSIONS).where("suspect_rule = 'too_many_sessions'").count()

    def visits(start, count):
        return [view(f"robot/{start}-{n}", at(start) + timedelta(seconds=n)) for n in range(count)]

    keep(lake, visits("10:00", 58))
    run_aggregate(job)
    assert suspects() == 0
    keep(lake, [*visits("12:00", 4), *visits("09:00", 1)])
    run_aggregate(job)
    assert suspects() == 3
    gold_equals_a_rebuild(job)
    table = lake.path(SILVER["page_views"])
    job.spark.sql(f"DELETE FROM delta.`{table}` WHERE user_id = 'robot' AND session_id LIKE '10:00-1%'")  # noqa: S608
    keep(lake, visits("13:00", 10))
    run_aggregate(job)
    assert suspects() == 2
    gold_equals_a_rebuild(job)


def test_doing_it_again_writes_nothing(shop):
    before = {table.name: shop.lake.version(table) for table in incremental_tables()}
    run_aggregate(shop)
    assert {table.name: shop.lake.version(table) for table in incremental_tables()} == before
