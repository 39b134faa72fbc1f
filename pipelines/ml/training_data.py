"""What a training learns from and is judged by: closed sessions, split by time, in one order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DataError, UsageError
from pipelines.ml.evaluation import PARTS, Periods, choose_periods, with_part
from pipelines.ml.targets import Question
from pipelines.runtime.job import Job

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TRAIN, VALIDATION, TEST = PARTS


@dataclass(frozen=True)
class TrainingData:
    """The rows with their ``part``, and where they come from.

    ``version`` is that of the table, ``digest`` tells these rows from others, ``spans`` is when the
    first and the last of their sessions began. ``sessions`` are those of each part; ``tuned_on`` is
    the part on which thresholds are chosen: validation, or train where all answers of the validation
    period are the same.
    """

    rows: DataFrame
    question: Question
    version: int
    digest: str
    spans: tuple[str, str]
    periods: Periods
    sessions: Mapping[str, int]
    tuned_on: str

    def part(self, *names: str) -> DataFrame:
        """The rows of some parts."""
        return self.rows.where(self.rows["part"].isin(*names))


@contextmanager
def training_data(job: Job, question: Question, where: str = "true") -> Iterator[TrainingData]:
    """The closed sessions of gold.training_examples, kept in memory meanwhile.

    ``where`` is an SQL condition on its rows. Raises UsageError where it is none, DataError where
    there is too little to learn from, or to judge by.
    """
    from pyspark.sql import functions as F

    if not job.lake.exists(EXAMPLES):
        raise _none()
    version = job.lake.version(EXAMPLES)
    try:
        examples = job.lake.read(EXAMPLES, version).where(where)
    except AnalysisException as error:
        raise UsageError(
            f"--where {where!r} is no condition on {EXAMPLES.name}: {str(error).splitlines()[0][:200]}",
            f"`clickstream tables {EXAMPLES.name}` lists its columns.",
        ) from error
    _check_enough(job, examples, question)
    closed = examples.where(F.col(question.label).isNotNull())
    periods = choose_periods(closed)
    inputs = [one.name for one in question.inputs if one.name not in EXAMPLES.key]
    rows = with_part(closed, periods, question.known_at).select(
        *EXAMPLES.key, *inputs, question.label, "started_at", "part"
    )
    # The same rows in the same partitions, in the same order: what is fitted depends on the seed alone.
    parts = int(job.spark.conf.get("spark.sql.shuffle.partitions") or 4)
    rows = rows.repartition(parts, *EXAMPLES.key).sortWithinPartitions(*EXAMPLES.key).persist()
    try:
        sessions, tuned_on = _check_parts(rows, periods, question)
        found = rows.agg(
            F.hex(F.bit_xor(F.xxhash64(*rows.columns))).alias("digest"),
            *(F.date_format(one("started_at"), "yyyy-MM-dd HH:mm:ss").alias(one.__name__) for one in (F.min, F.max)),
        ).first()
        digest, *spans = found or ("", "", "")
        yield TrainingData(rows, question, version, digest, tuple(spans), periods, sessions, tuned_on)
    finally:
        rows.unpersist()


def _none() -> DataError:
    return DataError(
        "There is no training data: gold.training_examples is empty.", "Run `clickstream aggregate` first."
    )


def _check_enough(job: Job, examples: DataFrame, question: Question) -> None:
    from pyspark.sql import functions as F

    answered = F.bool_or(F.col(question.label).isNotNull())
    sessions = examples.groupBy("user_id", "session_id").agg(answered.alias("closed"))
    row = sessions.agg(F.count_if("closed").alias("closed"), F.count_if(~F.col("closed")).alias("open")).first()
    closed, still_open = (row["closed"], row["open"]) if row else (0, 0)
    if not closed and not still_open:
        raise _none()
    minutes = f"{job.settings.sessions.closes_after_minutes:g} minutes"
    cure = (
        f"An answer is known {minutes} after the last event of the session that gives it: "
        "run `clickstream aggregate` then, and train again."
    )
    if not closed:
        raise DataError(f"None of the {still_open:,} sessions has its answer yet, and only those teach anything.", cure)
    if closed < job.settings.model.min_sessions:
        raise DataError(
            f"Only {closed:,} sessions have their answer, and training needs {job.settings.model.min_sessions:,}; "
            f"{still_open:,} wait for it.",
            cure if still_open else "Let more visits come in, or lower CLICKSTREAM_MODEL__MIN_SESSIONS.",
        )


def _check_parts(rows: DataFrame, periods: Periods, question: Question) -> tuple[dict[str, int], str]:
    """How many sessions each part has, and on which one thresholds are chosen."""
    from pyspark.sql import functions as F

    found = {
        row["part"]: row
        for row in rows.groupBy("part")
        .agg(
            F.count_distinct("user_id", "session_id").alias("sessions"),
            F.bool_or(question.label).alias("some_buy"),
            F.bool_and(question.label).alias("all_buy"),
        )
        .collect()
    }
    first, second = periods.texts()
    spans = {TRAIN: f"the training period (before {first})", TEST: f"the test period (from {second})"}
    cure = "Let visits of a longer time come in, run `clickstream aggregate`, and train again."
    for part, span in spans.items():
        if part not in found:
            raise DataError(f"No user was first seen in {span}, so there is nothing to {_PURPOSE[part]}.", cure)
        row = found[part]
        if row["all_buy"] or not row["some_buy"]:
            raise DataError(
                f"The answer is {'yes' if row['all_buy'] else 'no'} for all {row['sessions']:,} sessions in {span}, "
                f"so there is nothing to {_PURPOSE[part]}.",
                cure,
            )
    tuning = found.get(VALIDATION)
    tuned_on = VALIDATION if tuning and tuning["some_buy"] and not tuning["all_buy"] else TRAIN
    return {part: found[part]["sessions"] if part in found else 0 for part in PARTS}, tuned_on


_PURPOSE = {TRAIN: "learn from", TEST: "judge a model by"}
