"""Refuse silver whose addresses were understood by other settings of the shop than the present ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lakehouse.errors import DataError
from lakehouse.table import Table
from pipelines.runtime.hints import REBUILD_SILVER
from producers.shop.settings import current_shop, shop_file
from silver.events import SHOP_ENTRIES_PROPERTY, SHOP_PROPERTY

if TYPE_CHECKING:
    from lakehouse.storage import Lake

BY = "page_kind"
"""The column that an older release left empty."""


def require_current_shop(lake: Lake, tables: Iterable[Table]) -> None:
    """Raises DataError where a table's rows say what other settings said, or nothing as an older release made them.

    A table without rows is taken on.
    """
    for table in tables:
        noted = lake.property(table, SHOP_PROPERTY)
        if noted == current_shop().silver_version or BY not in table.column_names:
            continue
        rows = lake.read(table)
        if noted is None and BY in rows.columns:
            rows = rows.where(f"{BY} IS NULL")
        if not rows.isEmpty():
            raise other_settings(table.name, noted, lake.property(table, SHOP_ENTRIES_PROPERTY))


def other_identities(name: str) -> DataError:
    """The refusal of a silver table whose events were told apart in another way than now."""
    return DataError(
        f"The events of {name} were told apart by their event_id alone, as an older contract did.",
        "`clickstream rebuild silver` makes silver from bronze by the present one.",
    )


def other_settings(name: str, noted: str | None, entries: str | None) -> DataError:
    """The refusal of a silver table, by its properties: what its rows were read by, and the entries that changed."""
    by = "an older release"
    if noted:
        differ = changed_entries(entries, current_shop().silver_entries)
        by = f"other settings of the shop than those of {shop_file()}"
        if differ:
            by += f", where {' and '.join(differ)} {'is' if len(differ) == 1 else 'are'} not the same"
        else:
            by += ", but which entries differ cannot be said: they were not noted one by one then"
    return DataError(
        f"The addresses and user agents in {name} were read by {by}.",
        f"{REBUILD_SILVER} Or go back to the settings of before: CLICKSTREAM_CONF names their folder.",
    )


def changed_entries(entries: str | None, current: Mapping[str, str]) -> list[str]:
    """The entries whose noted version is not the current one; none where none were noted."""
    noted = dict(part.rpartition("=")[::2] for part in entries.split("; ")) if entries else dict(current)
    return [name for name in {**current, **noted} if noted.get(name) != current.get(name)]


def mark_current_shop(lake: Lake, tables: Iterable[Table]) -> None:
    """Notes that silver's addresses are read by the present settings. The caller holds the tables' locks."""
    shop = current_shop()
    entries = "; ".join(f"{name}={version}" for name, version in shop.silver_entries.items())
    current = {SHOP_PROPERTY: shop.silver_version, SHOP_ENTRIES_PROPERTY: entries}
    for table in tables:
        if BY in table.column_names and any(lake.property(table, name) != value for name, value in current.items()):
            lake.set_properties(table, current)
