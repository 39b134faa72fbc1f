"""Check the files of each table: its log is whole, and each data file is there. Starts no Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lakehouse.table import Table
from pipelines.operations.verification.result import RECOVER, Check
from pipelines.runtime.settings import Settings
from pipelines.runtime.table_damage import find_damage, folders


def check_files(settings: Settings, tables: Iterable[Table]) -> Iterator[Check]:
    """Each of these tables that is there; none where the lake is a URI, whose store keeps files whole."""
    for table in tables:
        for folder in folders(settings.lake_root, table).values():
            damage = find_damage(settings, table)
            if damage or folder.exists():
                offence = str(damage[0]) if damage else ""
                yield Check(
                    f"{table.name}: log and files are whole",
                    not damage,
                    {"missing or cut short": len(damage)},
                    offence,
                    fix=RECOVER,
                )
