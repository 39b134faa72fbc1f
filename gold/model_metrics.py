"""Declare how the scores of each model version turned out; `clickstream evaluate` writes it."""

from __future__ import annotations

from gold.prediction_log import TABLE as PREDICTION_LOG
from gold.sessions import TABLE as SESSIONS
from gold.training_examples import TABLE as TRAINING_EXAMPLES
from lakehouse.table import Column, Format, Table

TABLE = Table(
    name="gold.model_metrics",
    doc="One row per (model_name, model_version, started_on): how the scores given for the sessions of that day turned "
    "out. Of closed sessions that the version had not learnt from. Written by `clickstream evaluate`.",
    columns=(
        Column("model_name", "STRING", "The registered model.", True),
        Column("model_version", "STRING", "Its version in the MLflow registry.", True),
        Column("started_on", "DATE", "The day on which the sessions began, in UTC.", True),
        Column("sessions", "BIGINT", "COUNT(DISTINCT user_id and session_id) of the scores.", True, additive=False),
        Column("scores", "BIGINT", "Scores: the newest of the version for each session and cut.", True),
        Column(
            "buying_share",
            "DOUBLE",
            "The share of the scores whose session, or next session where that was asked, ended in a purchase, 0 to 1.",
            True,
            format=Format.SHARE,
        ),
        Column("average_precision", "DOUBLE", "Of the ranking by probability, 0 to 1; null where all or none bought."),
        Column(
            "test_average_precision",
            "DOUBLE",
            "The same that training measured on the version's test period, for comparison; null if it is not known.",
        ),
        Column("roc_auc", "DOUBLE", "The area under the ROC curve, 0 to 1; null where all or none bought."),
        Column("precision", "DOUBLE", "The share of those called buyers that bought, 0 to 1; 0 if none was.", True),
        Column("recall", "DOUBLE", "The share of the buyers that were called so, 0 to 1; 0 if none bought.", True),
        Column("f1", "DOUBLE", "The harmonic mean of precision and recall, 0 to 1.", True),
        Column("brier", "DOUBLE", "The mean squared difference of probability and outcome, 0 to 1.", True),
        Column(
            "calibration_error",
            "DOUBLE",
            "By how much the probability is off in the mean, over groups of a tenth of the scores each, 0 to 1.",
            True,
        ),
        Column(
            "top_decile_lift",
            "DOUBLE",
            "How many times more often the most likely tenth bought than all did; null where all or none bought.",
        ),
        Column(
            "score_drift",
            "DOUBLE",
            "The population stability index of the probabilities against those of the training rows, less what chance "
            "adds to it; above 0.25 is a great change.",
            True,
        ),
        Column(
            "feature_drift",
            "DOUBLE",
            "The highest such index among the features that the model goes by.",
            True,
        ),
        Column("drifted_feature", "STRING", "The feature that has it.", True),
        Column("evaluated_at", "TIMESTAMP", "When this was found, in UTC.", True),
    ),
    key=("model_name", "model_version", "started_on"),
    reads={"prediction_log": PREDICTION_LOG, "sessions": SESSIONS, "training_examples": TRAINING_EXAMPLES},
    rules={"shares_lie_between_0_and_1": "buying_share BETWEEN 0 AND 1 AND precision BETWEEN 0 AND 1"},
    sort_by=("started_on",),
)
