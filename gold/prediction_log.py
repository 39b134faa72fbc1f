"""Declare the log of every score ever given; `clickstream score` appends to it."""

from __future__ import annotations

from gold.training_examples import TABLE as TRAINING_EXAMPLES
from lakehouse.table import Column, Format, Table

SCORE = (
    Column("user_id", "STRING", "The user.", required=True, format=Format.ID),
    Column("session_id", "STRING", "The session; unique within a user.", required=True, format=Format.ID),
    Column("cut", "INT", "The cutoff: after how many events of the session it was scored.", required=True),
    Column(
        "question",
        "STRING",
        "What was asked: in_session, does this session end in a purchase; next_session, does the user's next one.",
        required=True,
    ),
    Column("model_name", "STRING", "The registered model that answered.", required=True),
    Column("model_version", "STRING", "Its version in the MLflow registry.", required=True),
    Column(
        "features_hash",
        "BIGINT",
        "Of the features that the model was given; a correction changes it.",
        True,
        format=Format.HASH,
    ),
    Column("probability", "DOUBLE", "That the answer is yes, 0 to 1.", required=True, format=Format.SHARE),
    Column(
        "path",
        "STRING",
        "Why: what the tree looked at on the way to this probability, in its order, each with the session's value.",
        required=True,
    ),
    Column(
        "threshold",
        "DOUBLE",
        "From which probability on this version says yes, 0 to 1.",
        required=True,
        format=Format.SHARE,
    ),
    Column("prediction", "BOOLEAN", "Whether the probability reaches the threshold.", required=True),
    Column("started_on", "DATE", "The day of the session's first event, in UTC.", required=True),
    Column("cut_at", "TIMESTAMP", "When the cutoff's event happened, in UTC.", required=True),
    Column("scored_at", "TIMESTAMP", "When the score was given, in UTC.", required=True),
)
"""A score: whose, at which cut, by which model version, on what, and when."""

SCORE_RULES = {
    "a_probability_lies_between_0_and_1": "probability BETWEEN 0 AND 1",
    "a_prediction_follows_its_threshold": "prediction = (probability >= threshold)",
}
"""What holds of every score."""

TABLE = Table(
    name="gold.prediction_log",
    doc="One row per (user_id, session_id, cut, model_version, features_hash): every score ever given. "
    "Append-only, written by `clickstream score`.",
    columns=SCORE,
    key=("user_id", "session_id", "cut", "model_name", "model_version", "features_hash"),
    reads={"training_examples": TRAINING_EXAMPLES},
    rules=SCORE_RULES,
    sort_by=("started_on",),
)
