"""Score sessions continuously in this process: follow the versions of gold.training_examples, without Spark."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from gold.session_predictions import TABLE as PREDICTIONS
from gold.shared.timeline import SESSION
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.engines.arrow_rows import plain_schema
from lakehouse.engines.local_lake import LocalLake
from lakehouse.locks import WriterLock
from lakehouse.signals import Stop
from lakehouse.streams import Stream, StreamListener
from pipelines.ml.live_model import ChampionFollower
from pipelines.ml.scorer import Scorer
from pipelines.ml.scoring import ROWS_AT_A_TIME, Scored, score_all, score_changes
from pipelines.runtime.console import spinner
from pipelines.runtime.settings import Settings

_NOTHING = pa.table({})

FEED = [*SESSION, "started_on", "started_at"]
"""The columns of a changed row by which its session is found."""


def score_continuously(
    settings: Settings,
    lake: LocalLake,
    follower: ChampionFollower,
    following: ChampionFollower,
    *,
    stop: Stop,
    listener: StreamListener,
    on_wait: Callable[[], object],
) -> tuple[Scored, Scored]:
    """Scores all sessions, then those that change, until it is time to stop; gives what it did for each target.

    ``follower`` and ``following`` are those of in_session and of next_session. It looks for a new version of the
    table, and for another champion, once in each trigger interval. ``listener``
    is told of each batch as of those of Spark's streams; ``on_wait`` is called between them.
    """
    stream = Stream(
        name=PREDICTIONS.name,
        # The place in the change feed is not kept: every start begins with a look at everything.
        checkpoint=settings.checkpoints / "score",
        prepare=_no_query,
        source_id="",
        target_id="",
        target_has_rows=lambda: False,
    )
    run = _Run(lake, follower, following, stop, stream, listener)
    with ExitStack() as resources, spinner() as shown:
        task = shown.add_task("score")
        resources.callback(WriterLock(settings.locks, stream.name).release)
        listener.on_start([stream])
        try:
            while not stop.is_set():
                run.step()
                shown.update(task, description=f"score: {run.scored.sessions:,} sessions")
                on_wait()
                stop.wait(settings.stream.trigger_seconds)
        except Exception as error:
            if not stop.is_set():
                listener.on_failure(stream, error)
            raise
        finally:
            listener.on_finish(succeeded=False)
    return run.scored, run.next.scored


def _no_query() -> Any:
    raise NotImplementedError("No query of Spark writes this stream.")


@dataclass
class _Run:
    """One run: which version of the table, by its id and number, has its scores."""

    lake: LocalLake
    follower: ChampionFollower
    following: ChampionFollower
    stop: Stop
    stream: Stream
    listener: StreamListener
    scored: Scored = field(default_factory=Scored)
    next: Scorer = field(init=False)
    seen: tuple[str, int] = ("", -1)
    run_id: str = field(default_factory=lambda: uuid4().hex)
    batches: int = 0

    def __post_init__(self) -> None:
        self.next = Scorer(self.lake, self.following, self.stop.is_set)

    def step(self) -> None:
        """Scores what is new since the last step."""
        is_new = self.follower.follow()
        model = self.follower.in_use
        table = self.lake.open(EXAMPLES)
        now = str(table.metadata().id), int(table.version())
        if now == self.seen and not is_new:
            self.next.score_changes(_NOTHING)
            return
        began = time.time()
        changes = None if is_new or now[0] != self.seen[0] else self._changes(now[1])
        if model is None:
            pass  # the other question is asked all the same
        elif changes is not None:
            self.scored += score_changes(self.lake, model, changes)
        else:
            for part in score_all(self.lake, model):
                self.scored += part
                if self.stop.is_set():
                    return
        if changes is None:
            self.next.begin_again()
        self.next.score_changes(changes)
        self.seen = now
        if changes is not None and changes.num_rows:
            self._report(changes.num_rows, began)

    def _changes(self, version: int) -> pa.Table | None:
        """The rows that changed since the version seen last; None where they are many, or the feed lacks some."""
        first = self.seen[1] + 1
        if version < first:
            return None
        try:
            feed = pa.RecordBatchReader.from_stream(
                self.lake.open(EXAMPLES).load_cdf(starting_version=first, ending_version=version, columns=FEED)
            )
            batches, count = [], 0
            for batch in feed:
                batches.append(batch)
                count += batch.num_rows
                if count > ROWS_AT_A_TIME:
                    return None
            changes = pa.Table.from_batches(batches, feed.schema).cast(plain_schema(feed.schema))
        except Exception:  # noqa: BLE001 - a clean-up took a version away: what it changed is found by looking at all
            return None
        return changes.group_by(changes.column_names).aggregate([])

    def _report(self, rows: int, began: float) -> None:
        seconds = time.time() - began
        self.listener.on_progress(
            self.stream,
            {
                "id": self.run_id,
                "batchId": self.batches,
                "timestamp": datetime.fromtimestamp(began, UTC).isoformat(),
                "durationMs": {"triggerExecution": seconds * 1_000, "addBatch": seconds * 1_000},
                "numInputRows": rows,
                "sources": [],
                "observedMetrics": {},
                "stateOperators": [],
            },
        )
        self.batches += 1
