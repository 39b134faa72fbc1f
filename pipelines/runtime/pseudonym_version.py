"""Refuse silver whose user ids are plain, or keyed by another key, where the present settings want something else."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from gold.session_predictions import TABLE as SESSION_PREDICTIONS
from lakehouse.dataframes import union
from lakehouse.errors import DataError
from lakehouse.locks import WriterLock
from lakehouse.table import Table
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.hints import REBUILD_SILVER
from pipelines.runtime.table_damage import note_versions
from producers.contract.pseudonyms import current_pseudonyms
from producers.events import EVENTS
from producers.shop.settings import shop_file
from silver.events import PSEUDONYM_PROPERTY, SILVER, validate_records

if TYPE_CHECKING:
    from lakehouse.engines.local_lake import LocalLake
    from lakehouse.storage import Lake
    from pipelines.runtime.job import Job


def other_pseudonyms(name: str, noted: str) -> DataError:
    """What is said of a table that names users in another way; ``noted`` is its key's version, empty where plain."""
    wanted = current_pseudonyms().version
    if noted and wanted:
        how = "pseudonyms, made with another key than the present one"
    elif wanted:
        how = f"plain, and {shop_file()} asks for pseudonyms"
    else:
        how = f"pseudonyms, and {shop_file()} asks for plain ones"
    return DataError(f"The user ids in {name} are {how}.", REBUILD_SILVER)


def require_current_pseudonyms(lake: Lake, tables: Iterable[Table]) -> None:
    """Raises DataError where a table's rows name users in another way than the present settings want.

    A table without rows is taken on.
    """
    wanted = current_pseudonyms().version
    for table in tables:
        if not _names_users(table):
            continue
        noted = lake.property(table, PSEUDONYM_PROPERTY) or ""
        if noted != wanted and not lake.read(table).isEmpty():
            raise other_pseudonyms(table.name, noted)


def mark_current_pseudonyms(lake: Lake, tables: Iterable[Table]) -> None:
    """Notes how the tables name users: as the present settings want. The caller holds the tables' locks."""
    wanted = current_pseudonyms().version
    for table in tables:
        if _names_users(table) and (lake.property(table, PSEUDONYM_PROPERTY) or "") != wanted:
            lake.set_property(table, PSEUDONYM_PROPERTY, wanted)


def find_other_pseudonyms(lake: LocalLake) -> DataError | None:
    """What is said of the first table of silver whose rows name users in another way than the present settings want."""
    wanted = current_pseudonyms().version
    for table in SILVER.values():
        if _names_users(table) and lake.exists(table):
            noted = lake.open(table).metadata().configuration.get(PSEUDONYM_PROPERTY) or ""
            if noted != wanted and lake.rows(table):
                return other_pseudonyms(table.name, noted)
    return None


def require_known_pseudonyms(lake: LocalLake, tables: Iterable[Table]) -> None:
    """Raises DataError where a table names users by a key that is not the present one: nobody can be found in it.

    Plain ids are found, whatever the settings want.
    """
    wanted = current_pseudonyms().version
    for table in tables:
        if _names_users(table) and lake.exists(table):
            noted = lake.open(table).metadata().configuration.get(PSEUDONYM_PROPERTY) or ""
            if noted not in ("", wanted):
                raise other_pseudonyms(table.name, noted)


def rename_users(job: Job) -> None:
    """Lets the scores, which no rebuild makes again, name users as a rebuild of silver will. Safe to repeat.

    Raises OutsideError where scores are being written.
    """
    from pyspark.sql import functions as F

    lake, wanted = job.lake, current_pseudonyms().version
    scores = [table for table in GOLD.values() if "user_id" in table.column_names and not table.build]
    known = [table for table in SILVER.values() if lake.exists(table)]
    if all((lake.property(table, PSEUDONYM_PROPERTY) or "") == wanted for table in known):
        return
    # By a record's place in Kafka: whoever has lost the key of before can change it, too.
    names = union(
        lake.read(SILVER[name])
        .select(*COORDINATE_NAMES, F.col("user_id").alias("_before"))
        .join(
            validate_records(event)(lake.read(BRONZE[name]))
            .where("violations IS NULL")
            .select(*COORDINATE_NAMES, F.col("user_id").alias("_now")),
            COORDINATE_NAMES,
        )
        .select("_before", "_now")
        for name, event in EVENTS.items()
        if SILVER[name] in known
    ).distinct()
    with ExitStack() as held:
        held.callback(WriterLock(job.settings.locks, SESSION_PREDICTIONS.name, job.spark).release)
        names = names.persist()
        held.callback(names.unpersist)
        for table in scores:
            if lake.exists(table) and not lake.read(table).isEmpty():
                with lake.writing(table):
                    rows = lake.read(table)
                    renamed = rows.join(names, rows["user_id"] == names["_before"], "left")
                    named = F.coalesce("_now", "user_id")
                    lake.overwrite(table, renamed.withColumn("user_id", named).select(*rows.columns))
                note_versions(job.settings, table)


def _names_users(table: Table) -> bool:
    return table.layer == "silver" and "user_id" in table.column_names
