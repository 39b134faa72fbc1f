"""Answer for one session over HTTP, from the scores that gold holds; starts no Spark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl

from pipelines.ml.score_index import ScoreIndex
from pipelines.ml.score_message import instant, message, schema
from pipelines.runtime.local_http import Answer, json_answer
from pipelines.runtime.repeating import repeating
from producers.contract.pseudonyms import current_pseudonyms

LOOK_SECONDS = 0.25
"""How often the server looks for new commits."""

STALE_SECONDS = 30.0
"""After so long without a successful look, /health says so."""

_IDS = ("user_id", "session_id")
_USE = "Ask for /scores?user_id=…&session_id=…, each id percent-encoded."


@contextmanager
def following(index: ScoreIndex, seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """Within, a thread takes in what gold commits."""
    with repeating("follow-gold", index.refresh, seconds):
        yield


def answer(index: ScoreIndex, path: str, query: str) -> Answer:
    """The answer to a request; an error is a sentence."""
    if path == "/scores":
        return _score(index, query)
    if path == "/schema":
        return json_answer(schema())
    if path == "/health":
        return _health(index)
    return _error(HTTPStatus.NOT_FOUND, f"There are /scores, /schema and /health. {_USE}")


def _score(index: ScoreIndex, query: str) -> Answer:
    try:
        asked = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=len(_IDS))
    except ValueError:
        return _error(HTTPStatus.BAD_REQUEST, f"The query cannot be read. {_USE}")
    ids = dict(asked)
    if sorted(name for name, _ in asked) != sorted(_IDS):
        return _error(HTTPStatus.BAD_REQUEST, f"Both ids are needed, each once, and nothing else. {_USE}")
    if index.read_at is None:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, index.error or "Gold has not been read yet.")
    # The shop asks by the id that it knows; what gold has in its place is not told.
    row = index.find(current_pseudonyms().of(ids["user_id"]), ids["session_id"])
    if row is None:
        return _error(
            HTTPStatus.NOT_FOUND,
            "This session has no score: it is unknown, suspect, or so new that no job has scored it yet.",
            index.read_at,
        )
    age = max((index.read_at - row["scored_at"]).total_seconds(), 0.0)
    return json_answer(
        {**message(row), "user_id": ids["user_id"], "read_at": instant(index.read_at), "age_seconds": round(age, 3)}
    )


def _health(index: ScoreIndex) -> Answer:
    looked = index.read_at
    is_stale = looked is None or (datetime.now(UTC) - looked).total_seconds() > STALE_SECONDS
    found = {
        "sessions": index.sessions,
        "table_version": index.version,
        "read_at": looked and instant(looked),
        "error": index.error,
    }
    return json_answer(found, HTTPStatus.SERVICE_UNAVAILABLE if is_stale else HTTPStatus.OK)


def _error(status: HTTPStatus, sentence: str, read_at: datetime | None = None) -> Answer:
    return json_answer({"error": sentence, **({"read_at": instant(read_at)} if read_at else {})}, status)
