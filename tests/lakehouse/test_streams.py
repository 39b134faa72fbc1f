"""What Spark says of its batches, counted."""

from __future__ import annotations

from types import SimpleNamespace

from lakehouse.streams import Progress


def said(number: int, at: str, rows: int, *phases: str) -> dict:
    """What Spark says of a batch or, where no phase is addBatch, of a look that found nothing new."""
    return {"batchId": number, "timestamp": at, "numInputRows": rows, "durationMs": dict.fromkeys(phases, 1)}


def test_an_empty_poll_does_not_hide_the_batch_of_its_number():
    query, progress = SimpleNamespace(lastProgress=None, recentProgress=[]), Progress()
    taken = [progress.take(query)]
    for one in (
        said(0, "10:00", 5, "latestOffset", "addBatch"),
        said(1, "10:01", 0, "latestOffset"),
        said(1, "10:02", 7, "latestOffset", "addBatch"),
    ):
        query.lastProgress, query.recentProgress = one, [*query.recentProgress, one]
        taken += [progress.take(query), progress.take(query)]
    assert [[one["timestamp"] for one in some] for some in taken] == [[], ["10:00"], [], [], [], ["10:02"], []]
    assert (progress.batches, progress.rows) == (2, 12)
