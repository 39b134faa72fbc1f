"""Declare how a score looks outside the lake: one JSON object, in Kafka and over HTTP, by a published schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gold.prediction_log import SCORE
from gold.prediction_log import TABLE as LOG

VERSION = 1
"""Of the schema. A property that is new leaves it as it is; one that goes, or means something else, does not."""

FIELDS = (
    "user_id",
    "session_id",
    "cut",
    "question",
    "model_name",
    "model_version",
    "probability",
    "threshold",
    "prediction",
    "path",
    "cut_at",
    "scored_at",
)
"""The columns of gold.prediction_log that are told, under their own names."""

COLUMNS = (*FIELDS, "features_hash")
"""The columns that a message is made of."""

_TYPES: Mapping[str, Mapping[str, Any]] = {
    "STRING": {"type": "string"},
    "INT": {"type": "integer", "minimum": 1},
    "DOUBLE": {"type": "number", "minimum": 0},
    "BOOLEAN": {"type": "boolean"},
    "TIMESTAMP": {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"},
}


def score_id(row: Mapping[str, Any]) -> str:
    """The id of a score: the same for each repeat of it, and for no other score. A hash of its key in the log."""
    key = json.dumps([row[name] for name in LOG.key], ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def message(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of gold.prediction_log or gold.session_predictions as it is told outside."""
    told = {name: instant(value) if isinstance(value := row[name], datetime) else value for name in FIELDS}
    return {"schema_version": VERSION, "score_id": score_id(row), **told}


def instant(at: datetime) -> str:
    """An instant in UTC, always with six digits, so that later ones sort behind earlier ones as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def schema() -> dict[str, Any]:
    """The JSON Schema 2020-12 of a score."""
    known = {column.name: column for column in SCORE}
    told = {name: {"description": known[name].doc, **_TYPES[known[name].type]} for name in FIELDS}
    told["probability"] = {**told["probability"], "maximum": 1}
    about = {
        "schema_version": {"description": "The version of this schema.", "type": "integer", "const": VERSION},
        "score_id": {
            "description": "The same for each repeat of a score, and for no other one.",
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
        },
    }
    over_http = {
        "read_at": {
            "description": "Over HTTP alone: when gold was last looked at, in UTC. What was committed before is known.",
            **_TYPES["TIMESTAMP"],
        },
        "age_seconds": {"description": "Over HTTP alone: read_at minus scored_at, or more.", "type": "number"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "purchase_score",
        "description": "A score of one session: how likely it ends in a purchase. Further properties may be added.",
        "type": "object",
        "required": [*about, *FIELDS],
        "properties": {**about, **told, **over_http},
    }
