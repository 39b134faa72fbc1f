"""Show in a terminal what the streams do while they run: events a second, each layer, the newest buyers, quarantine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.engines.opened_table import relation
from lakehouse.errors import LakehouseError
from pipelines.operations.quarantine_list import waiting_groups
from pipelines.operations.status import StreamStatus, duration, parts, run_status
from pipelines.query.delta_reader import opened
from pipelines.runtime.console import err
from pipelines.runtime.repeating import repeating
from pipelines.runtime.settings import Settings

LOOK_SECONDS = 3.0
"""The pause between two looks in a terminal."""

LINE_SECONDS = 10.0
"""The pause between two lines where there is no terminal."""

_SHOWN = 5


@dataclass(frozen=True)
class Look:
    """What is to be seen now. ``scores`` are the newest of sessions that will buy, by their model."""

    events_per_second: float
    streams: Sequence[StreamStatus] = ()
    scores: Sequence[dict[str, Any]] = ()
    waiting: Sequence[dict[str, Any]] = ()

    def line(self) -> str:
        """It in one line."""
        layers = "; ".join(self._layer(name) for name in ("bronze", "silver", "gold"))
        records = sum(group["records"] for group in self.waiting)
        scored = f"{self.scores[0]['probability']:.0%} for {self.scores[0]['session_id']}" if self.scores else "none"
        return (
            f"{self.events_per_second:,.0f} events/s; {layers}; {records:,} wait in quarantine; newest buyer: {scored}"
        )

    def _layer(self, name: str) -> str:
        streams = [one for one in self.streams if one.stream.partition(".")[0] == name]
        behind = sum(one.behind or 0 for one in streams)
        ages = [one.freshness_seconds for one in streams if one.freshness_seconds is not None]
        age = f"newest record {duration(min(ages))} old" if ages else "empty"
        return f"{name} {behind:,} {streams[0].behind_unit if streams else 'commits'} behind, {age}"

    def shown(self) -> Group:
        """It for a terminal."""
        shown: list[Any] = [Text(f"{self.events_per_second:,.0f} events/s", "bold")]
        if self.streams:
            shown += parts(list(self.streams))
        if self.scores:
            grid = Grid("newest buyers, by the model", "session", "probability", "after events", "why", box=None)
            for one in self.scores:
                why = Text(str(one["path"]), no_wrap=True, overflow="ellipsis")
                grid.add_row(one["user_id"], one["session_id"], f"{one['probability']:.0%}", str(one["cut"]), why)
            shown.append(grid)
        if self.waiting:
            grid = Grid("in quarantine", "rule", "records", box=None)
            for group in self.waiting[:_SHOWN]:
                grid.add_row(group["event"], group["rule"], f"{group['records']:,}")
            shown.append(grid)
        return Group(*shown)


@dataclass
class Looker:
    """Looks at an installation; ``sent`` tells how many events Kafka has acknowledged so far."""

    settings: Settings
    sent: Callable[[], int]
    _before: tuple[float, int] = field(default_factory=lambda: (time.monotonic(), 0))

    def look(self) -> Look:
        """What is to be seen now; what cannot be read is seen at the next look."""
        now, count = time.monotonic(), self.sent()
        (then, earlier), self._before = self._before, (now, count)
        rate = (count - earlier) / max(now - then, 0.001)
        streams: list[StreamStatus] = []
        scores: list[dict[str, Any]] = []
        waiting: list[dict[str, Any]] = []
        # Files may go while they are read, and at first there is no lake.
        with suppress(LakehouseError, OSError):
            streams = run_status(self.settings)
            waiting = waiting_groups(self.settings)
            scores = newest_buyers(self.settings)
        return Look(rate, streams, scores, waiting)


def newest_buyers(settings: Settings, count: int = _SHOWN) -> list[dict[str, Any]]:
    """The newest scores of sessions that will buy, by their model."""
    table = opened(PREDICTIONS, settings.lake_root)
    if table is None:
        return []
    import duckdb

    names = ("user_id", "session_id", "probability", "cut", "path")
    with duckdb.connect() as connection:
        buyers = relation(connection, table).filter("prediction").order("scored_at DESC, probability DESC")
        found = buyers.limit(count).project(", ".join(names)).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


@contextmanager
def live_view(looker: Looker, say: Callable[[str], object]) -> Iterator[None]:
    """Within, a thread shows it: in place in a terminal, else as a line now and then."""
    with Live(console=err, auto_refresh=False) if err.is_terminal else nullcontext() as live:
        show: Callable[[Look], object] = (
            (lambda look: live.update(look.shown(), refresh=True)) if live else (lambda look: say(look.line()))
        )

        def look() -> None:
            with suppress(Exception):  # what shows the streams never ends them
                show(looker.look())

        with repeating("live-view", look, LOOK_SECONDS if live else LINE_SECONDS):
            yield
