"""Compare tables with what their SQL makes of their input, by DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.engines.duckdb_rows import Inputs, differences, open_database
from lakehouse.engines.duckdb_types import quoted
from lakehouse.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

    from lakehouse.engines.local_lake import LocalLake


@dataclass(frozen=True)
class Difference:
    """How a table differs from what its SQL makes: rows that it has too many, and lacks; the least key among both."""

    rows: int
    wrong: int
    lacking: int
    first_key: tuple[Any, ...] | None


def compare_tables(
    lake: LocalLake,
    tables: Sequence[Table],
    sql: Mapping[str, str],
    *,
    sources: Mapping[str, pa.Table],
    versions: Mapping[str, int],
    memory: str,
) -> Iterator[tuple[Table, Difference]]:
    """Compares each of the tables with its rows computed again; it writes nothing.

    ``versions`` has the version to read of tables, -1 for no rows; of all others the newest is read.
    """
    with open_database(memory) as database:
        inputs = Inputs(database, sources)

        def rows_of(source: Table) -> str:
            version = versions.get(source.name)
            files = lake.files(source) if version is None else lake.files_at(source, version) if version >= 0 else []
            return inputs.rows(source, files)

        for table in tables:
            inputs.views(table, rows_of)
            made = inputs.make(table, sql[table.name])
            stored = rows_of(table)
            found = differences(database, table, f"FROM {made}", stored, f"differing_{table.short_name}")
            counts = database.execute(
                f"SELECT (SELECT count(*) FROM ({stored})), count(*) FILTER (_is_new), count(*) FILTER (NOT _is_new) "
                f"FROM {found}"
            )
            [(rows, wrong, lacking)] = counts.fetchall()
            key = ", ".join(quoted(name) for name in table.key)
            first = database.execute(f"SELECT {key} FROM {found} ORDER BY {key} LIMIT 1").fetchone()
            yield table, Difference(rows, wrong, lacking, first)
