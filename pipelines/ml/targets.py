"""What is asked of a visit: what is predicted, from which columns, and when the answer was known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from gold.shared.features import NUMBERS, TEXTS
from lakehouse.table import Column

CUT = Column("cut", "INT", "After how many events of the session it is looked at.", required=True)


class QuestionName(StrEnum):
    """What can be asked."""

    in_session = "in_session"
    next_session = "next_session"


@dataclass(frozen=True)
class Question:
    """A question with yes or no for an answer.

    ``label`` is the boolean column that has the answer, ``known_at`` the one that says since when it
    was known. ``numbers`` and ``texts`` are the columns that a model is given.
    """

    name: str
    asks: str
    label: str
    known_at: str
    numbers: tuple[Column, ...]
    texts: tuple[Column, ...]

    @property
    def model(self) -> str:
        """The name of the registered model that answers it."""
        return f"purchase_{self.name}"

    @property
    def inputs(self) -> tuple[Column, ...]:
        """What a model is given, in this order."""
        return (*self.numbers, *self.texts)


QUESTIONS = MappingProxyType(
    {
        question.name: question
        for question in (
            Question(
                QuestionName.in_session.value,
                "Will this open session end in a purchase?",
                "bought_later",
                "bought_later_known_at",
                (CUT, *NUMBERS),
                TEXTS,
            ),
            Question(
                QuestionName.next_session.value,
                "Will this visitor's next session bring a purchase?",
                "bought_next",
                "bought_next_known_at",
                (CUT, *NUMBERS),
                TEXTS,
            ),
        )
    }
)
"""The questions, by their names. Both are asked at the same cuts, of the same columns."""

IN_SESSION = QUESTIONS[QuestionName.in_session]
"""The question that scoring answers while a session is open."""
