"""Tables in a folder, made without Spark: plain, as Spark's lake makes them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, Schema, write_deltalake

from lakehouse.engines.local_lake import LocalLake
from lakehouse.table import Table

_TYPES = {
    "STRING": pa.string(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "DECIMAL(18,2)": pa.decimal128(18, 2),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "BINARY": pa.binary(),
    "ARRAY<STRING>": pa.list_(pa.string()),
    "ARRAY<STRUCT<key: STRING, value: BINARY>>": pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())])),
}


def arrow_schema(table: Table) -> pa.Schema:
    """The declared columns."""
    return pa.schema([pa.field(one.name, _TYPES[one.type], not one.required) for one in table.columns])


def make_tables(root: Path, *tables: Table) -> LocalLake:
    """A lake with these tables, which are empty."""
    for table in tables:
        folder = root / "lake" / table.layer / table.short_name
        folder.mkdir(parents=True)
        settings = {name: value for name, value in table.properties.items() if name.startswith("delta.")}
        DeltaTable.create(folder, Schema.from_arrow(arrow_schema(table)), configuration=settings)
    return LocalLake(str(root / "lake"), root / "locks")


def write_with_properties(folder: Path, rows: pa.Table, properties: dict[str, str]) -> None:
    """Writes a table with properties of our own, which delta-rs reads and does not write."""
    write_deltalake(folder, rows)
    log = folder / "_delta_log" / f"{0:020d}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            action["metaData"]["configuration"] = properties
    log.write_text("\n".join(map(json.dumps, actions)))
