"""An error is a sentence with a hint; its class says whose fault it is."""

from __future__ import annotations

import pytest

from lakehouse.errors import DataError, DeclarationError, LakehouseError, OutsideError, StoppedError, UsageError


@pytest.mark.parametrize(
    ("kind", "code"), [(DataError, 1), (UsageError, 2), (DeclarationError, 2), (OutsideError, 3), (LakehouseError, 3)]
)
def test_the_class_of_an_error_gives_the_exit_code(kind, code):
    assert kind("It failed.").exit_code == code


def test_an_error_prints_its_message_and_its_hint():
    assert (
        str(DataError("There are no rows.", "Run `clickstream ingest`."))
        == "There are no rows. Run `clickstream ingest`."
    )
    assert str(DataError("There are no rows.")) == "There are no rows."


def test_a_stop_passes_whoever_catches_errors():
    assert not issubclass(StoppedError, Exception)
