"""Spark is started by one file of settings, and an end of its Java is told from other errors."""

from __future__ import annotations

import pytest
from py4j.protocol import ERROR, Py4JError, Py4JNetworkError, get_return_value

from lakehouse.session import java_is_gone, read_defaults
from pipelines.runtime.settings import CONF


def test_settings_are_read_as_spark_submit_reads_them(tmp_path):
    file = tmp_path / "spark-defaults.conf"
    file.write_text("# a comment\n\nspark.a  1\nspark.b two words \n")
    assert read_defaults(file) == {"spark.a": "1", "spark.b": "two words"}
    assert "spark.jars.packages" in read_defaults(CONF / "spark-defaults.conf")


def answered(answer):
    """What Py4J raises at an answer to a call of o1.close."""
    with pytest.raises(Py4JError) as raised:
        get_return_value(answer, None, "o1", "close")
    return raised.value


@pytest.mark.parametrize(
    ("error", "is_gone"),
    [
        (Py4JNetworkError("x"), True),
        # Where its connection breaks amid a call, Py4J makes up an answer: an error without a text.
        (answered(ERROR), True),
        (answered(f"{ERROR}sMethod close([]) does not exist"), False),
        (RuntimeError("Answer from Java side is empty"), True),
        (ConnectionRefusedError("of another library"), False),
        (ValueError("x"), False),
        (None, False),
    ],
)
def test_the_end_of_java_is_told_from_other_errors(error, is_gone):
    assert java_is_gone(error) == is_gone
    wrapped = RuntimeError("around it")
    wrapped.__cause__ = error
    assert java_is_gone(wrapped) == is_gone
