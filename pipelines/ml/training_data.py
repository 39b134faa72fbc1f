"""Read the rows that a training fits and evaluates on: closed sessions, split by time, in one order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from gold.shared.features import CUTOFFS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import DataError
from lakehouse.storage import spark_schema
from pipelines.ml.condition import refused
from pipelines.ml.split import PARTS, TEST, TRAIN, VALIDATION, Periods, choose_periods, with_part
from pipelines.ml.targets import PredictionTarget
from pipelines.runtime.job import Job

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, Row

MOST_ROWS_IN_PROCESS = 500_000
"""Up to so many rows of the table this process reads it."""

MOST_TAUGHT_ROWS = 500_000
"""Of more training rows than so many, a tree is taught by those of some users."""

_SHARES = 10_000
_ALL_BITS = (1 << 64) - 1


@dataclass(frozen=True)
class TrainingData:
    """The rows with their ``part``, and where they come from.

    ``where`` is the condition that they fulfil. ``table_path`` and ``table_version`` are those of
    gold.training_examples, ``digest`` tells these rows from others, ``spans`` is when the first and
    the last of their sessions began. ``sessions`` counts the sessions of each part. ``can_validate`` says whether
    the validation period has both outcomes: else nothing is chosen on it.
    """

    rows: DataFrame
    target: PredictionTarget
    where: str
    table_path: str
    table_version: int
    digest: str
    spans: tuple[str, str]
    periods: Periods
    sessions: Mapping[str, int]
    can_validate: bool

    def part(self, *names: str) -> DataFrame:
        """The rows of some parts."""
        return self.rows.where(self.rows["part"].isin(*names))


def training_frame(data: TrainingData, seed: int) -> pd.DataFrame:
    """The rows of the training part in one order; of more than MOST_TAUGHT_ROWS, those of some users, by their hash."""
    from pyspark.sql import functions as F

    rows = data.part(TRAIN)
    if sum(data.sessions.values()) > MOST_TAUGHT_ROWS // len(CUTOFFS) and (count := rows.count()) > MOST_TAUGHT_ROWS:
        place = F.pmod(F.xxhash64("user_id", F.lit(seed)), F.lit(_SHARES))
        rows = rows.where(place < F.lit(MOST_TAUGHT_ROWS * _SHARES // count))
    frame: pd.DataFrame = rows.toPandas()
    return frame.sort_values([*EXAMPLES.key], ignore_index=True)


@contextmanager
def training_data(job: Job, target: PredictionTarget, where: str = "true") -> Iterator[TrainingData]:
    """The closed sessions of gold.training_examples, kept in memory within.

    ``where`` is an SQL condition on its rows. Raises UsageError where it is none, DataError where
    there is too little to fit or to evaluate on.
    """
    every, version = _read(job)
    try:
        examples = every.where(where)
    except AnalysisException as error:
        raise refused(where, EXAMPLES, str(error).strip().splitlines()[0]) from error
    periods = _choose_periods(job, examples, target)
    closed = examples.where(examples[target.label].isNotNull())
    inputs = [one.name for one in target.inputs if one.name not in EXAMPLES.key]
    rows = with_part(closed, periods, target.known_at).select(
        *EXAMPLES.key, *inputs, target.label, "started_at", "part"
    )
    # The same rows in the same partitions, in the same order: what is fitted depends on the seed alone.
    parts = int(job.spark.conf.get("spark.sql.shuffle.partitions") or 4)
    rows = rows.repartition(parts, *EXAMPLES.key).sortWithinPartitions(*EXAMPLES.key).persist()
    try:
        parts_of = _describe_parts(rows, target)
        can_validate = _check_parts(parts_of, periods)
        yield TrainingData(
            rows,
            target,
            where,
            job.lake.path(EXAMPLES),
            version,
            digest=f"{reduce(xor, (row['digest'] for row in parts_of.values())) & _ALL_BITS:X}",
            spans=(min(row["first"] for row in parts_of.values()), max(row["last"] for row in parts_of.values())),
            periods=periods,
            sessions={part: parts_of[part]["sessions"] if part in parts_of else 0 for part in PARTS},
            can_validate=can_validate,
        )
    finally:
        rows.unpersist()


def _read(job: Job) -> tuple[DataFrame, int]:
    """The rows of gold.training_examples, and their version. Raises DataError where there is no such table.

    A small table in a folder comes through this process: Spark would plan for seconds how to read it.
    """
    lake = job.local_lake
    if not LocalLake.is_local(lake.root):
        if not job.lake.exists(EXAMPLES):
            raise _no_examples()
        version = job.lake.version(EXAMPLES)
        return job.lake.read(EXAMPLES, version), version
    if not lake.exists(EXAMPLES):
        raise _no_examples()
    version = lake.version(EXAMPLES)
    if not lake.is_writable(EXAMPLES) or lake.rows(EXAMPLES) > MOST_ROWS_IN_PROCESS:
        return job.lake.read(EXAMPLES, version), version
    rows = lake.read(EXAMPLES, EXAMPLES.column_names)
    while (now := lake.version(EXAMPLES)) != version:
        version, rows = now, lake.read(EXAMPLES, EXAMPLES.column_names)
    return job.spark.createDataFrame(rows, spark_schema(EXAMPLES)), version


def _no_examples() -> DataError:
    return DataError(
        "There is no training data: gold.training_examples is empty.", "Run `clickstream aggregate` first."
    )


def _choose_periods(job: Job, examples: DataFrame, target: PredictionTarget) -> Periods:
    """Where the parts meet. Raises DataError where too few outcomes are known."""
    periods, closed, still_open = choose_periods(examples, target.label)
    if not closed and not still_open:
        raise _no_examples()
    minutes = f"{job.settings.sessions.closes_after_minutes:g} minutes"
    hint = (
        f"An outcome is known {minutes} after the last event of the session that gives it: "
        "run `clickstream aggregate` then, and train again."
    )
    if periods is None:
        raise DataError(
            f"None of the {still_open:,} sessions has a known outcome yet, and a model learns from nothing else.", hint
        )
    if closed < job.settings.model.min_sessions:
        raise DataError(
            f"Only {closed:,} sessions have a known outcome, and training needs {job.settings.model.min_sessions:,}; "
            f"{still_open:,} wait for it.",
            hint if still_open else "Let more sessions come in, or lower CLICKSTREAM_MODEL__MIN_SESSIONS.",
        )
    return periods


def _describe_parts(rows: DataFrame, target: PredictionTarget) -> dict[str, Row]:
    """What is asked of each part of the rows, in one pass."""
    from pyspark.sql import functions as F

    found = rows.groupBy("part").agg(
        F.count_distinct("user_id", "session_id").alias("sessions"),
        F.bool_or(target.label).alias("some_buy"),
        F.bool_and(target.label).alias("all_buy"),
        F.bit_xor(F.xxhash64(*rows.columns)).alias("digest"),
        F.date_format(F.min("started_at"), "yyyy-MM-dd HH:mm:ss").alias("first"),
        F.date_format(F.max("started_at"), "yyyy-MM-dd HH:mm:ss").alias("last"),
    )
    return {row["part"]: row for row in found.collect()}


def _check_parts(by_part: Mapping[str, Row], periods: Periods) -> bool:
    """Whether the validation period has both outcomes. Raises DataError where there is nothing to fit or measure."""
    first, second = periods.texts()
    spans = {TRAIN: f"the training period (before {first})", TEST: f"the test period (from {second})"}
    hint = "Let sessions of a longer time come in, run `clickstream aggregate`, and train again."
    for part, span in spans.items():
        if part not in by_part:
            raise DataError(f"No user was first seen in {span}, so there is nothing to {_PURPOSE[part]}.", hint)
        row = by_part[part]
        if row["all_buy"] or not row["some_buy"]:
            raise DataError(
                f"The outcome is {'yes' if row['all_buy'] else 'no'} for all {row['sessions']:,} sessions in {span}, "
                f"so there is nothing to {_PURPOSE[part]}.",
                hint,
            )
    tuning = by_part.get(VALIDATION)
    return bool(tuning and tuning["some_buy"] and not tuning["all_buy"])


_PURPOSE = {TRAIN: "learn from", TEST: "evaluate a model on"}
