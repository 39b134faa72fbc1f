"""The demo's note of when it first ran survives a kill at any moment; all else of the demo is in tests/kafka."""

from __future__ import annotations

from pipelines.cli import demo
from producers.kafka import Delivery


def test_a_note_that_a_kill_left_empty_is_written_again(settings, monkeypatch):
    ends = []

    def sent(*_, until, **__):
        ends.append(until)
        return Delivery({}, [])

    monkeypatch.setattr(demo, "simulate_into", sent)
    settings.state_root.mkdir(parents=True)
    (settings.state_root / "demo.json").touch()
    for _ in range(2):
        demo._produce(settings, 1, 1)
    assert ends[0] == ends[1]
    assert [path.name for path in settings.state_root.iterdir()] == ["demo.json"]
