"""The gold tables that a test makes: a few, with all that they are made from."""

from __future__ import annotations

from lakehouse.table import Table
from pipelines.gold_builder import incremental_tables, upstream_names


def with_upstream(*tables: Table) -> list[Table]:
    """These gold tables and those that they read, each after what it reads."""
    names = set().union(*map(upstream_names, tables))
    return [table for table in incremental_tables() if table.name in names]
