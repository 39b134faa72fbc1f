"""Compute identities by the column: the same as producers.contract.identity computes one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.contract.event_type import EventType, Kind
from producers.contract.identity import SIZE

_HEXADECIMAL = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint16)
_DIGITS = 16


def identities(event: EventType, columns: Mapping[str, pa.Array]) -> pa.BinaryArray:
    """One identity per row of normalised columns, as producers.contract.identity specifies it.

    The columns are one per field: text as strings, numbers as float64, ``timestamp`` as timestamp[us].
    """
    kinds = {field.name: field.kind for field in event.fields}
    names = sorted(kinds)
    parts = [_hexadecimal(columns[n]) if kinds[n] in (Kind.NUMBER, Kind.TIMESTAMP) else columns[n] for n in names]
    return _hashed(pc.binary_join_element_wise(_heads(event, names, parts), *parts, "\0", null_handling="skip"))


def _heads(event: EventType, names: list[str], parts: list[pa.Array]) -> pa.StringArray | pa.StringScalar:
    """What stands in front: the event and the names of the row's fields. Few combinations occur."""
    present = np.zeros(len(parts[0]), np.int64)
    for place, part in enumerate(parts):
        if part.null_count:
            present |= part.is_valid().to_numpy(zero_copy_only=False).astype(np.int64) << place
        else:
            present |= 1 << place
    combinations, which = np.unique(present, return_inverse=True)
    heads = [
        f"fields\0{event.name}\0" + ",".join(name for place, name in enumerate(names) if combination >> place & 1)
        for combination in combinations.tolist()
    ]
    return pa.scalar(heads[0]) if len(heads) == 1 else pa.array(heads, pa.string()).take(pa.array(which))


def _hexadecimal(column: pa.Array) -> pa.StringArray:
    """Eight bytes as sixteen digits, most significant first; null stays null."""
    count = len(column)
    words = np.frombuffer(column.buffers()[1], np.uint64)[column.offset : column.offset + count]
    digits = _HEXADECIMAL[words.byteswap().view(np.uint8)]
    offsets = np.arange(0, _DIGITS * count + 1, _DIGITS, dtype=np.int32)
    valid = np.packbits(column.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(digits)]
    return pa.Array.from_buffers(pa.string(), count, buffers)


def _hashed(forms: pa.StringArray) -> pa.BinaryArray:
    sha256 = hashlib.sha256
    digests = b"".join([sha256(form).digest() for form in forms.cast(pa.binary()).to_pylist()])
    whole = np.frombuffer(digests, np.uint8).reshape(len(forms), -1)
    offsets = np.arange(0, SIZE * len(forms) + 1, SIZE, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.binary(), len(forms), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(whole[:, :SIZE]))]
    )
