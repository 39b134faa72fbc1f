"""A hint names the command of this project that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.errors import (
    CheckpointError,
    ColumnTypeError,
    EndpointStartError,
    LakehouseError,
    MissingTableError,
    OutsideError,
    SparkStartError,
)
from pipelines.runtime.hints import command_hints, with_command_hint


@pytest.mark.parametrize(
    ("error", "sentence", "hint"),
    [
        (CheckpointError("The checkpoint of a.b is lost."), "a.b is lost", "`clickstream recover --apply`"),
        (MissingTableError("gold.sessions", "/lake"), "no table gold.sessions", "`clickstream tables gold.sessions`"),
        (
            ColumnTypeError("gold.users", "spend", stored="int", declared="double", path="/lake/gold/users"),
            "gold.users has spend as int, but it is declared as double",
            "Move /lake/gold/users away and run `clickstream rebuild gold`.",
        ),
        (SparkStartError("no Java", Path("spark.log")), "Spark did not start: no Java.", "`clickstream doctor`"),
        (EndpointStartError(), "SQL endpoint did not start", "logs/spark.log of the state folder"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_names_the_command_that_helps(error, sentence, hint):
    general = error.hint
    assert general
    assert "clickstream" not in general
    assert with_command_hint(error) is error
    assert sentence in error.message
    assert hint in error.hint


def test_an_error_without_a_command_keeps_its_hint():
    assert with_command_hint(OutsideError("The disk is full.", "Make room.")).hint == "Make room."


def test_errors_within_get_their_hint_and_are_raised():
    with pytest.raises(LakehouseError, match="clickstream recover"), command_hints():
        raise CheckpointError("It is lost.")
