"""Add up and average amounts in whole numbers, so that a figure is the same in whatever order, on whatever engine.

A sum of doubles depends on the order in which they are added, and engines round decimals in different ways.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import WindowSpec


def millionths(amount: str) -> SparkColumn:
    """An amount, of which ``amount`` is the SQL, in whole millionths (BIGINT); null where it is null."""
    from pyspark.sql import functions as F

    return F.expr(f"CAST(floor(({amount}) * 1e6D + 0.5D) AS BIGINT)")


def money(amount: str) -> SparkColumn:
    """An amount of money in whole cents, to the nearest, as DECIMAL(20,2)."""
    from pyspark.sql import functions as F

    # By way of millionths: 1.005 is a little less as a double, and still means half a cent.
    hundredths = F.expr(f"CAST(floor((floor(({amount}) * 1e6D + 0.5D) + 5e3D) / 1e4D) AS BIGINT)")
    return hundredths.cast("DECIMAL(18,0)") * F.lit(Decimal("0.01"))


def total(amount: str, over: WindowSpec | None = None) -> SparkColumn:
    """The sum of an amount, exact to a millionth of each, as DOUBLE; null where there is none."""
    from pyspark.sql import functions as F

    summed = F.sum(millionths(amount))
    return (summed.over(over) if over is not None else summed).cast("DOUBLE") / F.lit(1e6)


def mean(amount: str, over: WindowSpec | None = None) -> SparkColumn:
    """The mean of an amount, exact to a millionth of each, as DOUBLE; null where there is none."""
    from pyspark.sql import functions as F

    summed, count = F.sum(millionths(amount)), F.count(millionths(amount))
    if over is not None:
        summed, count = summed.over(over), count.over(over)
    return summed.cast("DOUBLE") / F.nullif(count, F.lit(0)).cast("DOUBLE") / F.lit(1e6)
