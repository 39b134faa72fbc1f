"""Measures of the newest scores: who is about to buy, and who may buy with their next session."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure, only

IN_SESSION = only('session_predictions[question] = "in_session"')
STILL_OPEN = only("sessions[is_closed] = FALSE()", "sessions[bought] = FALSE()")

OPEN_SCORED = (
    "(SELECT * FROM session_predictions JOIN sessions USING (user_id, session_id) "
    "WHERE question = 'in_session' AND NOT is_closed AND NOT bought)"
)
"""SQL for the newest scores of the sessions that are open and have not bought."""

LAST_OF_USER = "FILTER(next_session_predictions, RELATED(sessions[ended_at]) = RELATED(users[last_ended_at]))"
WAITING = (
    "(SELECT * FROM next_session_predictions JOIN sessions USING (user_id, session_id) "
    "WHERE (user_id, ended_at) IN (SELECT (user_id, last_ended_at) FROM users))"
)
"""SQL for the scores of each user's last session: no later one has begun that could be the next."""

MEASURES = (
    Measure(
        "Scored sessions",
        "Sessions that the model has scored.",
        f"CALCULATE(COUNTROWS(session_predictions), {IN_SESSION})",
        "session_predictions",
        "count(*) FILTER (question = 'in_session')",
        Format.COUNT,
    ),
    Measure(
        "Predicted buyers",
        "Sessions whose newest score reaches the threshold.",
        f"CALCULATE([Scored sessions], {only('session_predictions[prediction] = TRUE()')})",
        "session_predictions",
        "count(*) FILTER (question = 'in_session' AND prediction)",
        Format.COUNT,
    ),
    Measure(
        "Predicted buyers, still open",
        "Open sessions that have not bought and whose newest score reaches the threshold: who is about to buy.",
        f"CALCULATE([Predicted buyers], {STILL_OPEN})",
        OPEN_SCORED,
        "count(*) FILTER (prediction)",
        Format.COUNT,
    ),
    Measure(
        "Expected purchases, still open",
        "How many of the open sessions that have not bought will, if the probabilities are right: their sum.",
        f"CALCULATE(SUM(session_predictions[probability]), {IN_SESSION}, {STILL_OPEN})",
        OPEN_SCORED,
        "sum(probability)",
        Format.NUMBER,
    ),
    Measure(
        "Average probability",
        "The mean of the newest scores.",
        f"CALCULATE(AVERAGE(session_predictions[probability]), {IN_SESSION})",
        "session_predictions",
        "avg(probability) FILTER (question = 'in_session')",
        Format.SHARE,
    ),
    Measure(
        "Highest probability",
        "The highest of the newest scores.",
        f"CALCULATE(MAX(session_predictions[probability]), {IN_SESSION})",
        "session_predictions",
        "max(probability) FILTER (question = 'in_session')",
        Format.SHARE,
    ),
    Measure(
        "Newest score",
        "When the last score was given, in UTC.",
        "MAX(session_predictions[scored_at])",
        "session_predictions",
        "max(scored_at)",
        Format.INSTANT,
    ),
    Measure(
        "Users who may return",
        "Users whose last session is closed and scored for the next one.",
        f"CALCULATE(COUNTROWS(next_session_predictions), {LAST_OF_USER})",
        WAITING,
        "count(*)",
        Format.COUNT,
    ),
    Measure(
        "Predicted to buy next time",
        "Those of them whose score reaches the threshold.",
        f"CALCULATE([Users who may return], {only('next_session_predictions[prediction] = TRUE()')})",
        WAITING,
        "count(*) FILTER (prediction)",
        Format.COUNT,
    ),
    Measure(
        "Expected purchases next time",
        "How many of the next sessions bring a purchase, if all come and the probabilities are right: their sum.",
        f"CALCULATE(SUM(next_session_predictions[probability]), {LAST_OF_USER})",
        WAITING,
        "sum(probability)",
        Format.NUMBER,
    ),
    Measure(
        "Probability to buy next time",
        "The highest of these scores.",
        f"CALCULATE(MAX(next_session_predictions[probability]), {LAST_OF_USER})",
        WAITING,
        "max(probability)",
        Format.SHARE,
    ),
)
