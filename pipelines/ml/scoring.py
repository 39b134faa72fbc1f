"""Score sessions at their newest cutoff with a champion, so that each session has one current prediction of each.

The rows are Arrow's and the tree is data, so a batch takes milliseconds and no plan of Spark, whatever reads and
writes the tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gold.next_session_predictions import TABLE as NEXT_PREDICTIONS
from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.shared.features import NUMBERS, TEXTS
from gold.shared.timeline import SESSION
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.engines.file_skipping import Where
from lakehouse.engines.key_matching import KeyMatcher
from lakehouse.table import Table
from pipelines.ml.live_model import LiveModel
from pipelines.ml.targets import IN_SESSION, NEXT_SESSION, PredictionTarget

ROWS_AT_A_TIME = 200_000
"""So many rows of gold.training_examples are scored at a time, about, where all sessions are."""

FEATURES = tuple(column.name for column in (*NUMBERS, *TEXTS))

NEWEST_SCORES = {IN_SESSION.name: PREDICTIONS, NEXT_SESSION.name: NEXT_PREDICTIONS}
"""The table of the newest scores, by what is predicted."""

_KNOWN = (*SESSION, "cut", "is_over", IN_SESSION.label, NEXT_SESSION.label, "started_on", "cut_at")
_MOST_LISTED = 5_000
_SCORED = (*SESSION, "cut", "features_hash", "model_name", "model_version", "started_on")


Now = Callable[[], datetime]
"""What tells the time of a score."""


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


class ScoredLake(Protocol):
    """The tables as scoring reads and writes them: a LocalLake, or Spark's lake behind the same methods."""

    def read(self, table: Table, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
        """Some rows and columns of the newest version."""

    def append(self, table: Table, rows: pa.Table) -> Any:
        """Adds rows in one commit."""

    def merge(self, table: Table, rows: pa.Table, *, within: Where | None = None) -> None:
        """Replaces the rows with the same key, and adds the others, in one commit."""

    def writing(self, table: Table) -> AbstractContextManager[None]:
        """Keeps everyone else from writing the table."""


@dataclass(frozen=True)
class Scored:
    """How many sessions got a new score, and how many of them are predicted buyers."""

    sessions: int = 0
    buyers: int = 0

    def __add__(self, other: Scored) -> Scored:
        return Scored(self.sessions + other.sessions, self.buyers + other.buyers)


def score_all(lake: ScoredLake, live: LiveModel, now: Now = utc_now) -> Iterator[Scored]:
    """Scores every session that has no score by the version on the features of today, some at a time."""
    for started in _parts(lake.read(EXAMPLES, ["started_at"])["started_at"]):
        known = lake.read(EXAMPLES, [*_KNOWN, "started_at"], {"started_at": started})
        yield _score_wanted(lake, live, known, None, now)


def score_changes(lake: ScoredLake, live: LiveModel, changes: pa.Table, now: Now = utc_now) -> Scored:
    """Scores the sessions of changed rows of gold.training_examples, where they need it. It is idempotent.

    ``changes`` are those rows as they were and as they are; of their columns it takes SESSION, started_on and
    started_at. Where ``_is_new`` tells which are as they are, the others are not read again to see who needs a score.
    """
    if not changes.num_rows:
        return Scored()
    within: Where = {"started_on": _values(changes["started_on"])}
    if "_is_new" in changes.column_names:
        new, gone = changes.filter(changes["_is_new"]), changes.filter(pc.invert(changes["_is_new"]))
        # What is asked of a session is the same in all of its rows: had it changed, each of them would be new.
        known = pa.concat_tables([new, gone.filter(pc.is_null(_places(gone, new, SESSION)))])
    else:
        # All rows of a session have the same started_at. Where that changed, all of them changed.
        known = lake.read(EXAMPLES, [*_KNOWN, "started_at"], {"started_at": _values(changes["started_at"])})
        known = _of_sessions(known, changes)
    return _score_wanted(lake, live, known, within, now)


def _score_wanted(lake: ScoredLake, live: LiveModel, known: pa.Table, within: Where | None, now: Now) -> Scored:
    """Scores those sessions that may need it, of some whose rows are ``known``: of most there is a score already.

    It reads the features of those alone. Scores lie ``within``.
    """
    newest = _asked(_newest(known), live.target)
    scored = lake.read(NEWEST_SCORES[live.target.name], _SCORED, within)
    wanted = newest.filter(pc.invert(_is_settled(newest, scored, live)))
    if not wanted.num_rows:
        return Scored()
    examples = lake.read(EXAMPLES, _columns(), {"started_at": _values(wanted["started_at"])})
    return _score(lake, live, _of_sessions(examples, wanted), within, now)


def _score(lake: ScoredLake, live: LiveModel, examples: pa.Table, within: Where | None, now: Now) -> Scored:
    """Scores sessions, given all of their rows; their scores of today lie ``within``."""
    newest, table = _asked(_newest(examples), live.target), NEWEST_SCORES[live.target.name]
    if not newest.num_rows:
        return Scored()
    newest = newest.append_column("features_hash", features_hash(newest))
    with lake.writing(LOG), lake.writing(table):
        # Read only now, when nobody else writes it.
        current = lake.read(table, _SCORED, within)
        is_current = _is_current(newest, current, live)
        rows = newest.filter(pc.invert(is_current))
        scores = predictions(live, rows, now())
        if scores.num_rows:
            # A score that is logged already comes from a run that was interrupted: it keeps its time.
            log = lake.read(LOG, [*LOG.key, "scored_at"], {"cut_at": _values(scores["cut_at"])})
            logged = log["scored_at"].take(_places(scores, log, LOG.key))
            lake.append(LOG, scores.filter(pc.is_null(logged)))
            place = scores.schema.get_field_index("scored_at")
            scores = scores.set_column(place, "scored_at", pc.coalesce(logged, scores["scored_at"]))
        moved = _moved(lake, table, newest.filter(is_current), current)
        written = pa.concat_tables([moved, scores.cast(moved.schema)])
        if written.num_rows:
            # The old score of a session whose first day has moved lies on the old one.
            old = current["started_on"].take(_places(written, current, SESSION).drop_null())
            days = pa.chunked_array([*written["started_on"].chunks, *old.chunks], pa.date32())
            lake.merge(table, written, within={"started_on": _values(days)})
    return Scored(scores.num_rows, pc.sum(scores["prediction"]).as_py() or 0)


def _moved(lake: ScoredLake, table: Table, settled: pa.Table, current: pa.Table) -> pa.Table:
    """The scores that stay, of sessions whose first day has moved: on that day, where the next batch looks."""
    was = current["started_on"].take(_places(settled, current, SESSION))
    moved = settled.filter(pc.not_equal(settled["started_on"], was))
    days = _values(was.filter(pc.not_equal(settled["started_on"], was)))
    scores = _of_sessions(lake.read(table, LOG.column_names, {"started_on": days}), moved)
    place = scores.schema.get_field_index("started_on")
    return scores.set_column(place, "started_on", moved["started_on"].take(_places(scores, moved, SESSION)))


def predictions(live: LiveModel, rows: pa.Table, at: datetime) -> pa.Table:
    """The scores of rows that have their features_hash, as the log and the table of newest scores hold them."""
    found, version = live.tree.predict(rows), live.version
    probability = pa.array(found.probability)
    values: dict[str, Any] = {
        **{name: rows[name] for name in (*SESSION, "cut", "features_hash", "started_on", "cut_at")},
        "question": live.target.name,
        "model_name": live.target.model,
        "model_version": version.number,
        "probability": probability,
        "path": pa.array(found.path, pa.string()),
        "threshold": version.threshold,
        "prediction": pc.greater_equal(probability, version.threshold),
        "scored_at": pa.scalar(at, pa.timestamp("us", "UTC")),
    }
    same = {name: value for name, value in values.items() if not isinstance(value, pa.Array | pa.ChunkedArray)}
    values |= {name: pa.repeat(value, rows.num_rows) for name, value in same.items()}
    return pa.table({name: values[name] for name in LOG.column_names})


def features_hash(rows: pa.Table) -> pa.Array:
    """A hash of the features of rows of gold.training_examples; a score keeps the one it was given on.

    It is the first eight bytes of BLAKE2b over cut_at in microseconds and each feature: a number as its eight
    bytes, a text as its length and its UTF-8. Null has a spelling of its own, which NaN shares.
    """
    numbers = np.empty((rows.num_rows, 1 + len(NUMBERS)), "<i8")
    numbers[:, 0] = _microseconds(rows["cut_at"])
    for place, column in enumerate(NUMBERS, start=1):
        values = np.asarray(rows[column.name].cast(pa.float64()).to_numpy(), "<f8")
        # One zero and one NaN: which of their spellings an engine makes means nothing.
        numbers[:, place] = np.where(np.isnan(values), np.nan, values + 0.0).view("<i8")
    texts = zip(*(_spelled(rows[column.name]) for column in TEXTS), strict=True)
    buffer, width = numbers.tobytes(), numbers.shape[1] * 8
    digests = (
        hashlib.blake2b(buffer[at : at + width] + b"".join(words), digest_size=8).digest()
        for at, words in zip(range(0, len(buffer), width), texts, strict=True)
    )
    return pa.array(np.frombuffer(b"".join(digests), "<i8"), pa.int64())


def _microseconds(instants: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(instants.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(), "<i8")


def _spelled(column: pa.ChunkedArray) -> list[bytes]:
    """Each text as bytes that no other one has, nor a longer one begins with."""
    known: dict[str | None, bytes] = {None: b"\xff" * 4}
    for text in pc.unique(column).to_pylist():
        if text is not None:
            known[text] = len(encoded := text.encode()).to_bytes(4, "little") + encoded
    return [known[text] for text in column.to_pylist()]


def _is_current(newest: pa.Table, current: pa.Table, live: LiveModel) -> pa.Array:
    """Whether a session has a score by the version on the features of today; where it is over, whether it has any."""
    return _settled(newest, current, live, same_features=True)


def _is_settled(newest: pa.Table, current: pa.Table, live: LiveModel) -> pa.Array:
    """Whether a session's score stays as it is, whatever its features are: it is over, on the same day as before."""
    return _settled(newest, current, live, same_features=False)


def _settled(newest: pa.Table, current: pa.Table, live: LiveModel, *, same_features: bool) -> pa.Array:
    places = _places(newest, current, SESSION)
    settled = newest["is_over"]
    if same_features:
        version = live.version.number
        same = pc.and_(
            pc.equal(newest["cut"], current["cut"].take(places)),
            pc.equal(newest["features_hash"], current["features_hash"].take(places)),
        )
        settled = pc.or_(settled, pc.and_(same, pc.equal(current["model_version"].take(places), version)))
    else:
        settled = pc.and_(settled, pc.equal(newest["started_on"], current["started_on"].take(places)))
    return pc.and_(pc.is_valid(places), pc.fill_null(settled, False))


def _newest(examples: pa.Table) -> pa.Table:
    """The row of each session at its newest cutoff."""
    place = pc.sort_indices(examples["cut"])
    numbered = examples.select(SESSION).take(place).append_column("_place", place)
    last = numbered.group_by(SESSION, use_threads=False).aggregate([("_place", "last")])
    return examples.take(last["_place_last"])


def _asked(newest: pa.Table, target: PredictionTarget) -> pa.Table:
    """The sessions about which a target asks: of the next one, those that are closed and have no answer yet.

    One that is over needs no other score. A next session may still come, so what comes before it never is.
    """
    if target != NEXT_SESSION:
        return newest
    waits = newest.filter(pc.and_(pc.is_valid(newest[IN_SESSION.label]), pc.is_null(newest[target.label])))
    place = waits.schema.get_field_index("is_over")
    return waits.set_column(place, "is_over", pa.repeat(False, waits.num_rows))


def _of_sessions(rows: pa.Table, sessions: pa.Table) -> pa.Table:
    """Those rows that belong to one of the sessions."""
    return rows.filter(pc.is_valid(_places(rows, sessions, SESSION)))


def _places(rows: pa.Table, among: pa.Table, key: Sequence[str]) -> pa.Array:
    """For each row, the place of the first with its key among others; null where there is none."""
    numbered = among.select(key).append_column("_place", pa.array(np.arange(among.num_rows)))
    first = numbered.group_by(key, use_threads=False).aggregate([("_place", "min")])
    return first["_place_min"].combine_chunks().take(KeyMatcher(first, key).rows_of(rows))


def _parts(instants: pa.ChunkedArray) -> Iterator[tuple[Any, Any]]:
    """The first and the last instant of parts of about ROWS_AT_A_TIME rows; no instant is in two of them."""
    ordered = np.sort(instants.cast(pa.int64()).to_numpy())
    begin = 0
    while begin < len(ordered):
        last = ordered[min(begin + ROWS_AT_A_TIME, len(ordered)) - 1]
        limits = pa.array([ordered[begin], last], pa.int64()).cast(pa.timestamp("us", "UTC"))
        yield limits[0].as_py(), limits[1].as_py()
        begin = int(np.searchsorted(ordered, last, side="right"))


def _values(column: pa.ChunkedArray) -> tuple[Any, Any] | list[Any]:
    """The values of a column as a condition: each of them, or the least and the greatest of many."""
    different = pc.unique(column)
    if len(different) <= _MOST_LISTED:
        return sorted(different.to_pylist())
    limits = pc.min_max(different)
    return limits["min"].as_py(), limits["max"].as_py()


def _columns() -> list[str]:
    return [*_KNOWN, *FEATURES]
