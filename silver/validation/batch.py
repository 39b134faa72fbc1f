"""Judging records by the batch: what producers.contract.validation says of each, many times as fast."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.contract.event_type import EventType, Kind
from producers.contract.field_rules import Broken
from producers.contract.timestamps import DAY
from producers.contract.validation import judge, judge_document
from silver.validation.fast_path import Certified, certify, with_nulls
from silver.validation.identity import identities
from silver.validation.timestamps import Bools, Ints

INSTANT = pa.timestamp("us", "UTC")

_BROKEN = pa.list_(pa.struct([("rule", pa.string()), ("sentence", pa.string())]))
_COORDINATES = pa.schema(
    [
        ("arrived_at", INSTANT),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
    ]
)


def judged_schema(event: EventType) -> pa.Schema:
    """The columns of judged records.

    The event's fields but ``timestamp``; ``event_at`` and ``event_on`` (UTC) in its place; the record's
    coordinates; ``identity``, sixteen bytes; and of a bad record, whose other columns are null, the rules
    that it breaks and its untouched ``value``.
    """
    fields = [
        (field.name, pa.float64() if field.kind is Kind.NUMBER else pa.string())
        for field in event.fields
        if field.kind is not Kind.TIMESTAMP
    ]
    times = [("event_at", INSTANT), ("event_on", pa.date32())]
    rest = [("identity", pa.binary()), ("broken", _BROKEN), ("value", pa.binary())]
    return pa.schema([*fields, *times, *_COORDINATES, *rest])


def judge_batch(event: EventType, batch: pa.RecordBatch) -> pa.RecordBatch:
    """One judged row per record, in the order of the records; never raises for what a value holds.

    Reads the columns topic, topic_id, partition, offset, arrived_at and value. Rows that the fast lane
    cannot certify as good go to the reference judge, one by one.
    """
    if not batch.num_rows:
        return pa.RecordBatch.from_pylist([], judged_schema(event))
    values = _whole(batch.column("value"), pa.binary())
    coordinates = {name: _whole(batch.column(name), _COORDINATES.field(name).type) for name in _COORDINATES.names}
    arrived_at = coordinates["arrived_at"].cast(pa.int64()).fill_null(0).to_numpy()
    certified = certify(event, values, arrived_at)
    broken = _judge_the_rest(event, certified, arrived_at)
    return _assemble(event, certified, broken, coordinates, values)


def _whole(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column of this type that owns its first byte, so that its buffers can be read as they are."""
    column = column.cast(kind)
    return pa.concat_arrays([column]) if column.offset else column


def _judge_the_rest(event: EventType, certified: Certified, arrived_at: Ints) -> dict[int, tuple[Broken, ...]]:
    """Put what the reference judge finds into the columns; return the rules broken, by row."""
    broken = {}
    for row in np.flatnonzero(~certified.sure).tolist():
        document = certified.decoded.document(row)
        at = int(arrived_at[row])
        verdict = judge_document(event, document, at) if document else judge(event, certified.decoded.values[row], at)
        if verdict.broken:
            broken[row] = verdict.broken
        else:
            certified.put(row, verdict.values)
    return broken


def _assemble(
    event: EventType,
    certified: Certified,
    broken: dict[int, tuple[Broken, ...]],
    coordinates: dict[str, pa.Array],
    values: pa.BinaryArray,
) -> pa.RecordBatch:
    count = len(values)
    bad = np.zeros(count, np.bool_)
    bad[list(broken)] = True
    columns = {name: column.finished(bad) for name, column in certified.columns.items()}
    event_at = pa.array(certified.instants, pa.int64(), mask=bad).cast(INSTANT)
    event_on = pa.array((certified.instants // DAY).astype(np.int32), pa.int32(), mask=bad).cast(pa.date32())
    identity = identities(event, {**columns, "timestamp": event_at})
    columns |= coordinates
    columns |= {"event_at": event_at, "event_on": event_on}
    columns["identity"] = with_nulls(identity, bad)
    columns["broken"] = _reasons(bad, broken)
    columns["value"] = _only(bad, values) if broken else pa.nulls(count, pa.binary())
    schema = judged_schema(event)
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def _only(mask: Bools, values: pa.BinaryArray) -> pa.BinaryArray:
    return pc.if_else(pa.array(mask), values, pa.scalar(None, pa.binary()))


def _reasons(bad: Bools, broken: dict[int, tuple[Broken, ...]]) -> pa.ListArray:
    """The broken rules of the bad rows, and null for the good ones."""
    if not broken:
        return pa.nulls(len(bad), _BROKEN)
    lengths = np.zeros(len(bad) + 1, np.int32)
    lengths[np.flatnonzero(bad) + 1] = [len(broken[row]) for row in sorted(broken)]
    flat = [rule for row in sorted(broken) for rule in broken[row]]
    rules = pa.array([rule.rule for rule in flat], pa.string())
    sentences = pa.array([rule.sentence for rule in flat], pa.string())
    offsets = pa.array(np.cumsum(lengths, dtype=np.int32), pa.int32())
    reasons = pa.StructArray.from_arrays([rules, sentences], fields=list(_BROKEN.value_type))
    return pa.ListArray.from_arrays(offsets, reasons, type=_BROKEN, mask=pa.array(~bad))
