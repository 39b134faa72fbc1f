"""Refuse silver whose addresses were understood by other settings of the shop than the present ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lakehouse.errors import DataError
from lakehouse.table import Table
from producers.shop.settings import current_shop
from silver.events import SHOP_PROPERTY

if TYPE_CHECKING:
    from lakehouse.storage import Lake

_BY = "page_kind"


def require_current_shop(lake: Lake, tables: Iterable[Table]) -> None:
    """Raises DataError where a table's rows say what other settings said, or nothing as an older release made them.

    A table without rows is taken on.
    """
    version = current_shop().silver_version
    for table in tables:
        noted = lake.property(table, SHOP_PROPERTY)
        if noted == version or _BY not in table.column_names:
            continue
        rows = lake.read(table)
        if noted is None and _BY in rows.columns:
            rows = rows.where(f"{_BY} IS NULL")
        if not rows.isEmpty():
            by = "other settings of the shop (conf/shop.toml) or other lists" if noted else "an older release"
            raise DataError(
                f"The addresses and user agents in {table.name} were read by {by}.",
                "`clickstream rebuild silver` makes silver from bronze by the present settings, then "
                "`clickstream aggregate` makes gold from it.",
            )


def mark_current_shop(lake: Lake, tables: Iterable[Table]) -> None:
    """Notes that silver's addresses are read by the present settings. The caller holds the tables' locks."""
    version = current_shop().silver_version
    for table in tables:
        if _BY in table.column_names and lake.property(table, SHOP_PROPERTY) != version:
            lake.set_property(table, SHOP_PROPERTY, version)
