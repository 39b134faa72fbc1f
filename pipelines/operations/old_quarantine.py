"""Take the bytes out of quarantined records that are past retention: the rows stay, as each record has its outcome.

What a record broke stays known, so that `verify` and the data's quality count it for good.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.engines.erasing_lake import ErasingLake
from pipelines.runtime.erased_records import are_among
from pipelines.runtime.past_retention import PAST_RETENTION, SENTENCE
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE

_FIRST = datetime.min.replace(tzinfo=UTC)
_TOLD_BY = [*COORDINATE_NAMES, "arrived_at", "value", "status"]


def count_old_rows(lake: ErasingLake, before: datetime) -> int:
    """How many rows would lose their bytes, as they arrived before an instant."""
    return int(_Old(lake, before).rows.num_rows)


def expire_old_rows(lake: ErasingLake, before: datetime) -> int:
    """Takes the bytes out of those rows, in one commit that no stream takes for a change; gives how many they are."""
    with lake.writing(QUARANTINE):
        old = _Old(lake, before)
        if old.rows.num_rows:
            are_old = are_among(old.rows)
            within = {"arrived_at": (_FIRST, before)}
            lake.rewrite(QUARANTINE, COORDINATE_NAMES, are_old, _without_bytes, within=within)
    return int(old.rows.num_rows)


class _Old:
    """The rows that are old, and not those of an interrupted replay: they are in silver, and open here still."""

    def __init__(self, lake: ErasingLake, before: datetime) -> None:
        self._before = before
        found = lake.rows_where(QUARANTINE, _TOLD_BY, self._are_old).select([*COORDINATE_NAMES, "status"])
        waiting = found.filter(pc.equal(found["status"], "open"))
        for table in (*SILVER.values(), DUPLICATES) if waiting.num_rows else ():
            if lake.exists(table):
                where = {
                    "topic_id": pc.unique(waiting["topic_id"]).to_pylist(),
                    "offset": pc.unique(waiting["offset"]),
                }
                written = waiting.filter(are_among(lake.read(table, COORDINATE_NAMES, where))(waiting))
                if written.num_rows:
                    found = found.filter(pc.invert(are_among(written)(found)))
        self.rows = found

    def _are_old(self, rows: pa.Table) -> pa.Array:
        is_old = pc.less(rows["arrived_at"], pa.scalar(self._before, rows.schema.field("arrived_at").type))
        holds = pc.or_(pc.is_valid(rows["value"]), pc.equal(rows["status"], "open"))
        found = pc.and_(is_old, holds)
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _without_bytes(rows: pa.Table, found: pa.Array) -> pa.Table:
    stay, old = rows.filter(pc.invert(found)), rows.filter(found)
    waits = pc.equal(old["status"], "open")
    said = [[SENTENCE] * len(rules) for rules in old["rules"].to_pylist()]
    changes = {
        "value": pa.nulls(old.num_rows, old.schema.field("value").type),
        "sentences": pa.array(said, old.schema.field("sentences").type),
        "status": pc.if_else(waits, "discarded", old["status"]),
        "discard_reason": pc.if_else(waits, PAST_RETENTION, old["discard_reason"]),
    }
    for name, column in changes.items():
        old = old.set_column(old.column_names.index(name), old.schema.field(name), column)
    return pa.concat_tables([stay, old])
