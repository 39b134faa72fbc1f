"""Measures of model quality: logged scores against the outcomes of closed sessions.

A score counts only if it was given before its session closed. One given later may come from a model
that learned from the session, and would flatter it.
"""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only, ratio

IN_SESSION = only('prediction_log[question] = "in_session"')
IN_TIME = "FILTER(prediction_log, prediction_log[scored_at] < RELATED(sessions[closes_at]))"
SAID_YES = only("prediction_log[prediction] = TRUE()")
CLOSED = only("sessions[is_closed] = TRUE()")
BOUGHT = only("sessions[bought] = TRUE()")

SCORED = "prediction_log JOIN sessions USING (user_id, session_id)"
KNOWN = (
    "(SELECT * FROM prediction_log JOIN sessions USING (user_id, session_id) "
    "WHERE question = 'in_session' AND is_closed AND scored_at < closes_at)"
)
"""SQL for the scores given in time whose sessions are closed."""

MEASURES = (
    Measure(
        "Scores given",
        "Scores ever given, at every cutoff and by every version.",
        f"CALCULATE(COUNTROWS(prediction_log), {IN_SESSION})",
        "prediction_log",
        "count(*) FILTER (question = 'in_session')",
        Format.COUNT,
    ),
    Measure(
        "Scores given in time",
        "Scores given before their session closed. The quality of the predictions is that of these alone.",
        f"CALCULATE([Scores given], {IN_TIME})",
        SCORED,
        "count(*) FILTER (question = 'in_session' AND scored_at < closes_at)",
        Format.COUNT,
    ),
    Measure(
        "Known outcomes",
        "Scores given in time to sessions that are closed by now, so that it is known whether they bought.",
        f"CALCULATE([Scores given in time], {CLOSED})",
        KNOWN,
        "count(*)",
        Format.COUNT,
    ),
    Measure(
        "Precision of the predictions",
        "Of the known outcomes of scores that said yes, the share that bought.",
        f"DIVIDE(CALCULATE([Known outcomes], {SAID_YES}, {BOUGHT}), CALCULATE([Known outcomes], {SAID_YES}))",
        KNOWN,
        "count(*) FILTER (prediction AND bought) / count(*) FILTER (prediction)",
        Format.SHARE,
    ),
    Measure(
        "Recall of the predictions",
        "Of the known outcomes that bought, the share whose score said yes.",
        f"DIVIDE(CALCULATE([Known outcomes], {SAID_YES}, {BOUGHT}), CALCULATE([Known outcomes], {BOUGHT}))",
        KNOWN,
        "count(*) FILTER (prediction AND bought) / count(*) FILTER (bought)",
        Format.SHARE,
    ),
    Measure(
        "F1 of the predictions",
        "The harmonic mean of precision and recall.",
        "DIVIDE(2 * [Precision of the predictions] * [Recall of the predictions], "
        "[Precision of the predictions] + [Recall of the predictions])",
        KNOWN,
        "2 * count(*) FILTER (prediction AND bought) / (count(*) FILTER (prediction) + count(*) FILTER (bought))",
        Format.SCORE,
    ),
    Measure(
        "Share that bought",
        "Of the known outcomes, the share that bought: the precision of saying yes to everyone.",
        f"DIVIDE(CALCULATE([Known outcomes], {BOUGHT}), [Known outcomes])",
        KNOWN,
        "count(*) FILTER (bought) / count(*)",
        Format.SHARE,
    ),
    Measure(
        "Lift of the predictions",
        "How many times the share that bought the precision is.",
        ratio("Precision of the predictions", "Share that bought"),
        KNOWN,
        "(count(*) FILTER (prediction AND bought) / count(*) FILTER (prediction)) / "
        "(count(*) FILTER (bought) / count(*))",
        Format.NUMBER,
    ),
    Measure(
        "Average probability of known outcomes",
        "The mean of their scores; near the share that bought where the model is calibrated.",
        f"CALCULATE(AVERAGE(prediction_log[probability]), {IN_SESSION}, {IN_TIME}, {CLOSED})",
        KNOWN,
        "avg(probability)",
        Format.SHARE,
    ),
    Measure(
        "Brier score",
        "The mean squared distance of the scores of known outcomes from what happened; 0 is best.",
        "CALCULATE(AVERAGEX(prediction_log, IF(RELATED(sessions[bought]), 1 - prediction_log[probability], "
        f"prediction_log[probability]) ^ 2), {IN_SESSION}, {IN_TIME}, {CLOSED})",
        KNOWN,
        "avg((probability - bought::INT) ** 2)",
        Format.SCORE,
    ),
)
