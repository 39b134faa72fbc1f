"""Score what a refresh of gold touched, within the same refresh, unless a job that scores continuously does it.

Gold is committed before, and does not wait for a score that cannot be given: nothing that fails here fails a refresh.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.engines.local_lake import LocalLake
from lakehouse.locks import is_locked
from pipelines.ml.live_model import ChampionFollower
from pipelines.ml.scorer import Scorer, can_score_here
from pipelines.ml.scoring import Now, Scored
from pipelines.ml.targets import NEXT_SESSION
from pipelines.runtime.console import describe_error, err


class RefreshScorer:
    """Scores after each refresh. Where it did not, or failed, or was killed, the next call looks at all sessions.

    Without a champion it does nothing, and neither on a lake that Spark alone can write: ``score`` does that.
    Whoever else scores meanwhile does no harm: each takes the tables' locks, and leaves what has its score.
    """

    def __init__(
        self,
        locks: Path,
        lake: LocalLake,
        follower: ChampionFollower,
        is_stopping: Callable[[], bool] = lambda: False,
        now: Now | None = None,
    ) -> None:
        self._locks = locks
        self._lake = lake
        self._scorer = Scorer(lake, follower, is_stopping, now)
        self._next = Scorer(lake, follower.of(NEXT_SESSION), is_stopping, now)
        self._last_warning = ""

    @property
    def scored(self) -> Scored:
        """What it did so far."""
        return self._scorer.scored

    def score(self, changes: pa.Table | None) -> None:
        """Scores the sessions of changed rows of gold.training_examples, and all where another champion is live."""
        try:
            if not can_score_here(self._lake) or is_locked(self._locks, PREDICTIONS.name):
                self._begin_again()
            else:
                self._scorer.score_changes(changes)
                self._next.score_changes(changes)
        except Exception as error:
            self._begin_again()
            logging.getLogger(__name__).warning("A refresh could not be scored.", exc_info=True)
            if (why := str(describe_error(error))) != self._last_warning:
                self._last_warning = why
                err.print(f"score: gold is up to date, its scores are not. {why}")

    def score_unseen_changes(self) -> None:
        """Scores all sessions that need it, as nobody says which rows have changed."""
        self._begin_again()
        self.score(None)

    def _begin_again(self) -> None:
        self._scorer.begin_again()
        self._next.begin_again()
