"""Discover all tables by their declarations: the catalog of jobs, checks and documents."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
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


def _short_names() -> Mapping[str, tuple[Table, ...]]:
    names: dict[str, tuple[Table, ...]] = {}
    for table in TABLES.values():
        names[table.short_name] = (*names.get(table.short_name, ()), table)
    return MappingProxyType(names)


SHORT_NAMES = _short_names()
"""The tables by their names without the layer; an event has one in bronze and one in silver."""


def table_named(name: str) -> Table:
    """The table of that name, with its layer or, where one layer alone has it, without.

    Raises UsageError, which lists the tables that may be meant, where there is none or more than one.
    """
    if name in TABLES:
        return TABLES[name]
    meant = SHORT_NAMES.get(name, ())
    if len(meant) == 1:
        return meant[0]
    if meant:
        names = " or ".join(table.name for table in meant)
        raise UsageError(f"More than one table is called {name}.", f"Name one with its layer: {names}.")
    near = get_close_matches(name.lower().rpartition(".")[2], SHORT_NAMES, n=3)
    likely = [table.name for short in near for table in SHORT_NAMES[short]]
    hint = f"Near it: {', '.join(likely)}." if likely else f"The tables are {', '.join(TABLES)}."
    raise UsageError(f"There is no table {name}.", f"{hint} `clickstream tables` says what each is.")
