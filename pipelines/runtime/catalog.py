"""All tables, found by their declarations: the catalog that jobs, checks and documents go by."""

from __future__ import annotations

from types import MappingProxyType

import gold
from bronze.raw_events import BRONZE
from lakehouse.discovery import discover
from lakehouse.errors import DeclarationError, UsageError
from lakehouse.table import Table, topological_order
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE


def _gold() -> dict[str, Table]:
    found = discover("gold", gold.__path__[0], Table, "TABLE")
    for table in found.values():
        if table.build is not None and not table.scope:
            raise DeclarationError(
                f"{table.name} has no scope.",
                "Say which of its columns tell what a changed input row touches.",
            )
    return {table.name: table for table in found.values()}


GOLD = MappingProxyType({table.name: table for table in topological_order(_gold())})
"""The gold tables by name, each after those that it reads."""

TABLES = MappingProxyType(
    {table.name: table for table in (*BRONZE.values(), *SILVER.values(), QUARANTINE, DUPLICATES, *GOLD.values())}
)
"""Every table by name, layer by layer."""


def table_named(name: str) -> Table:
    """The table of that name.

    Raises UsageError, which lists the names, where there is none.
    """
    if name not in TABLES:
        raise UsageError(f"There is no table {name!r}.", f"The tables are {', '.join(TABLES)}.")
    return TABLES[name]
