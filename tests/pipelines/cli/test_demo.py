"""The demo's last hour, and its note of when it first ran; all else of the demo is in tests/kafka."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from pipelines.cli import demo
from producers.simulator.simulator import simulate


def test_a_note_that_a_kill_left_empty_is_written_again(settings):
    settings.state_root.mkdir(parents=True)
    (settings.state_root / "demo.json").touch()
    assert demo._until(settings) == demo._until(settings)
    assert [path.name for path in settings.state_root.iterdir()] == ["demo.json"]


def test_a_step_is_one_line_of_a_log(capsys):
    demo._print_step("Resolving the jars of " + "org.apache.kafka:kafka " * 20)
    assert capsys.readouterr().err.count("\n") == 1


def test_the_summary_says_why_no_next_session_is_scored():
    trained = SimpleNamespace(decision=SimpleNamespace(promoted=False), version=SimpleNamespace(number="3"))
    said = demo.why_none_follow(trained, "It is not live: 17 buying sessions.")
    for words in (
        "gold.next_session_predictions",
        "17 buying",
        "models promote 3 --target next_session",
        "run --train",
    ):
        assert words in said
    assert "promote" not in demo.why_none_follow(None, "There are too few sessions.")
    trained.decision.promoted = True
    assert demo.why_none_follow(trained, "It is live.") == ""


def test_both_tables_of_figures_say_of_which_sessions_they_are():
    assert "test period" in demo.TEST_PERIOD
    assert "last hour" in demo.LAST_HOUR_SCORES
    assert "other sessions" in demo.LAST_HOUR_SCORES


def test_the_last_hour_is_sent_after_all_before_it():
    until = datetime(2026, 11, 1, tzinfo=UTC)
    records = list(simulate(7, 500, until, last_hour=0.1))
    parts = demo._by_time(records, until)
    assert sorted(record for part in parts for record in part) == sorted(records)
    limits = [until - timedelta(days=99), *(until - timedelta(minutes=minutes) for minutes in (60, 30)), until]
    for part, begins, ends in zip(parts, limits[:-1], limits[1:], strict=True):
        times = [datetime.fromtimestamp(at / 1e6, UTC) for *_, at in part]
        assert begins <= min(times) < max(times) < ends
    sessions = [{key for _, key, _, _ in part} for part in parts]
    # About a tenth of them begins in it, as many in its first half as in its second.
    assert 30 < len((sessions[1] | sessions[2]) - sessions[0]) < 70
    assert min(len(sessions[1]), len(sessions[2])) > 15
