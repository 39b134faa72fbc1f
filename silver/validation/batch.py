"""Validate a batch of records: the same results as producers.contract.validation, many times as fast."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.contract.envelopes import with_layers
from producers.contract.event_type import EventType, Kind
from producers.contract.field_rules import RuleViolation
from producers.contract.pseudonyms import Pseudonyms, current_pseudonyms
from producers.contract.timestamps import DAY
from producers.contract.unwrapping import unwrapped
from producers.contract.validation import validate_document, validate_value
from producers.shop.settings import Shop, current_shop
from silver.addresses import derive, derived_columns
from silver.validation.fast_path import FastPathResult, run_fast_path, with_nulls
from silver.validation.identity import identities
from silver.validation.timestamps import Bools, Ints

INSTANT = pa.timestamp("us", "UTC")

Violations: TypeAlias = Mapping[int, tuple[RuleViolation, ...]]
"""Why rows are invalid, by row."""

UNWRAPPED_AT_ONCE = 64 << 20
"""So many bytes of what was unwrapped are in memory at a time, and the last record's."""

_VIOLATIONS = pa.list_(pa.struct([("rule", pa.string()), ("sentence", pa.string())]))
_COORDINATES = pa.schema(
    [
        ("arrived_at", INSTANT),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
    ]
)


def validated_schema(event: EventType) -> pa.Schema:
    """The columns of validated records.

    The event's fields but ``timestamp``; what is derived from them; ``event_at`` and ``event_on`` (UTC); the record's
    coordinates; ``identity``, sixteen bytes; and of a bad record, whose other columns are null, the rules
    that it violates and its untouched ``value``.
    """
    fields = [
        (field.name, pa.float64() if field.kind is Kind.NUMBER else pa.string())
        for field in event.fields
        if field.kind is not Kind.TIMESTAMP
    ]
    derived = [
        (column.name, pa.bool_() if column.type == "BOOLEAN" else pa.string()) for column in derived_columns(event)
    ]
    times = [("event_at", INSTANT), ("event_on", pa.date32())]
    rest = [("identity", pa.binary()), ("violations", _VIOLATIONS), ("value", pa.binary())]
    return pa.schema([*fields, *derived, *times, *_COORDINATES, *rest])


def validate_batch(
    event: EventType, batch: pa.RecordBatch, shop: Shop | None = None, pseudonyms: Pseudonyms | None = None
) -> pa.RecordBatch:
    """One validated row per record, in the order of the records; never raises for what a value holds.

    ``shop`` is what addresses and elements are understood by, and ``pseudonyms`` what stands for users' ids; without
    them, the present settings.

    Reads the columns topic, topic_id, partition, offset, arrived_at and value. Rows that the fast path
    does not find valid go to the reference implementation, one by one.
    """
    if not batch.num_rows:
        return pa.RecordBatch.from_pylist([], validated_schema(event))
    shop, pseudonyms = shop or current_shop(), pseudonyms or current_pseudonyms()
    batch = batch.set_column(batch.schema.get_field_index("value"), "value", _whole(batch.column("value"), pa.binary()))
    parts = [_validated(event, part, shop, pseudonyms) for part in _unwrapped(batch, shop.envelopes_of(event.name))]
    return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


@dataclass(frozen=True)
class _Part:
    """Records in order, the values to validate, and which envelopes they were taken out of, by row."""

    records: pa.RecordBatch
    values: pa.BinaryArray
    layers: Mapping[int, tuple[str, ...]]
    unwraps: Collection[str]


def _unwrapped(batch: pa.RecordBatch, unwraps: Collection[str]) -> Iterator[_Part]:
    """The batch in parts, few of which are more than one: little bytes may hold many."""
    if not unwraps:
        yield _Part(batch, batch.column("value"), {}, unwraps)
        return
    start, inner, layers, size = 0, list[bytes | None](), dict[int, tuple[str, ...]](), 0
    for row, value in enumerate(batch.column("value"), 1):
        unpacked, taken = unwrapped(value.as_py() or b"", unwraps)
        if taken:
            layers[len(inner)] = taken
            size += len(unpacked)
        inner.append(unpacked if taken else value.as_py())
        if size >= UNWRAPPED_AT_ONCE or row == batch.num_rows:
            yield _Part(batch.slice(start, row - start), pa.array(inner, pa.binary()), layers, unwraps)
            start, inner, layers, size = row, [], {}, 0


def _validated(event: EventType, part: _Part, shop: Shop, pseudonyms: Pseudonyms) -> pa.RecordBatch:
    records = part.records
    coordinates = {name: _whole(records.column(name), _COORDINATES.field(name).type) for name in _COORDINATES.names}
    arrived_at = coordinates["arrived_at"].cast(pa.int64()).fill_null(0).to_numpy()
    fast = run_fast_path(event, part.values, arrived_at)
    violations = _validate_the_rest(event, fast, arrived_at, part)
    return _assemble(event, fast, violations, coordinates, records.column("value"), shop, pseudonyms)


def _whole(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column of this type that owns its first byte, so that its buffers can be read as they are."""
    column = column.cast(kind)
    return pa.concat_arrays([column]) if column.offset else column


def _validate_the_rest(event: EventType, fast: FastPathResult, arrived_at: Ints, part: _Part) -> Violations:
    """Put the reference implementation's values into the columns; return the violations, by row."""
    violations = {}
    for row in np.flatnonzero(~fast.is_valid).tolist():
        document = fast.decoded.document(row)
        at = int(arrived_at[row])
        layers = part.layers.get(row, ())
        if document:
            result = validate_document(event, document, at, part.unwraps)
        else:
            result = validate_value(event, fast.decoded.values[row], at, part.unwraps)
        if result.violations:
            violations[row] = with_layers(result.violations, layers) if layers else result.violations
        else:
            fast.put(row, result.values)
    return violations


def _assemble(
    event: EventType,
    fast: FastPathResult,
    violations: Violations,
    coordinates: dict[str, pa.Array],
    values: pa.BinaryArray,
    shop: Shop,
    pseudonyms: Pseudonyms,
) -> pa.RecordBatch:
    count = len(values)
    bad = np.zeros(count, np.bool_)
    bad[list(violations)] = True
    columns = {name: column.finished(bad) for name, column in fast.columns.items()}
    event_at = pa.array(fast.instants, pa.int64(), mask=bad).cast(INSTANT)
    event_on = pa.array((fast.instants // DAY).astype(np.int32), pa.int32(), mask=bad).cast(pa.date32())
    # Before the identity: who tries all ids must not find one by its hash, which has no key.
    columns["user_id"] = _named(columns["user_id"], pseudonyms)
    identity = identities(event, {**columns, "timestamp": event_at})
    # After the identity: it is that of what was sent, whatever the settings strip.
    columns |= derive(columns, shop)
    columns |= coordinates
    columns |= {"event_at": event_at, "event_on": event_on}
    columns["identity"] = with_nulls(identity, bad)
    columns["violations"] = _reasons(bad, violations)
    columns["value"] = _only(bad, values) if violations else pa.nulls(count, pa.binary())
    schema = validated_schema(event)
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def _named(user_ids: pa.StringArray, pseudonyms: Pseudonyms) -> pa.StringArray:
    """What stands for each id; null stays null."""
    if not pseudonyms.key:
        return user_ids
    each = user_ids.dictionary_encode()
    return pa.array(map(pseudonyms.of, each.dictionary.to_pylist()), pa.string()).take(each.indices)


def _only(mask: Bools, values: pa.BinaryArray) -> pa.BinaryArray:
    return pc.if_else(pa.array(mask), values, pa.scalar(None, pa.binary()))


def _reasons(bad: Bools, violations: Violations) -> pa.ListArray:
    """The violations of the bad rows, and null for the good ones."""
    if not violations:
        return pa.nulls(len(bad), _VIOLATIONS)
    lengths = np.zeros(len(bad) + 1, np.int32)
    lengths[np.flatnonzero(bad) + 1] = [len(violations[row]) for row in sorted(violations)]
    flat = [rule for row in sorted(violations) for rule in violations[row]]
    rules = pa.array([rule.rule for rule in flat], pa.string())
    sentences = pa.array([rule.sentence for rule in flat], pa.string())
    offsets = pa.array(np.cumsum(lengths, dtype=np.int32), pa.int32())
    reasons = pa.StructArray.from_arrays([rules, sentences], fields=list(_VIOLATIONS.value_type))
    return pa.ListArray.from_arrays(offsets, reasons, type=_VIOLATIONS, mask=pa.array(~bad))
