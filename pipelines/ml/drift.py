"""Measure by the population stability index (PSI) how far sessions drift from a model's training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.table import Column

if TYPE_CHECKING:
    import pandas as pd

PROBABILITY = Column("probability", "DOUBLE", "The predicted probability, 0 to 1.")
"""The score, which is watched like an input."""

CLOCK = frozenset({"hour_of_day", "day_of_week"})
"""Inputs that say when a session is, not what it is like: one day's sessions never look like a whole week's."""

BINS = 10
"""The number of groups, of about the same size, of a number's values."""

MOST_VALUES = 20
"""The most values of a text that are groups of their own."""


def profile(rows: pd.DataFrame, columns: Sequence[Column]) -> dict[str, Any]:
    """The distribution of each column, as JSON can hold it.

    For each, ``edges`` (of a number: the upper ends of its groups, without the last) or ``values`` (of a
    text), and ``counts``: of the groups in that order, then, for texts, of all others, then of nulls.
    """
    distributions: dict[str, Any] = {}
    for column in columns:
        values = rows[column.name]
        if column.type == "STRING":
            frequent = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
            groups: dict[str, Any] = {"values": [*frequent.index[:MOST_VALUES]]}
        else:
            known = values.dropna().to_numpy(dtype=float)
            quantiles = np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower") if len(known) else []
            groups = {"edges": [float(edge) for edge in np.unique(quantiles)]}
        distributions[column.name] = {**groups, "counts": [int(count) for count in _counts(groups, values)]}
    return distributions


def population_stability_index(before: Mapping[str, Any], rows: pd.DataFrame) -> dict[str, float]:
    """The PSI of each column of a profile: 0 for the same shares, above 0.25 for a great change.

    Half a row is added to each group, so that an empty one does not make the PSI infinite. What
    chance alone adds in the mean is taken off: (groups - 1) * (1 / rows then + 1 / rows now).
    """
    indexes = {}
    for name, groups in before.items():
        counts = [np.array(groups["counts"]), _counts(groups, rows[name])]
        then, now = ((count + 0.5) / (count + 0.5).sum() for count in counts)
        index = ((now - then) * np.log(now / then)).sum()
        chance = (np.count_nonzero(sum(counts)) - 1) * sum(1 / max(count.sum(), 1) for count in counts)
        indexes[name] = float(max(index - chance, 0.0))
    return indexes


def _counts(groups: Mapping[str, Any], values: pd.Series) -> NDArray[np.int64]:
    if "values" in groups:
        places = {value: place for place, value in enumerate(groups["values"])}
        others = len(places)
        at = values.map(places).fillna(others).where(values.notna(), others + 1).to_numpy(dtype=int)
        return np.bincount(at, minlength=others + 2)
    edges = np.array(groups["edges"])
    numbers = values.to_numpy(dtype=float)
    place = np.searchsorted(edges, numbers, side="left")
    return np.bincount(np.where(np.isnan(numbers), len(edges) + 1, place), minlength=len(edges) + 2)
