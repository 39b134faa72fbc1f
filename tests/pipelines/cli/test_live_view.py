"""The live view says what an installation holds, and waits quietly where there is nothing yet."""

from __future__ import annotations

from rich.console import Console

from pipelines.cli.live_view import Looker, newest_buyers
from pipelines.runtime.settings import load_settings
from tests.support.erasure import installation, visit
from tests.support.scores import score_lake, scores, write_scores


def test_before_there_is_a_lake_it_counts_events_alone(settings):
    look = Looker(settings, lambda: 0).look()
    assert (look.streams, look.scores, look.waiting) == ([], [], [])
    assert "0 wait in quarantine; newest buyer: none" in look.line()


def test_a_look_has_lag_freshness_quarantine_and_rate(tmp_path):
    settings, lake = installation(tmp_path)
    visit(lake, 0, "user 1", "session 1")
    counts = iter([100, 300])
    looker = Looker(settings, lambda: next(counts))
    assert looker.look().events_per_second > 0
    look = looker.look()
    assert {one.stream for one in look.streams} >= {"bronze.clicks", "silver.clicks", "gold"}
    assert look.line().count(" behind, newest record") == 2
    assert sum(group["records"] for group in look.waiting) == 3
    console = Console(width=200, record=True)
    console.print(look.shown())
    shown = console.export_text()
    assert "events/s" in shown
    assert "json_invalid" in shown


def test_the_newest_buyers_come_first(tmp_path):
    lake = score_lake(tmp_path)
    write_scores(lake, scores(("u", "no"), probability=0.2))
    write_scores(lake, scores(("u", "less"), ("v", "less"), probability=0.6))
    found = newest_buyers(load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state"))
    assert [(one["session_id"], one["probability"]) for one in found] == [("less", 0.6)] * 2
