"""Split examples into train, validation and test by time, with whole users on one side, so that nothing leaks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

PARTS = ("train", "validation", "test")
"""The parts of the data, in order of time: to fit on, to choose the threshold on, to evaluate on."""

TRAIN, VALIDATION, TEST = PARTS

SHARES = (0.6, 0.8)
"""Which share of the sessions lies before the end of the first part, and of the second."""


@dataclass(frozen=True)
class Periods:
    """Where the parts meet: instants in microseconds since 1970, in UTC."""

    validation_from: int
    test_from: int

    def texts(self) -> tuple[str, str]:
        """Both instants in ISO 8601."""
        start = datetime(1970, 1, 1, tzinfo=UTC)
        first, second = (start + timedelta(microseconds=at) for at in (self.validation_from, self.test_from))
        return first.isoformat(), second.isoformat()


def choose_periods(examples: DataFrame, label: str) -> tuple[Periods | None, int, int]:
    """The instants by which about 60, 20 and 20 % of the sessions with a known label fall into the parts.

    A session counts at the instant at which its user was first seen, because users stay on one side. Gives None
    where no label is known; and how many sessions have one, and how many have none.
    """
    from pyspark.sql import functions as F

    is_known = F.col(label).isNotNull()
    users = examples.groupBy("user_id").agg(
        F.unix_micros(F.min(F.when(is_known, F.col("started_at")))).alias("first_seen"),
        F.count_distinct(F.when(is_known, F.col("session_id"))).alias("known"),
        F.count_distinct("session_id").alias("sessions"),
    )
    found = users.agg(
        F.percentile("first_seen", list(SHARES), F.col("known")).alias("at"),
        F.sum("known").alias("known"),
        F.sum("sessions").alias("sessions"),
    ).first()
    at, known, sessions = found or (None, 0, 0)
    periods = Periods(*map(int, at)) if at is not None else None
    return periods, known or 0, (sessions or 0) - (known or 0)


def with_part(examples: DataFrame, periods: Periods, known_at: str) -> DataFrame:
    """The rows that are used, each with the ``part`` it belongs to.

    A user belongs to the part in which they were first seen. Two kinds of their sessions are left
    out: those that began in another part's time, and those whose outcome became known in another
    part's time (``known_at`` names the column that says when). So everything that a part teaches was
    known before the next part's first session began.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    def part_at(instant: Column) -> Column:
        at = F.unix_micros(instant)
        later = F.when(at < F.lit(periods.test_from), VALIDATION).otherwise(TEST)
        return F.when(at < F.lit(periods.validation_from), TRAIN).otherwise(later)

    first_seen = F.min("started_at").over(Window.partitionBy("user_id"))
    rows = examples.withColumn("part", part_at(first_seen))
    return rows.where((F.col("part") == part_at(F.col("started_at"))) & (F.col("part") == part_at(F.col(known_at))))
