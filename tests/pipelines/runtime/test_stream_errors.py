"""What ended a stream becomes one sentence with a hint."""

from __future__ import annotations

import pytest

from lakehouse.errors import DataError
from pipelines.runtime.stream_errors import explain


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "x\nPartition clicks-0's offset was changed from 7 to 3, some data may have been missed.",
            "Kafka no longer has records that s has not read: Partition clicks-0's offset was changed from 7 to 3.",
            "`clickstream ingest` names them",
        ),
        ("org.apache.kafka.UnknownTopicOrPartitionException: x", "A topic that s reads does not exist", "recover"),
        ("TimeoutException: 60000 ms", "Kafka did not answer s: TimeoutException: 60000 ms.", "broker start"),
        ("Incomplete log file in /x", "The checkpoint of s is damaged", "clickstream recover --apply"),
        ("java.lang.OutOfMemoryError: Java heap space", "Java had too little memory for s", "spark.driver_memory"),
        ("java.io.IOException: No space left on device", "The disk is full: s stopped with nothing lost", "Make room"),
        ("a.b.C\n: java.lang.IllegalStateException: odd.\n\tat x", "s stopped: IllegalStateException: odd.", "--debug"),
        ("Traceback\n  x\nValueError: bad", "s stopped: ValueError: bad.", "--debug"),
        ("nothing to see\nhere", "s stopped: nothing to see.", "--debug"),
        ("", "s stopped: RuntimeError.", "--debug"),
    ],
)
def test_a_known_error_is_explained(text, message, hint):
    error = explain("s", RuntimeError(text))
    assert message in error.message
    assert hint in error.hint


def test_an_error_of_ours_is_passed_on_though_spark_wraps_it():
    ours = DataError("A check failed.")
    wrapped = RuntimeError("a long stack trace")
    wrapped.__cause__ = ours
    assert explain("s", wrapped) is ours
