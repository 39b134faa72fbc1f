"""Whether visits still look like those that a model learnt from: the population stability index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.table import Column

if TYPE_CHECKING:
    import pandas as pd

PROBABILITY = Column("probability", "DOUBLE", "What a model gives, 0 to 1.")
"""The score, which is watched like an input."""

CLOCK = frozenset({"hour_of_day", "day_of_week"})
"""Inputs that say when a visit is, not what it is like: a day's visits are never those of a whole week."""

BINS = 10
"""Into how many groups of about the same size a number's values are put."""

MOST_VALUES = 20
"""How many of a text's values are groups of their own."""


def profile(rows: pd.DataFrame, columns: Sequence[Column]) -> dict[str, Any]:
    """What the columns look like, as JSON has it.

    For each, ``edges`` (of a number: the upper ends of its groups, without the last) or ``values`` (of a
    text), and ``counts``: of the groups in that order, then, for texts, of all others, then of nulls.
    """
    found: dict[str, Any] = {}
    for column in columns:
        values = rows[column.name]
        if column.type == "STRING":
            frequent = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
            groups: dict[str, Any] = {"values": [*frequent.index[:MOST_VALUES]]}
        else:
            known = values.dropna().to_numpy(dtype=float)
            quantiles = np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower") if len(known) else []
            groups = {"edges": [float(edge) for edge in np.unique(quantiles)]}
        found[column.name] = {**groups, "counts": [int(count) for count in _counts(groups, values)]}
    return found


def stability(before: Mapping[str, Any], rows: pd.DataFrame) -> dict[str, float]:
    """The population stability index of each column of a profile: 0 for the same shares, above 0.25 for a great change.

    Half a row is added to each group, so that one that is empty does not make it infinite. What chance
    alone adds in the mean is taken off: (groups - 1) * (1 / rows then + 1 / rows now).
    """
    found = {}
    for name, groups in before.items():
        counts = [np.array(groups["counts"]), _counts(groups, rows[name])]
        then, now = ((one + 0.5) / (one + 0.5).sum() for one in counts)
        index = ((now - then) * np.log(now / then)).sum()
        chance = (np.count_nonzero(sum(counts)) - 1) * sum(1 / max(one.sum(), 1) for one in counts)
        found[name] = float(max(index - chance, 0.0))
    return found


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
