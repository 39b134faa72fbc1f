"""Say which tables of the lake are damaged, by their files alone; starts no Spark."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lakehouse.atomic_files import write_json
from lakehouse.delta_log import Damage, examine, newest_version
from lakehouse.engines.opened_table import is_table
from lakehouse.errors import OutsideError, TableDamageError
from lakehouse.object_store import is_s3
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


def find_damage(settings: Settings, table: Table) -> list[Damage]:
    """As ``damage_of``; also commits that are gone since ``writing_noted``, which the table itself does not tell."""
    return damage_of(settings.lake_root, table) or _lost_commits(settings, table)


def _lost_commits(settings: Settings, table: Table) -> list[Damage]:
    noted = _noted_version(settings, table)
    for folder in folders(settings.lake_root, table).values():
        if (newest := newest_version(folder)) < noted:
            ends = f"ends with version {newest}" if newest >= 0 else "is gone"
            problem = f"{ends}, and version {noted} was written: commits are lost, or an older copy was put back"
            return [Damage("_delta_log", problem)]
    return []


@contextmanager
def writing_noted(settings: Settings, *tables: Table) -> Iterator[None]:
    """Within, a job writes tables that no stream writes, and so no checkpoint knows the version of.

    The state folder does: a table that is older at the next start lost commits, or an older copy was put back.

    Raises TableDamageError where one is damaged already, before anything is written.
    """
    for error in damaged_tables(settings, tables).values():
        raise error
    try:
        yield
    finally:
        note_versions(settings, *tables)


def note_versions(settings: Settings, *tables: Table) -> None:
    """Notes in the state folder at which version these tables are."""
    for table in tables:
        for folder in folders(settings.lake_root, table).values():
            noted = _noted_version(settings, table)
            if (newest := newest_version(folder, noted)) != noted:
                write_json(_note(settings, table), newest)


def _noted_version(settings: Settings, table: Table) -> int:
    try:
        return int(json.loads(_note(settings, table).read_text()))
    except (OSError, ValueError, TypeError):
        return -1


def _note(settings: Settings, table: Table) -> Path:
    return settings.state_root / "versions" / f"{table.name}.json"


def has_tables(root: str) -> bool:
    """Whether a lake has any table; of an address that is none of S3 it says yes, as only Spark can tell."""
    if is_s3(root):
        return any(is_table(f"{root}/{table.layer}/{table.short_name}") for table in TABLES.values())
    return "://" in root or any(Path(root).glob("*/*/_delta_log/*"))


def lost_lake(settings: Settings) -> OutsideError | None:
    """What to say where no table is left of a lake that streams have written; None where one is, or none was written.

    A disk that is not mounted leaves an empty folder, and a job that made its tables there would begin a second lake.
    """
    root = settings.lake_root
    if has_tables(root):
        return None
    if not any(settings.checkpoints.glob("*/*/offsets/[0-9]*")):
        return None
    return OutsideError(
        f"No table is in the lake {root}, and the streams of {settings.state_root} have written some: its disk may not "
        "be mounted, or the setting `lake` names another folder.",
        "Mount it, or set CLICKSTREAM_LAKE. If the lake is lost, `clickstream recover --apply` makes it again from "
        "what Kafka still has.",
    )


def refuse_lost_lake(settings: Settings) -> None:
    """Raises OutsideError where no table is left of a lake that streams have written."""
    if lost := lost_lake(settings):
        raise lost


def refuse_damaged(root: str, table: Table, *, files: bool = True) -> None:
    """Raises TableDamageError where a table is damaged."""
    if damage := damage_of(root, table, files=files):
        raise _error(table.name, damage)


def damaged_tables(settings: Settings, tables: Iterable[Table] = TABLES.values()) -> dict[str, TableDamageError]:
    """The tables that are damaged, by their names, each with the sentence that says so."""
    found = {table.name: find_damage(settings, table) for table in tables}
    return {name: _error(name, damage) for name, damage in found.items() if damage}


def _error(name: str, damage: list[Damage]) -> TableDamageError:
    return TableDamageError(name, damage, loses_rows=any(one.loses_rows for one in damage))
