"""The gold tables that a test makes: a few, with all that they are made from."""

from __future__ import annotations

from lakehouse.table import Source, Table
from pipelines.gold_builder import incremental_tables


def with_upstream(*tables: Table) -> list[Table]:
    """These gold tables and those that they read, each after what it reads."""
    names: set[str] = set()

    def add(table: Source) -> None:
        names.add(table.name)
        for source in table.reads.values() if isinstance(table, Table) else ():
            add(source)

    for table in tables:
        add(table)
    return [table for table in incremental_tables() if table.name in names]
