"""Rebuild silver or gold from the layer below; readers see a table's old rows until the new ones are complete."""

from __future__ import annotations

import enum
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bronze.raw_events import BRONZE, COORDINATE_NAMES
from lakehouse.checkpoints import bind_checkpoint
from lakehouse.dataframes import union
from lakehouse.errors import UsageError
from lakehouse.locks import WriterLock
from lakehouse.table import Table
from pipelines import aggregate, gold_builder, refine
from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.erased_records import ERASED, drop_erased_again
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.options import AsJson
from pipelines.runtime.past_retention import SENTENCE, gone_from
from pipelines.runtime.pseudonym_version import mark_current_pseudonyms, rename_users
from pipelines.runtime.settings import Settings
from pipelines.runtime.shop_version import mark_current_shop
from pipelines.silver_writer import mark_current_identities
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE


class Layer(enum.StrEnum):
    """What can be rebuilt."""

    silver = "silver"
    gold = "gold"


def rebuild(
    layer: Annotated[Layer, typer.Argument(help="silver, from bronze; or gold, from silver.")], as_json: AsJson = False
) -> None:
    """Rebuild a layer's tables from the layer below, to the same rows."""
    hashes = run_rebuild(open_job("rebuild"), layer)
    if as_json:
        print_json(hashes)
        return
    for name, (rows, hashed) in hashes.items():
        out.print(f"{name}: {rows:,} rows, hash {hashed}")
    if layer is Layer.silver:
        out.print("`clickstream aggregate` brings gold up to it.")


def run_rebuild(job: Job, layer: Layer) -> dict[str, tuple[int, str]]:
    """Rebuilds a layer's tables, and gives each one's number of rows and hash.

    It is idempotent: each table is replaced in one commit, so readers never see half of it, and an
    interrupted rebuild is completed by the next. The layer's streams must not run meanwhile.

    Raises OutsideError where one of them does, UsageError where a rebuild of silver would lose events.
    """
    if layer is Layer.silver:
        refuse_after_retention(job.settings)
    streams = refine.streams(job) if layer is Layer.silver else aggregate.streams(job)
    with ExitStack() as held:
        for stream in streams:
            held.callback(WriterLock(job.settings.locks, stream.name, job.spark).release)
        if layer is Layer.silver:
            held.callback(WriterLock(job.settings.locks, gold_builder.STREAM, job.spark).release)
            tables = _silver(job)
            # Every row of silver was just rewritten. Gold does not follow that change feed but is rebuilt as well.
            remove_checkpoint(gold_builder.gold_checkpoint(job.settings))
        else:
            tables = _gold(job)
        for stream in streams:
            # A stream whose checkpoint is still there goes on with the rebuilt table.
            bind_checkpoint(stream)
    return {table.name: content_hash(job.lake.read(table)) for table in tables}


def refuse_after_retention(settings: Settings) -> None:
    """Raises UsageError where records have left bronze by their age: silver alone has their events."""
    gone = {table.name: sum(one.records for one in gone_from(settings, table).values()) for table in BRONZE.values()}
    if any(gone.values()):
        counts = ", ".join(f"{count:,} of {name}" for name, count in gone.items() if count)
        raise UsageError(
            f"Silver cannot be rebuilt: of its records, {counts} are past retention, and a rebuild would lose them.",
            "Leave silver as it is, and set conf/shop.toml back where a change of it asks for the rebuild; damaged "
            "tables come from a backup. `clickstream rebuild gold` works as ever.",
        )


def remove_checkpoint(checkpoint: Path) -> None:
    """Removes a checkpoint as a whole or not at all: half of one, which a kill would leave, stops its stream."""
    aside = checkpoint.parent.with_name(f".removed-{checkpoint.name}")
    shutil.rmtree(aside, ignore_errors=True)
    if checkpoint.exists():
        checkpoint.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def content_hash(rows: DataFrame) -> tuple[int, str]:
    """The number of rows, and a hash of what they hold, whatever their order."""
    each = F.xxhash64(*(rows[name] for name in sorted(rows.columns)))
    # A sum, not an exclusive or: two equal rows more must not cancel out.
    row = rows.agg(F.count("*"), F.sum(each.cast("DECIMAL(38,0)"))).first()
    count, total = (row[0], int(row[1] or 0)) if row else (0, 0)
    return count, f"{total % (1 << 64):016x}"


def _silver(job: Job) -> list[Table]:
    lake = job.lake
    drop_erased_again(job)
    rename_users(job)
    records = {name: lake.read(table) for name, table in BRONZE.items()}
    tables = [*SILVER.values(), DUPLICATES]
    for table in tables:
        with lake.writing(table):
            frames: dict[str, DataFrame] = (
                {"records": records[table.short_name]} if table is not DUPLICATES else records
            )
            lake.overwrite(table, table.make(frames))
    for table in SILVER.values():
        with lake.writing(table):
            mark_current_identities(lake, [table])
            mark_current_shop(lake, [table])
            mark_current_pseudonyms(lake, [table])
    with lake.writing(QUARANTINE):
        lake.overwrite(QUARANTINE, _quarantine(QUARANTINE.make(records), lake.read(QUARANTINE)))
    return [*tables, QUARANTINE]


def _quarantine(bad: DataFrame, before: DataFrame) -> DataFrame:
    """The bad records with what people decided about them, and the history of those replayed since."""
    names = ("status", "discard_reason", "first_judged_at", "rules", "sentences")
    decided = before.select(*COORDINATE_NAMES, *(F.col(name).alias(f"_{name}") for name in names))
    now = F.current_timestamp()
    lost_its_bytes = F.expr(f"_status = 'discarded' AND array_contains(_sentences, '{SENTENCE}')")
    still = bad.join(decided, COORDINATE_NAMES, "left").withColumns(
        {
            "status": F.when(F.col("_status") == "discarded", "discarded").otherwise("open"),
            "discard_reason": F.col("_discard_reason"),
            # Without its bytes, nothing else says why the record of an erased person is here.
            **{
                name: F.when(F.col("_discard_reason") == ERASED, F.col(f"_{name}"))
                .when(lost_its_bytes, F.col(f"_{name}"))
                .otherwise(F.col(name))
                for name in ("rules", "sentences")
            },
            "value": F.when(lost_its_bytes, F.lit(None)).otherwise(F.col("value")),
            "first_judged_at": F.coalesce("_first_judged_at", now),
            "last_judged_at": now,
        }
    )
    replayed = before.join(bad, COORDINATE_NAMES, "left_anti").withColumns(
        {"status": F.lit("replayed"), "discard_reason": F.lit(None).cast("STRING"), "last_judged_at": now}
    )
    columns = list(QUARANTINE.column_names)
    return union([still.select(columns), replayed.select(columns)])


def _gold(job: Job) -> list[Table]:
    gold_builder.build_all(job)
    return gold_builder.incremental_tables()


if __name__ == "__main__":
    call(rebuild)
