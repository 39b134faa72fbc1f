"""What a micro-batch's time consists of, by the streams' own metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from operator import itemgetter

from gold.pipeline_metrics import TABLE as METRICS
from lakehouse.engines.local_lake import LocalLake

SPLIT = {
    "looking for changes": "offsets_seconds",
    "planning the batch": "planning_seconds",
    "reading, computing and writing": "work_seconds",
    "the checkpoint": "checkpoint_seconds",
}
"""What a batch consists of, in words, and the column of gold.pipeline_metrics that has its seconds."""


def split(lake: LocalLake, seconds: float) -> dict[str, float]:
    """Where the time went, by the streams' own metrics. They run side by side: the one that took longest counts."""
    by_stream: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in lake.read(METRICS).to_pylist():
        by_stream[row["stream"]].update({name: row[name] or 0.0 for name in ("duration_seconds", *SPLIT.values())})
    longest = max(by_stream.values(), key=itemgetter("duration_seconds"))
    parts = {f"{words} s": longest[column] for words, column in SPLIT.items()}
    return {"outside the longest stream's batches s": seconds - longest["duration_seconds"], **parts}
