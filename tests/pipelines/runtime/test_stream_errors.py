"""What ended a stream becomes one sentence with a hint."""

from __future__ import annotations

import traceback

import pytest

from lakehouse.errors import CheckpointError, DataError, OutsideError, TableDamageError, UsageError
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
        (
            "x.SaslAuthenticationException: bad\nx",
            "does not let s in: SaslAuthenticationException: bad.",
            "secure-kafka",
        ),
        (
            "KafkaException: Failed to create new KafkaAdminClient\nx.LoginException: 401",
            "s got no token",
            "token.endpoint",
        ),
        ("TimeoutException: 60000 ms", "Kafka did not answer s: TimeoutException: 60000 ms.", "broker start"),
        (
            "x: java.nio.file.NoSuchFileException: /tmp/blockmgr-dd85-4754/0d\nx",
            "Spark's temporary files, so s cannot go on (NoSuchFileException: /tmp/blockmgr-dd85-4754/0d).",
            "spark.local.dir",
        ),
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


@pytest.mark.parametrize(
    "text", ["TimeoutException: 60000 ms", "No space left on device", "OutOfMemoryError", "nothing to see"]
)
def test_a_stream_that_restarts_asks_nobody_to_run_it(text):
    hint = explain("s", RuntimeError(text), restarts=True).hint
    assert "by itself" in hint
    assert "run" not in hint.lower().split()


def test_a_stream_that_needs_a_person_says_what_to_do():
    assert "clickstream recover" in explain("s", RuntimeError("Incomplete log file in /x"), restarts=True).hint


def test_an_error_of_ours_is_passed_on_though_spark_wraps_it():
    ours = DataError("A check failed.")
    wrapped = RuntimeError("a long stack trace")
    wrapped.__cause__ = ours
    assert explain("s", wrapped) is ours


@pytest.mark.parametrize(
    ("ours", "hint"),
    [
        (DataError("A check failed.", "Look at it."), "Look at it."),
        (UsageError("A setting is wrong.", "Mend it."), "Mend it."),
        (OutsideError("Kafka did not answer: it broke.", "Look at it."), "Look at it."),
        (TableDamageError("silver.clicks", ["a file is missing"]), "clickstream recover --apply"),
        (CheckpointError("The checkpoint is another one's."), "clickstream recover --apply"),
    ],
)
def test_an_error_of_ours_is_known_by_the_text_that_java_kept(ours, hint):
    # What a micro-batch raises passes through Java, which has no place for the object.
    text = "".join(traceback.format_exception(ours))
    found = explain(
        "s", RuntimeError(f"py4j.Py4JException: An exception was raised by the Python Proxy.\n{text}\n\tat x")
    )
    assert str(found).startswith(ours.message)
    assert hint in str(found)
    assert found.exit_code == ours.exit_code
    assert isinstance(ours, type(found))


def test_a_full_disk_is_said_to_be_one_whoever_met_it():
    ours = OutsideError("silver.clicks cannot be written: No space left on device.", "Look whether the disk is full.")
    text = "".join(traceback.format_exception(ours))
    assert "The disk is full: s stopped with nothing lost" in explain("s", RuntimeError(text)).message
