"""What a training learns from and is judged by: closed sessions, split by time, in one order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import DataError, UsageError
from pipelines.evaluation import PARTS, Periods, choose_periods, with_part
from pipelines.purchase_model import INPUTS, LABEL
from pipelines.session import Job

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TRAIN, VALIDATION, TEST = PARTS


@dataclass(frozen=True)
class TrainingData:
    """The rows with their ``part``, and where they come from.

    ``sessions`` are those of each part; ``tuned_on`` is the part on which thresholds are chosen:
    validation, or train where nobody bought (or everybody did) in the validation period.
    """

    rows: DataFrame
    version: int
    periods: Periods
    sessions: Mapping[str, int]
    tuned_on: str

    def part(self, *names: str) -> DataFrame:
        """The rows of some parts."""
        return self.rows.where(self.rows["part"].isin(*names))


@contextmanager
def training_data(job: Job, where: str = "true") -> Iterator[TrainingData]:
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
    _check_enough(job, examples)
    closed = examples.where(F.col(LABEL).isNotNull())
    periods = choose_periods(closed)
    rows = with_part(closed, periods).select(*EXAMPLES.key, *(one.name for one in INPUTS[1:]), LABEL, "part")
    # The same rows in the same partitions, in the same order: what is fitted depends on the seed alone.
    parts = int(job.spark.conf.get("spark.sql.shuffle.partitions") or 4)
    rows = rows.repartition(parts, *EXAMPLES.key).sortWithinPartitions(*EXAMPLES.key).persist()
    try:
        sessions, tuned_on = _check_parts(rows, periods)
        yield TrainingData(rows, version, periods, sessions, tuned_on)
    finally:
        rows.unpersist()


def _none() -> DataError:
    return DataError(
        "There is no training data: gold.training_examples is empty.", "Run `clickstream aggregate` first."
    )


def _check_enough(job: Job, examples: DataFrame) -> None:
    from pyspark.sql import functions as F

    sessions = examples.groupBy("user_id", "session_id").agg(F.bool_or(F.col(LABEL).isNotNull()).alias("closed"))
    row = sessions.agg(F.count_if("closed").alias("closed"), F.count_if(~F.col("closed")).alias("open")).first()
    closed, still_open = (row["closed"], row["open"]) if row else (0, 0)
    if not closed and not still_open:
        raise _none()
    minutes = f"{job.settings.sessions.closes_after_minutes:g} minutes"
    cure = f"A session closes {minutes} after its last event: run `clickstream aggregate` then, and train again."
    if not closed:
        raise DataError(f"All {still_open:,} sessions are still open, and only closed ones teach anything.", cure)
    if closed < job.settings.model.min_sessions:
        raise DataError(
            f"Only {closed:,} sessions are closed, and training needs {job.settings.model.min_sessions:,}; "
            f"{still_open:,} are still open.",
            cure if still_open else "Let more visits come in, or lower CLICKSTREAM_MODEL__MIN_SESSIONS.",
        )


def _check_parts(rows: DataFrame, periods: Periods) -> tuple[dict[str, int], str]:
    """How many sessions each part has, and on which one thresholds are chosen."""
    from pyspark.sql import functions as F

    found = {
        row["part"]: row
        for row in rows.groupBy("part")
        .agg(
            F.count_distinct("user_id", "session_id").alias("sessions"),
            F.bool_or(LABEL).alias("some_buy"),
            F.bool_and(LABEL).alias("all_buy"),
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
            which = "All" if row["all_buy"] else "None"
            raise DataError(
                f"{which} of the {row['sessions']:,} sessions in {span} ended in a purchase, "
                f"so there is nothing to {_PURPOSE[part]}.",
                cure,
            )
    tuning = found.get(VALIDATION)
    tuned_on = VALIDATION if tuning and tuning["some_buy"] and not tuning["all_buy"] else TRAIN
    return {part: found[part]["sessions"] if part in found else 0 for part in PARTS}, tuned_on


_PURPOSE = {TRAIN: "learn from", TEST: "judge a model by"}
