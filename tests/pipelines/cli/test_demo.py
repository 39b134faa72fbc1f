"""The demo's last hour, and its note of when it first ran; all else of the demo is in tests/kafka."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipelines.cli import demo
from producers.simulator.simulator import simulate


def test_a_note_that_a_kill_left_empty_is_written_again(settings):
    settings.state_root.mkdir(parents=True)
    (settings.state_root / "demo.json").touch()
    assert demo._until(settings) == demo._until(settings)
    assert [path.name for path in settings.state_root.iterdir()] == ["demo.json"]


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
