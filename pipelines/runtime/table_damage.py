"""Say which tables of the lake are damaged, by their files alone; starts no Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from lakehouse.delta_log import Damage, examine
from lakehouse.errors import TableDamageError
from lakehouse.table import Table
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.settings import Settings


def folders(root: str, *tables: Table) -> Mapping[str, Path]:
    """The tables' folders by their names; none where the lake is a URI."""
    if "://" in root:
        return {}
    return {table.name: Path(root) / table.layer / table.short_name for table in tables}


def damage_of(root: str, table: Table, *, files: bool = True) -> list[Damage]:
    """What a table lacks; nothing where the lake is a URI. Without ``files`` its data files are not looked for."""
    return [damage for folder in folders(root, table).values() for damage in examine(folder, files=files)]


def refuse_damaged(root: str, table: Table, *, files: bool = True) -> None:
    """Raises TableDamageError where a table is damaged."""
    if damage := damage_of(root, table, files=files):
        raise _error(table.name, damage)


def damaged_tables(settings: Settings, tables: Iterable[Table] = TABLES.values()) -> dict[str, TableDamageError]:
    """The tables that are damaged, by their names, each with the sentence that says so."""
    found = {table.name: damage_of(settings.lake_root, table) for table in tables}
    return {name: _error(name, damage) for name, damage in found.items() if damage}


def _error(name: str, damage: list[Damage]) -> TableDamageError:
    return TableDamageError(name, damage, loses_rows=any(one.loses_rows for one in damage))
