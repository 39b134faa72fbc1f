"""An error becomes one sentence with a hint, and the exit code of whose fault it is."""

from __future__ import annotations

import pytest

from lakehouse.errors import CheckpointError, DataError, StoppedError, UsageError
from pipelines.runtime.console import describe_error, fail


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (DataError("A check failed."), 1, "error: A check failed."),
        (UsageError("That is wrong.", "Do this."), 2, "error: That is wrong. Do this."),
        (CheckpointError("It is lost."), 3, "error: It is lost. `clickstream recover`"),
        (ValueError("odd\nand long"), 3, "error: ValueError: odd. Run it again with --debug"),
        (StoppedError(), 143, "stopped"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_a_sentence_and_an_exit_code(error, code, says, capsys):
    with pytest.raises(SystemExit) as exited:
        fail(error)
    assert exited.value.code == code
    printed = capsys.readouterr()
    assert printed.err.startswith(says)
    assert printed.out == ""


def test_the_end_of_java_is_explained():
    pytest.importorskip("pyspark")
    assert "Java, which runs Spark, has ended" in describe_error(RuntimeError("Answer from Java side is empty")).message
