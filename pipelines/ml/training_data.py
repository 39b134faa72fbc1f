"""Read the rows that a training fits and evaluates on: closed sessions, split by time, in one order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DataError, UsageError
from pipelines.ml.split import PARTS, TEST, TRAIN, VALIDATION, Periods, choose_periods, with_part
from pipelines.ml.targets import PredictionTarget
from pipelines.runtime.job import Job

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class TrainingData:
    """The rows with their ``part``, and where they come from.

    ``where`` is the condition that they fulfil. ``table_path`` and ``table_version`` are those of
    gold.training_examples, ``digest`` tells these rows from others, ``spans`` is when the first and
    the last of their sessions began. ``sessions`` counts the sessions of each part. ``tuned_on`` is
    the part on which thresholds are chosen: validation, or train where all outcomes of the
    validation period are the same.
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
    tuned_on: str

    def part(self, *names: str) -> DataFrame:
        """The rows of some parts."""
        return self.rows.where(self.rows["part"].isin(*names))


@contextmanager
def training_data(job: Job, target: PredictionTarget, where: str = "true") -> Iterator[TrainingData]:
    """The closed sessions of gold.training_examples, kept in memory within.

    ``where`` is an SQL condition on its rows. Raises UsageError where it is none, DataError where
    there is too little to fit or to evaluate on.
    """
    from pyspark.sql import functions as F

    if not job.lake.exists(EXAMPLES):
        raise _no_examples()
    version = job.lake.version(EXAMPLES)
    try:
        examples = job.lake.read(EXAMPLES, version).where(where)
    except AnalysisException as error:
        raise UsageError(
            f"--where {where!r} is no condition on {EXAMPLES.name}: {str(error).splitlines()[0][:200]}",
            f"`clickstream tables {EXAMPLES.name}` lists its columns.",
        ) from error
    _check_enough(job, examples, target)
    closed = examples.where(F.col(target.label).isNotNull())
    periods = choose_periods(closed)
    inputs = [one.name for one in target.inputs if one.name not in EXAMPLES.key]
    rows = with_part(closed, periods, target.known_at).select(
        *EXAMPLES.key, *inputs, target.label, "started_at", "part"
    )
    # The same rows in the same partitions, in the same order: what is fitted depends on the seed alone.
    parts = int(job.spark.conf.get("spark.sql.shuffle.partitions") or 4)
    rows = rows.repartition(parts, *EXAMPLES.key).sortWithinPartitions(*EXAMPLES.key).persist()
    try:
        sessions, tuned_on = _check_parts(rows, periods, target)
        summary = rows.agg(
            F.hex(F.bit_xor(F.xxhash64(*rows.columns))).alias("digest"),
            *(F.date_format(one("started_at"), "yyyy-MM-dd HH:mm:ss").alias(one.__name__) for one in (F.min, F.max)),
        ).first()
        digest, *spans = summary or ("", "", "")
        yield TrainingData(
            rows, target, where, job.lake.path(EXAMPLES), version, digest, tuple(spans), periods, sessions, tuned_on
        )
    finally:
        rows.unpersist()


def _no_examples() -> DataError:
    return DataError(
        "There is no training data: gold.training_examples is empty.", "Run `clickstream aggregate` first."
    )


def _check_enough(job: Job, examples: DataFrame, target: PredictionTarget) -> None:
    from pyspark.sql import functions as F

    known = F.bool_or(F.col(target.label).isNotNull())
    sessions = examples.groupBy("user_id", "session_id").agg(known.alias("closed"))
    row = sessions.agg(F.count_if("closed").alias("closed"), F.count_if(~F.col("closed")).alias("open")).first()
    closed, still_open = (row["closed"], row["open"]) if row else (0, 0)
    if not closed and not still_open:
        raise _no_examples()
    minutes = f"{job.settings.sessions.closes_after_minutes:g} minutes"
    hint = (
        f"An outcome is known {minutes} after the last event of the session that gives it: "
        "run `clickstream aggregate` then, and train again."
    )
    if not closed:
        raise DataError(
            f"None of the {still_open:,} sessions has a known outcome yet, and a model learns from nothing else.", hint
        )
    if closed < job.settings.model.min_sessions:
        raise DataError(
            f"Only {closed:,} sessions have a known outcome, and training needs {job.settings.model.min_sessions:,}; "
            f"{still_open:,} wait for it.",
            hint if still_open else "Let more sessions come in, or lower CLICKSTREAM_MODEL__MIN_SESSIONS.",
        )


def _check_parts(rows: DataFrame, periods: Periods, target: PredictionTarget) -> tuple[dict[str, int], str]:
    """How many sessions each part has, and on which one thresholds are chosen."""
    from pyspark.sql import functions as F

    by_part = {
        row["part"]: row
        for row in rows.groupBy("part")
        .agg(
            F.count_distinct("user_id", "session_id").alias("sessions"),
            F.bool_or(target.label).alias("some_buy"),
            F.bool_and(target.label).alias("all_buy"),
        )
        .collect()
    }
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
    tuned_on = VALIDATION if tuning and tuning["some_buy"] and not tuning["all_buy"] else TRAIN
    return {part: by_part[part]["sessions"] if part in by_part else 0 for part in PARTS}, tuned_on


_PURPOSE = {TRAIN: "learn from", TEST: "evaluate a model on"}
