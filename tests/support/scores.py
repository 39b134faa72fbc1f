"""Scores written by hand, as scoring writes them: into the log, then over the session's earlier score."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.engines.local_lake import LocalLake
from tests.support.local_tables import arrow_schema, make_tables

AT = datetime(2026, 11, 28, 10, tzinfo=UTC)


def score_lake(root: Path) -> LocalLake:
    """A lake with the tables that scoring reads and writes, without rows, below ``root / "lake"``."""
    return make_tables(root, EXAMPLES, LOG, PREDICTIONS)


def scores(
    *sessions: tuple[str, str], cut: int = 1, probability: float = 0.25, at: datetime = AT, began: datetime = AT
) -> pa.Table:
    """One score of each session, by version 1."""
    values = {
        "cut": cut,
        "question": "in_session",
        "model_name": "purchase_intent",
        "model_version": "1",
        "features_hash": cut,
        "probability": probability,
        "path": "product views 3",
        "threshold": 0.5,
        "prediction": probability >= 0.5,
        "started_on": began.date(),
        "cut_at": began + timedelta(seconds=cut),
        "scored_at": at,
    }
    schema = arrow_schema(LOG)
    rows = [
        {**{name: values.get(name) for name in schema.names}, "user_id": user, "session_id": session}
        for user, session in sessions
    ]
    return pa.Table.from_pylist(rows, schema)


def open_sessions(lake: LocalLake, rows: pa.Table, *, is_over: bool = False) -> None:
    """Lets gold.training_examples say of these sessions, at their cutoffs, that they are open or over."""
    schema = arrow_schema(EXAMPLES)
    kinds = {field.name: field.type for field in schema if not field.nullable}
    nothing = {
        name: 0 if pa.types.is_integer(kind) or pa.types.is_floating(kind) else "" for name, kind in kinds.items()
    }
    nothing |= {name: False for name, kind in kinds.items() if pa.types.is_boolean(kind)}
    known = [
        {name: row[name] for name in ("user_id", "session_id", "cut", "started_on", "cut_at")}
        for row in rows.to_pylist()
    ]
    made = [{**nothing, **one, "started_at": AT, "is_over": is_over} for one in known]
    lake.merge(EXAMPLES, pa.Table.from_pylist(made, schema))


def write_scores(lake: LocalLake, rows: pa.Table) -> None:
    """Writes them as scoring does."""
    lake.append(LOG, rows)
    lake.merge(PREDICTIONS, rows)
