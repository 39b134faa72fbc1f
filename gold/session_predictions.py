"""Declare the newest score of each session, for reports; `clickstream score` writes it."""

from __future__ import annotations

from gold.prediction_log import SCORE, SCORE_RULES
from gold.prediction_log import TABLE as PREDICTION_LOG
from gold.training_examples import TABLE as TRAINING_EXAMPLES
from lakehouse.table import Table

TABLE = Table(
    name="gold.session_predictions",
    doc="One row per (user_id, session_id): the newest score of the session. Written by `clickstream score`.",
    columns=SCORE,
    key=("user_id", "session_id"),
    reads={"training_examples": TRAINING_EXAMPLES, "prediction_log": PREDICTION_LOG},
    rules=SCORE_RULES,
    sort_by=("started_on",),
)
