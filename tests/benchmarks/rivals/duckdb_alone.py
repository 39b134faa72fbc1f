"""All of gold by DuckDB alone: the same SQL on silver's Parquet files, each table copied to a file of Parquet.

What it does not promise: commits, versions, readers that see a table while it is replaced, locks, a change feed,
updates of what a batch touches, rows in an order that later merges need. It is what computing alone costs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from gold.shared.clock import CLOCK
from lakehouse.engines.duckdb_types import duckdb_type, prepare, rows_of_files
from lakehouse.table import Table
from pipelines.gold_builder import clock_rows, incremental_tables, table_sql
from pipelines.runtime.settings import load_settings
from producers.simulator.simulator import UNTIL


def gold(lake: Path, folder: Path, as_of: datetime = UNTIL) -> None:
    """Makes every gold table whose SQL is kept, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = clock_rows(load_settings(), as_of.astimezone(UTC))
    with duckdb.connect(config={"preserve_insertion_order": "false"}) as database:
        prepare(database)
        database.register("given_clock", clock)
        casts = ", ".join(f'CAST("{one.name}" AS {duckdb_type(one.type)}) AS "{one.name}"' for one in CLOCK.columns)
        made = set[str]()
        for table in incremental_tables():
            for name, source in table.reads.items():
                if source is CLOCK:
                    rows = f"FROM given_clock SELECT {casts}"
                elif source.name in made:
                    rows = f"FROM made_{source.name.rpartition('.')[2]}"
                else:
                    assert isinstance(source, Table)
                    columns = [(one.name, duckdb_type(one.type)) for one in source.columns]
                    rows = rows_of_files(columns, _files(lake / source.layer / source.short_name))
                database.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {rows}')
            database.execute(f"CREATE OR REPLACE TEMP TABLE made_{table.short_name} AS {table_sql()[table.name]}")
            made.add(table.name)
            target = str(folder / f"{table.short_name}.parquet").replace("'", "''")
            database.execute(f"COPY made_{table.short_name} TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _files(table: Path) -> list[str]:
    return DeltaTable(table).file_uris() if table.exists() else []
