"""Declare the newest score of each closed session for its user's next one; `clickstream score` writes it."""

from __future__ import annotations

from dataclasses import replace

from gold.prediction_log import SCORE, SCORE_RULES
from gold.prediction_log import TABLE as PREDICTION_LOG
from gold.training_examples import TABLE as TRAINING_EXAMPLES
from lakehouse.table import Table

_DOCS = {
    "session_id": "The session that is closed; unique within a user.",
    "question": "What was asked: next_session, does the user's next session bring a purchase.",
    "probability": "That the user's next session brings a purchase, 0 to 1.",
}

TABLE = Table(
    name="gold.next_session_predictions",
    doc="One row per (user_id, session_id) that was closed and whose user had no later closed session when it was "
    "scored: will the user's next session bring a purchase. Written by `clickstream score`.",
    columns=tuple(replace(one, doc=_DOCS.get(one.name, one.doc)) for one in SCORE),
    key=("user_id", "session_id"),
    reads={"training_examples": TRAINING_EXAMPLES, "prediction_log": PREDICTION_LOG},
    rules=SCORE_RULES,
    sort_by=("started_on",),
)
