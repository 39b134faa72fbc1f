"""Declare the prediction targets: what a model predicts, from which columns, and when the outcome was known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from gold.shared.features import NUMBERS, TEXTS
from lakehouse.table import Column

CUTOFF = Column("cut", "INT", "The cutoff: features use the session's first events, so many.", required=True)


class TargetName(StrEnum):
    """The names of the prediction targets."""

    in_session = "in_session"
    next_session = "next_session"


@dataclass(frozen=True)
class PredictionTarget:
    """A binary outcome that a model predicts.

    ``label`` is the boolean column of the outcome. ``known_at`` is the column of the instant from
    which on the outcome was known. ``numbers`` and ``texts`` are the columns that a model is given.
    """

    name: str
    description: str
    label: str
    known_at: str
    numbers: tuple[Column, ...]
    texts: tuple[Column, ...]

    @property
    def model(self) -> str:
        """The name of the registered model that predicts it."""
        return f"purchase_{self.name}"

    @property
    def inputs(self) -> tuple[Column, ...]:
        """What a model is given, in this order."""
        return (*self.numbers, *self.texts)


TARGETS = MappingProxyType(
    {
        target.name: target
        for target in (
            PredictionTarget(
                TargetName.in_session.value,
                "Will this open session end in a purchase?",
                "bought_later",
                "bought_later_known_at",
                (CUTOFF, *NUMBERS),
                TEXTS,
            ),
            PredictionTarget(
                TargetName.next_session.value,
                "Will this user's next session bring a purchase?",
                "bought_next",
                "bought_next_known_at",
                (CUTOFF, *NUMBERS),
                TEXTS,
            ),
        )
    }
)
"""The prediction targets by name. All have the same cutoffs and the same input columns."""

IN_SESSION = TARGETS[TargetName.in_session]
"""The target that scoring predicts while a session is open."""

NEXT_SESSION = TARGETS[TargetName.next_session]
"""The target that scoring predicts once a session is closed, where its model has a champion."""
