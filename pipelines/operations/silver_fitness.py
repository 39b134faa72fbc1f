"""Say which tables of silver the next refine would refuse, as they were made by other settings; starts no Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakehouse.engines.opened_table import relation
from lakehouse.errors import LakehouseError
from pipelines.runtime.pseudonym_version import other_pseudonyms
from pipelines.runtime.shop_version import BY, other_identities, other_settings
from producers.contract.identity import IDENTITY_VERSION
from producers.contract.pseudonyms import current_pseudonyms
from producers.shop.settings import current_shop
from silver.events import IDENTITY_PROPERTY, PSEUDONYM_PROPERTY, SHOP_ENTRIES_PROPERTY, SHOP_PROPERTY, SILVER

if TYPE_CHECKING:
    from deltalake import DeltaTable


def unfit_tables(tables: Mapping[str, DeltaTable]) -> dict[str, str]:
    """Of each table that would be refused, why and how to fix it, by its name."""
    found = {table.name: tables[table.name] for table in SILVER.values() if table.name in tables}
    return {name: why for name, table in found.items() if (why := _why(name, table))}


def _why(name: str, table: DeltaTable) -> str:
    noted = table.metadata().configuration
    shop, identity = noted.get(SHOP_PROPERTY), noted.get(IDENTITY_PROPERTY)
    try:
        if identity != str(IDENTITY_VERSION) and _has_rows(table, "event_id", "IS NOT NULL"):
            return str(other_identities(name))
        if shop != current_shop().silver_version and _has_rows(table, "" if shop else BY, "IS NULL"):
            return str(other_settings(name, shop, noted.get(SHOP_ENTRIES_PROPERTY)))
        if (keyed := noted.get(PSEUDONYM_PROPERTY, "")) != current_pseudonyms().version and _has_rows(table):
            return str(other_pseudonyms(name, keyed))
    except LakehouseError as error:  # the settings themselves are wrong: every job says so
        return str(error)
    return ""


def _has_rows(table: DeltaTable, column: str = "", is_null: str = "") -> bool:
    """Whether a table has a row, of those whose column is, or is not, null where it has that column."""
    import duckdb

    with duckdb.connect() as connection:
        rows = relation(connection, table)
        rows = rows.filter(f"{column} {is_null}") if column in rows.columns else rows
        return bool(rows.limit(1).fetchall())
