"""Keep the scores of a lake up with its examples, batch by batch: what another job calls within its own refresh."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

import pyarrow as pa

from gold.prediction_log import TABLE as LOG
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import LakehouseError
from lakehouse.table import Table
from pipelines.ml.live_model import ChampionFollower
from pipelines.ml.scoring import NEWEST_SCORES, Now, Scored, ScoredLake, score_all, score_changes, utc_now
from pipelines.runtime.console import err

SCORES = (LOG, *NEWEST_SCORES.values())
"""The tables that scoring writes."""

TABLES = (EXAMPLES, *SCORES)
"""The tables that scoring reads and writes."""


def can_score_here(lake: LocalLake) -> bool:
    """Whether the lake is a folder, and its tables are such that this process may write them as they are."""
    return LocalLake.is_local(lake.root) and all(_is_ready(lake, table) for table in TABLES)


def _is_ready(lake: LocalLake, table: Table) -> bool:
    has_columns = lake.exists(table) and set(table.column_names) <= set(lake.schema(table).names)
    return has_columns and (table is EXAMPLES or lake.is_writable(table))


class Scorer:
    """Scores all sessions at first, and with each new champion; else those that changed. It is idempotent.

    ``scored`` counts what it did. Threads may share it. Once ``is_stopping``, a later call does the rest.
    """

    def __init__(
        self,
        lake: ScoredLake,
        follower: ChampionFollower,
        is_stopping: Callable[[], bool] = lambda: False,
        now: Now | None = None,
    ) -> None:
        self._lake = lake
        self._now = now or utc_now
        self._follower = follower
        self._is_stopping = is_stopping
        self._one_at_a_time = RLock()
        self._has_begun = False
        self._last_warning = ""
        self.scored = Scored()

    def score_all(self) -> None:
        """Scores every session that has no score by the champion yet."""
        with self._one_at_a_time:
            self._has_begun = False
            for part in score_all(self._lake, self._follower.live, self._now):
                self.scored += part
                if self._is_stopping():
                    return
            self._has_begun = True

    def begin_again(self) -> None:
        """Lets the next call score all sessions, as some may have changed unseen."""
        with self._one_at_a_time:
            self._has_begun = False

    def follow_champion(self) -> bool:
        """Scores all sessions with a new champion, where there is one; returns whether there is."""
        with self._one_at_a_time:
            is_new = self._follower.follow()
            if is_new:
                self.score_all()
            return is_new

    def score_changes(self, changes: pa.Table | None) -> Scored:
        """Scores the sessions of changed rows of gold.training_examples, or all; gives what it scored.

        Where no version is live, or none can be loaded, it scores nothing: the first batch after that scores all.
        """
        with self._one_at_a_time:
            before = self.scored
            if self._has_begun:
                if not self.follow_champion() and changes is not None:
                    self.scored += score_changes(self._lake, self._follower.live, changes, self._now)
            elif self._can_begin():
                self.score_all()
            return Scored(self.scored.sessions - before.sessions, self.scored.buyers - before.buyers)

    def _can_begin(self) -> bool:
        try:
            return self._follower.find() is not None
        except LakehouseError as error:
            if str(error) != self._last_warning:
                self._last_warning = str(error)
                err.print(f"score: nothing is scored. {error}")
            return False
