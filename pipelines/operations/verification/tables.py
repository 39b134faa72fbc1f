"""Check every table against its own declaration: unique keys, required columns, and rules.

The rules are no CHECK constraints of Delta: these need a newer writer version on lakes that exist,
stop a whole stream for one row, and cannot say that a key is unique.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.parallel import run_in_parallel
from lakehouse.table import Table
from pipelines.operations.verification.result import REBUILD_SILVER, Check, format_key, recover_stream, tried
from pipelines.runtime.job import Job

_KEY, _REQUIRED = "the key", "a required column"


def check_tables(job: Job, tables: Sequence[Table], *, quick: bool = False) -> list[Check]:
    """Each of these tables that exists, in their order.

    ``quick`` leaves out the keys, which need a shuffle of the whole table.
    """
    checks: dict[str, list[Check]] = {}

    def check(table: Table) -> None:
        def one() -> Iterator[Check]:
            if job.lake.exists(table):
                yield check_table(table, job.lake.read(table), quick=quick)

        checks[table.name] = list(tried(f"{table.name}: required columns and rules hold", one))

    run_in_parallel(job.spark, tables, check)
    return [check for table in tables for check in checks[table.name]]


def check_table(table: Table, rows: DataFrame, *, quick: bool = False) -> Check:
    """A table's rows against its declaration: one query where all is well, and more to name what is not."""
    broken_by = broken_rows(table)
    counts = _count(table, rows, broken_by, unique_key=not quick)
    offences = []
    if counts.get(_KEY):
        repeated = rows.groupBy(*table.key).count().where(F.col("count") > 1)
        offences.append(f"the key is repeated in {_rows(counts[_KEY])}, first {_first_key(table, repeated)}")
    for name, condition in broken_by.items():
        if counts[name]:
            broken = rows.where(condition)
            what = f"{_null_columns(table, broken)} is NULL" if name == _REQUIRED else f"{name} is broken"
            offences.append(f"{what} in {_rows(counts[name])}, first {_first_key(table, broken)}")
    figures = {
        "rows": counts["rows"],
        **({} if quick else {"repeated keys": counts[_KEY]}),
        "missing values": counts[_REQUIRED],
        "broken rules": sum(counts[rule] for rule in table.rules),
    }
    name = f"{table.name}: {'' if quick else 'key, '}required columns and rules hold"
    return Check(name, not offences, figures, "; ".join(offences), fix=_fix(table))


def _fix(table: Table) -> str:
    if table.layer == "silver":
        return REBUILD_SILVER
    if table.layer == "gold" and table.build is not None:
        return recover_stream("gold")
    return f"no command writes rows of {table.name} again: look at them first"


def broken_rows(table: Table) -> Mapping[str, str]:
    """For the required columns and for each rule, the SQL condition of the rows that break it.

    A rule that is NULL is broken; NOT alone would let it pass.
    """
    missing = " OR ".join(f"`{column.name}` IS NULL" for column in table.columns if column.required)
    return {
        _REQUIRED: missing or "false",
        **{name: f"NOT coalesce(({rule}), false)" for name, rule in table.rules.items()},
    }


def _count(table: Table, rows: DataFrame, broken_by: Mapping[str, str], *, unique_key: bool) -> dict[str, int]:
    """How many rows there are, and how many break what, in one pass."""
    marks = [f"_broken_{number}" for number in range(len(broken_by))]
    broken = [F.count_if(F.expr(sql)).alias(mark) for mark, sql in zip(marks, broken_by.values(), strict=True)]
    # NULLs are equal here, as they are in the merges that write by key.
    groups = rows.groupBy(*table.key) if unique_key else rows.groupBy()
    total = (
        groups.agg(F.count("*").alias("_rows"), *broken)
        .agg(F.sum("_rows"), F.sum(F.col("_rows") - 1), *(F.sum(mark) for mark in marks))
        .first()
    )
    found = [int(number or 0) for number in total or [0] * (2 + len(marks))]
    return {
        "rows": found[0],
        **({_KEY: found[1]} if unique_key else {}),
        **dict(zip(broken_by, found[2:], strict=True)),
    }


def _null_columns(table: Table, rows: DataFrame) -> str:
    """The required columns that are NULL in any of the rows."""
    required = [column.name for column in table.columns if column.required]
    found = rows.agg(*(F.count_if(F.col(name).isNull()).alias(name) for name in required)).first()
    return ", ".join(name for name in required if found and found[name])


def _first_key(table: Table, rows: DataFrame) -> str:
    """The lowest key among the rows."""
    first = rows.agg(F.min(F.struct(*table.key)).alias("key")).first()
    return format_key(table.key, first["key"]) if first and first["key"] else ""


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
