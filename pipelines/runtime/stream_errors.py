"""Turn what a stream failed with into one sentence and its hint."""

from __future__ import annotations

import re

from lakehouse.errors import LakehouseError, OutsideError
from lakehouse.streams import RECOVER


def explain(stream: str, error: BaseException) -> LakehouseError:
    """A sentence for what a stream died of."""
    ours = error
    while ours is not None:
        if isinstance(ours, LakehouseError):
            return ours
        ours = ours.__cause__ or ours.__context__  # type: ignore[assignment]
    text = str(error)
    for pattern, sentence, cure in (
        (
            (
                r"(Partition \S+'s offset was changed from \d+ to \d+|KAFKA_DATA_LOSS\S*|OffsetOutOfRange\w*|"
                r"data may have been lost)"
            ),
            "Kafka no longer has records that {stream} has not read: {found}.",
            RECOVER,
        ),
        (
            r"(UnknownTopicOrPartition\w*)",
            "A topic that {stream} reads does not exist any more ({found}).",
            RECOVER,
        ),
        (
            r"(TimeoutException[^\n]{0,160}|Failed to (?:construct|create new) Kafka\w*|DisconnectException)",
            "Kafka did not answer {stream}: {found}.",
            "Start it again with `clickstream broker start`, then run the job again.",
        ),
        (
            (
                r"(STREAMING_CHECKPOINT\w*|Incomplete log file|Malformed log file|checkpoint\S* is corrupt\w*|"
                r"Failed to read log file \S+)"
            ),
            "The checkpoint of {stream} is damaged: {found}.",
            RECOVER,
        ),
        (
            r"(OutOfMemoryError\S*|Out of space in CodeCache|StackOverflowError)",
            "Java had too little memory for {stream} ({found}).",
            "Raise spark.driver_memory or lower stream.bytes_per_batch and records_per_batch, and run it again.",
        ),
        (
            r"(No space left on device)",
            "The disk is full: {stream} stopped with nothing lost ({found}).",
            "Make room and run the job again.",
        ),
    ):
        if match := re.search(pattern, text):
            return OutsideError(sentence.format(stream=stream, found=match.group(1).strip()), cure)
    # Behind the wall of a Python function's stack trace, its last line says what went wrong, or Java's first one.
    last = re.findall(r"^: (?:[\w.$]+\.)?(\w+(?:Error|Exception)\b.*)$", text, re.MULTILINE) or re.findall(
        r"^(?:[\w.]+\.)?(\w+(?:Error|Exception)(?:: .*)?)$", text, re.MULTILINE
    )
    first = last[-1][:300] if last else (text.strip().splitlines() or [type(error).__name__])[0][:300]
    return OutsideError(f"{stream} stopped: {first.rstrip('.')}.", "Run it again; with --debug for the whole story.")
