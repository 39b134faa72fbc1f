"""Tables in a folder, made without Spark."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, Schema

from lakehouse.engines.local_lake import LocalLake
from lakehouse.table import Table

_ARROW = {
    "STRING": pa.string(),
    "DOUBLE": pa.float64(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "DATE": pa.date32(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "BINARY": pa.binary(),
    "ARRAY<STRING>": pa.list_(pa.string()),
}


def made(folder: Path, *tables: Table) -> LocalLake:
    """A lake with these tables, empty."""
    lake = LocalLake(str(folder / "lake"), folder / "locks")
    for table in tables:
        fields = [pa.field(one.name, _ARROW[one.type], not one.required) for one in table.columns]
        settings = {name: value for name, value in table.properties.items() if name.startswith("delta.")}
        lake.folder(table).mkdir(parents=True)
        DeltaTable.create(lake.folder(table), Schema.from_arrow(pa.schema(fields)), configuration=settings)
    return lake
