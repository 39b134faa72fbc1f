"""The audit after a fault: of what the tables' files hold, by readers that are not Spark and rules of its own.

What Kafka acknowledged, and what the reference validator says of it, decide what must be there. delta-rs
reads the tables, so that a file that Spark alone could read would show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from lakehouse.checkpoints import checkpoint_query_id
from producers.contract.event_type import EventType
from producers.contract.identity import identity
from producers.contract.validation import validate_record
from producers.events import EVENTS
from tests.faults.harness import Installation, Ledger, digest

Place = tuple[Any, ...]
"""Where a record is within its topic: topic_id, partition, offset."""

_PLACE = ["topic_id", "partition", "offset"]


def read(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A table's newest version, by delta-rs; it also sees that every file of it is there."""
    return DeltaTable(path).to_pyarrow_table(columns=columns)


def audit_bronze(installation: Installation, ledger: Ledger, *, complete: bool = True) -> Iterator[str]:
    """What is wrong with bronze, in words: lost, doubled, altered or invented records, and gaps.

    Where a driver died and was not started again, bronze may lack what it has not read
    (``complete=False``), and nothing else may be wrong.
    """
    for topic in EVENTS:
        # Any commit: the first ones may have been cleaned away.
        if not any((installation.table(f"bronze.{topic}") / "_delta_log").glob("[0-9]*.json")):
            if complete and ledger.acknowledged(topic):
                yield f"{topic}: its records are lost, there is no table"
            continue
        rows = read(installation.table(f"bronze.{topic}"), [*_PLACE, "value"]).to_pydict()
        places = list(zip(*(rows[name] for name in _PLACE), strict=True))
        held = dict(zip(places, map(digest, rows["value"]), strict=True))
        acknowledged = ledger.acknowledged(topic)
        if complete and (lost := acknowledged.keys() - held.keys()):
            yield f"{topic}: {len(lost)} acknowledged records are lost, as {min(lost)}"
        if doubled := [place for place, times in Counter(places).items() if times > 1]:
            yield f"{topic}: {len(doubled)} records are doubled, as {min(doubled)}"
        if altered := [place for place in acknowledged.keys() & held.keys() if acknowledged[place] != held[place]]:
            yield f"{topic}: {len(altered)} records are altered, as {min(altered)}"
        if invented := set(held.values()) - ledger.sent(topic):
            yield f"{topic}: {len(invented)} records were never sent"
        for topic_id, partition in {place[:2] for place in places}:
            found = {place[2] for place in places if place[:2] == (topic_id, partition)}
            if len(found) != max(found) + 1:
                yield f"{topic}: partition {partition} of {topic_id} has gaps"


def audit_outcomes(installation: Installation, *, complete: bool = True) -> Iterator[str]:
    """What is wrong with silver: bronze rows without an outcome or with two, and outcomes that the validator denies."""
    quarantined = read(installation.table("silver.quarantine"), ["topic", *_PLACE, "status"]).to_pylist()
    # The row of a replayed record stays, as its history: its outcome is in another table.
    waiting = [row for row in quarantined if row["status"] != "replayed"]
    repeated = read(installation.table("silver.duplicates"), ["topic", *_PLACE]).to_pylist()
    for topic, event in EVENTS.items():
        kept = read(installation.table(f"silver.{topic}"), [*_PLACE, "identity"]).to_pylist()
        # After the outcomes: bronze may still grow, and each of them has its record there before.
        heard = read(installation.table(f"bronze.{topic}"), [*_PLACE, "value", "arrived_at"]).to_pylist()
        outcomes: Counter[Place] = Counter()
        for rows in (kept, *([row for row in part if row["topic"] == topic] for part in (waiting, repeated))):
            once = Counter(tuple(row[name] for name in _PLACE) for row in rows)
            if doubled := [place for place, times in once.items() if times > 1]:
                yield f"{topic}: {len(doubled)} outcomes are doubled, as {min(doubled)}"
            outcomes += once
        places = {tuple(row[name] for name in _PLACE): row for row in heard}
        if invented := outcomes.keys() - places.keys():
            yield f"{topic}: {len(invented)} outcomes without a record, as {min(invented)}"
        if not complete:
            continue
        if without := places.keys() - outcomes.keys():
            yield f"{topic}: {len(without)} records without an outcome, as {min(without)}"
        if several := [place for place, times in outcomes.items() if times > 1]:
            yield f"{topic}: {len(several)} records with several outcomes, as {min(several)}"
        bad, firsts = _expected(event, places)
        found = {tuple(row[name] for name in _PLACE) for row in waiting if row["topic"] == topic}
        if wrong := found ^ bad:
            yield f"{topic}: {len(wrong)} records are wrongly in quarantine or out of it, as {min(wrong)}"
        if wrong := {tuple(row[name] for name in _PLACE) for row in kept} ^ firsts:
            yield f"{topic}: {len(wrong)} records are wrongly kept or dropped, as {min(wrong)}"


def _expected(event: EventType, places: Mapping[Place, Mapping[str, Any]]) -> tuple[set[Place], set[Place]]:
    """The records that the reference validator finds bad, and the good ones that are the first of their event."""
    bad: set[Place] = set()
    firsts: dict[bytes, Place] = {}
    for place, row in sorted(places.items(), key=lambda item: (item[1]["arrived_at"], item[0])):
        result = validate_record(event, row["value"], int(row["arrived_at"].timestamp() * 1_000_000))
        if result.violations:
            bad.add(place)
        else:
            firsts.setdefault(identity(event, result.values), place)
    return bad, set(firsts.values())


def audit_sessions(installation: Installation) -> Iterator[str]:
    """What is wrong with gold's sessions, by what DuckDB counts in silver."""
    base = duckdb.connect()
    for topic in EVENTS:
        base.register(topic, read(installation.table(f"silver.{topic}")))
    base.register("sessions", read(installation.table("gold.sessions")))
    wrong = base.sql(
        """
        WITH events AS (
            SELECT user_id, session_id, event_at, 1 AS views, false AS buys FROM page_views
            UNION ALL SELECT user_id, session_id, event_at, 0, element_id = 'btn_buy' FROM clicks
            UNION ALL SELECT user_id, session_id, event_at, 0, false FROM interactions),
        wanted AS (
            SELECT user_id, session_id, count(*)::BIGINT AS events, sum(views)::BIGINT AS page_views,
                   bool_or(buys) AS bought, min(event_at) AS started_at FROM events GROUP BY ALL),
        found AS (
            SELECT user_id, session_id, events::BIGINT AS events, page_views::BIGINT AS page_views, bought, started_at
            FROM sessions)
        (FROM wanted EXCEPT ALL FROM found) UNION ALL (FROM found EXCEPT ALL FROM wanted)
        """
    ).fetchall()
    if wrong:
        yield f"gold: {len(wrong)} sessions are wrong, as {wrong[0]}"


def audit_metrics(installation: Installation) -> Iterator[str]:
    """What is wrong with what the streams told: batches that are told twice, and those of bronze that are not."""
    rows = read(installation.table("gold.pipeline_metrics"), ["stream", "query_id", "batch_id", "error"]).to_pylist()
    told = Counter((row["stream"], row["query_id"], row["batch_id"]) for row in rows if row["error"] is None)
    if doubled := [batch for batch, times in told.items() if times > 1]:
        yield f"{len(doubled)} batches are told twice, as {min(doubled)}"
    for stream in (f"bronze.{topic}" for topic in EVENTS):
        checkpoint = installation.checkpoint(stream)
        finished = {
            (stream, checkpoint_query_id(checkpoint), int(path.name))
            for path in (checkpoint / "commits").glob("[0-9]*")
        }
        if untold := finished - told.keys():
            yield f"{stream}: {len(untold)} batches are not told, as {min(untold)}"
