"""Predict with a decision tree that is plain data: no Spark, no Java and no pickle, in milliseconds.

This file goes into the model store beside each tree, as the code that reads it: so it imports NumPy, and nothing of
this repository.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
"""The format of a tree's JSON, which it states. Another one is refused."""

UNKNOWN = -1.0
"""The value that stands for a number that is null or NaN."""

NONE = "__none"
"""The category of a text that is null."""

LEAF = -1
"""Stands for an input where a node tests none."""

_MOST_SHOWN = 10**16
_CENT = Decimal("0.01")

Numbers: TypeAlias = "NDArray[np.float64]"
Places: TypeAlias = "NDArray[np.int64]"


@dataclass(frozen=True)
class Text:
    """A column of text: the place of each row's value among the different ones, -1 for null."""

    places: Places
    different: Sequence[str]


Values: TypeAlias = "Numbers | Text"
"""A column as a tree reads it; a number that is null is NaN."""


@dataclass(frozen=True)
class Input:
    """A column that a tree is given.

    ``labels`` are the categories of a text, in the order of their numbers; a number has None. The number after the
    last one stands for any other text. ``required`` says that there is always a value.
    """

    name: str
    labels: tuple[str, ...] | None = None
    required: bool = False


@dataclass(frozen=True)
class Node:
    """A node: what reaches it of each class and, unless it is a leaf, where it leads.

    ``counts`` are training rows, or sessions by what the tree was taught of them; a leaf's share is its probability.
    ``tested`` is the place of the input that it tests, LEAF for none. A number goes left where it is at most
    ``at_most``; a text where the number of its category is among ``categories``. ``left`` and ``right`` are the
    places of its children.
    """

    counts: tuple[float, float]
    tested: int = LEAF
    at_most: float = 0.0
    categories: tuple[int, ...] = ()
    left: int = LEAF
    right: int = LEAF

    @property
    def probability(self) -> float:
        """The share of the second class, summed up in the order in which Spark does."""
        total = 0.0 + self.counts[0] + self.counts[1]
        return self.counts[1] / total if total else self.counts[1]


@dataclass(frozen=True)
class Predictions:
    """What a tree says of some rows: the probability of a yes, the leaf as Spark numbers it, and the path in words."""

    probability: Numbers
    leaf: Places
    path: list[str]


@dataclass(frozen=True)
class DecisionTree:
    """A binary decision tree, its nodes in depth-first order, the left child first.

    ``threshold`` is the probability from which on it predicts a yes.
    """

    model: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    threshold: float = 0.5

    @classmethod
    def from_json(cls, text: str) -> DecisionTree:
        """The tree that to_json wrote. Raises ValueError where it did not."""
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                raise ValueError(f"the tree has format {found['format']}, and this code reads {FORMAT}")
            inputs = [Input(one["name"], _labels(one), one["required"]) for one in found["inputs"]]
            places = {one.name: place for place, one in enumerate(inputs)}
            return cls(
                found["model"],
                tuple(inputs),
                tuple(_node(one, inputs, places) for one in found["nodes"]),
                float(found["threshold"]),
            )
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"this is no tree: {error!r}") from error

    def to_json(self) -> str:
        """The tree as JSON; numbers keep every bit."""
        document = {
            "format": FORMAT,
            "model": self.model,
            "threshold": self.threshold,
            "unknown_number": UNKNOWN,
            "no_text": NONE,
            "inputs": [
                {
                    "name": one.name,
                    "kind": "number" if one.labels is None else "text",
                    **({} if one.labels is None else {"labels": list(one.labels)}),
                    "required": one.required,
                }
                for one in self.inputs
            ],
            "nodes": [self._document(node) for node in self.nodes],
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def _document(self, node: Node) -> dict[str, Any]:
        counts = {"counts": list(node.counts), "probability": node.probability}
        if node.tested == LEAF:
            return counts
        tested = self.inputs[node.tested]
        goes_left = {"at_most": node.at_most} if tested.labels is None else {"categories": list(node.categories)}
        return {"tests": tested.name, **goes_left, "left": node.left, "right": node.right, **counts}

    @cached_property
    def paths(self) -> tuple[tuple[int, ...], ...]:
        """For each leaf, from left to right: the places of the inputs tested on the way, each once."""
        paths: list[tuple[int, ...]] = []
        waiting: list[tuple[int, tuple[int, ...]]] = [(0, ())]
        while waiting:
            place, tested = waiting.pop()
            node = self.nodes[place]
            if node.tested == LEAF:
                paths.append(tested)
                continue
            further = tested if node.tested in tested else (*tested, node.tested)
            waiting += [(node.right, further), (node.left, further)]
        return tuple(paths)

    @cached_property
    def tested(self) -> tuple[int, ...]:
        """The places of the inputs that any node tests."""
        return tuple(sorted({node.tested for node in self.nodes} - {LEAF}))

    def predict(self, rows: Any) -> Predictions:
        """The predictions for the rows of a pandas DataFrame, a pyarrow Table, or a mapping of names to arrays.

        A column that is not there is null where it may be. Raises KeyError where it may not.
        """
        count = _length(rows)
        columns = {place: _values(rows, self.inputs[place], count) for place in self.tested}
        ends = self._descend(columns, count)
        leaves = np.cumsum([node.tested == LEAF for node in self.nodes]) - 1
        probabilities = np.array([node.probability for node in self.nodes])
        leaf = leaves[ends].astype(np.int64)
        return Predictions(probabilities[ends], leaf, self._paths_in_words(columns, leaf))

    def _descend(self, columns: Mapping[int, Values], count: int) -> Places:
        """The place of the leaf that each row reaches."""
        width = {place: number for number, place in enumerate(self.tested)}
        matrix = np.empty((count, len(width)))
        for place, values in columns.items():
            matrix[:, width[place]] = self._encoded(self.inputs[place], values)
        tested = np.array([width.get(node.tested, LEAF) for node in self.nodes])
        at_most = np.array([node.at_most for node in self.nodes])
        is_text = np.array([bool(node.categories) for node in self.nodes])
        goes_left = np.zeros((len(self.nodes), 1 + max((c for n in self.nodes for c in n.categories), default=0)), bool)
        for number, node in enumerate(self.nodes):
            goes_left[number, list(node.categories)] = True
        children = np.array([(node.right, node.left) for node in self.nodes])
        at = np.zeros(count, np.int64)
        walking = np.arange(count) if tested[0] != LEAF else np.arange(0)
        while walking.size:
            here = at[walking]
            values = matrix[walking, tested[here]]
            left = values <= at_most[here]
            texts = np.flatnonzero(is_text[here])
            categories = values[texts].astype(np.int64)
            known = categories < goes_left.shape[1]
            left[texts] = known & goes_left[here[texts], np.where(known, categories, 0)]
            at[walking] = children[here, left.astype(np.int64)]
            walking = walking[tested[at[walking]] != LEAF]
        return at

    @staticmethod
    def _encoded(one: Input, values: Values) -> Numbers:
        """A column as the numbers that the tree compares."""
        if not isinstance(values, Text):
            return np.where(np.isnan(values), UNKNOWN, values)
        labels = {label: float(number) for number, label in enumerate(one.labels or ())}
        other = float(len(labels))
        # Null lies at the end, where its place, -1, points.
        numbers = [*(labels.get(value, other) for value in values.different), labels.get(NONE, other)]
        return np.array(numbers)[values.places]

    def _paths_in_words(self, columns: Mapping[int, Values], leaf: Places) -> list[str]:
        """What was tested on the way to each row's leaf, in order, each with the row's value."""
        phrases = {place: _phrases(self.inputs[place].name, values) for place, values in columns.items()}
        words = np.empty(len(leaf), object)
        for number in np.unique(leaf):
            rows = np.flatnonzero(leaf == number)
            tested = [phrases[place][rows] for place in self.paths[number]]
            words[rows] = [", ".join(parts) for parts in zip(*tested, strict=True)] if tested else ""
        return list(words)


class PredictingModel:
    """The tree as MLflow asks a model to be."""

    def __init__(self, tree: DecisionTree) -> None:
        self.tree = tree

    def predict(self, frame: Any, params: Mapping[str, Any] | None = None) -> Any:  # noqa: ARG002 - MLflow's interface
        """A pandas DataFrame with probability, prediction, threshold and path, in the order of the rows."""
        import pandas as pd

        found = self.tree.predict(frame)
        return pd.DataFrame(
            {
                "probability": found.probability,
                "prediction": found.probability >= self.tree.threshold,
                "threshold": self.tree.threshold,
                "path": found.path,
            },
            index=frame.index,
        )


def _load_pyfunc(path: str) -> PredictingModel:
    """The model in a file of to_json; MLflow calls it by this name."""
    return PredictingModel(DecisionTree.from_json(Path(path).read_text(encoding="utf-8")))


def _labels(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    return tuple(document["labels"]) if document["kind"] == "text" else None


def _node(document: Mapping[str, Any], inputs: Sequence[Input], places: Mapping[str, int]) -> Node:
    others, buyers = document["counts"]
    if "tests" not in document:
        return Node((others, buyers))
    tested = places[document["tests"]]
    children = {"left": document["left"], "right": document["right"]}
    if inputs[tested].labels is None:
        return Node((others, buyers), tested, at_most=document["at_most"], **children)
    return Node((others, buyers), tested, categories=tuple(document["categories"]), **children)


def _length(rows: Any) -> int:
    if hasattr(rows, "num_rows"):
        return int(rows.num_rows)
    return len(rows.index) if hasattr(rows, "index") else len(next(iter(rows.values()), ()))


def _names(rows: Any) -> Sequence[str]:
    return rows.column_names if hasattr(rows, "column_names") else list(rows)


def _values(rows: Any, one: Input, count: int) -> Values:
    """A column of the rows, whatever they are."""
    if one.name not in _names(rows):
        if one.required:
            raise KeyError(f"The rows lack {one.name}.")
        return np.full(count, np.nan) if one.labels is None else Text(np.full(count, -1), ())
    column = rows[one.name]
    if one.labels is None:
        return _numbers(column)
    if hasattr(column, "dictionary_encode"):
        encoded = column.combine_chunks() if hasattr(column, "combine_chunks") else column
        encoded = encoded if hasattr(encoded, "indices") else encoded.dictionary_encode()
        return Text(encoded.indices.fill_null(-1).to_numpy().astype(np.int64), encoded.dictionary.to_pylist())
    if hasattr(column, "factorize"):
        places, values = column.factorize()
        return Text(places.astype(np.int64), list(values))
    places_of: dict[str, int] = {}
    places = [-1 if value is None else places_of.setdefault(value, len(places_of)) for value in column]
    return Text(np.array(places, np.int64), list(places_of))


def _numbers(column: Any) -> Numbers:
    if hasattr(column, "null_count"):  # Arrow's
        column = column.cast("float64")
        return np.asarray(column.fill_null(float("nan")).to_numpy(), np.float64)
    if hasattr(column, "factorize"):  # pandas'
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.array([np.nan if value is None else value for value in column], np.float64)


def _phrases(name: str, values: Values) -> NDArray[np.object_]:
    """An input's name and its value in each row, as in "product views 3"."""
    words = name.replace("_", " ")
    if isinstance(values, Text):
        # Null lies at the end, where its place, -1, points.
        known = [*(f"{words} {value}" for value in values.different), f"no {words} yet"]
        return np.array(known, object)[values.places]
    different, at = np.unique(values, return_inverse=True)
    shown = (_shown(float(value)) for value in different)
    found = [f"no {words} yet" if value is None else f"{words} {value}" for value in shown]
    return np.array(found, object)[at]


def _shown(value: float) -> str | None:
    """A number with two digits after the point, where there are any; None for one that is too large, or none at all."""
    if not abs(value) < _MOST_SHOWN:  # NaN compares with nothing
        return None
    if value == int(value):
        return str(int(value))
    rounded = Decimal(repr(value)).quantize(_CENT, ROUND_HALF_UP)
    if abs(rounded) >= _MOST_SHOWN:
        return None
    return f"{rounded:f}".rstrip("0").rstrip(".") if rounded else "0"
