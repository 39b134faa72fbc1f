"""Turn the error that ended a stream into one sentence and its hint."""

from __future__ import annotations

import re
from typing import NamedTuple

from lakehouse import errors
from lakehouse.errors import (
    CheckpointError,
    DataError,
    LakehouseError,
    OutsideError,
    TableDamageError,
    UsageError,
)
from pipelines.runtime.hints import RECOVER


class _Known(NamedTuple):
    """A text by which an error is known, and what to say then; ``found`` is the text of the first group.

    ``by_itself`` is the hint where the stream starts again without a person.
    """

    pattern: str
    sentence: str
    hint: str
    needs_person: bool = False
    by_itself: str = ""


_KNOWN = (
    _Known(
        r"(Partition \S+'s offset was changed from \d+ to \d+|KAFKA_DATA_LOSS\S*|OffsetOutOfRange\w*|"
        r"data may have been lost)",
        "Kafka no longer has records that {stream} has not read: {found}.",
        "`clickstream ingest` names them, and how to go on without them.",
        needs_person=True,
    ),
    _Known(
        r"(UnknownTopicOrPartition\w*)",
        "A topic that {stream} reads does not exist any more ({found}).",
        RECOVER,
        needs_person=True,
    ),
    _Known(
        r"(NoSuchFileException: \S*/(?:blockmgr|spark)-\S+)",
        "Somebody has cleaned away Spark's temporary files, so {stream} cannot go on ({found}).",
        "Run it again: Spark then makes new ones. spark.local.dir in conf/spark-defaults.conf names a folder for them.",
        needs_person=True,  # Spark does not make the folder again while it runs
    ),
    _Known(
        r"((?:SaslAuthentication|SslAuthentication|(?:Topic|Group|Cluster)Authorization)Exception[^\n]{0,160})",
        "Kafka does not let {stream} in: {found}.",
        "Fix the settings of Kafka's client or the user's rights: docs/how-to/secure-kafka.md has both.",
        needs_person=True,  # some brokers lock the account of whoever tries on
    ),
    _Known(
        r"(LoginException[^\n]{0,160})",
        "{stream} got no token for Kafka: {found}.",
        "Look whether the server of sasl.oauthbearer.token.endpoint.url answers, then run the job again.",
        by_itself="It goes on by itself once the server of sasl.oauthbearer.token.endpoint.url gives one.",
    ),
    _Known(
        r"(TimeoutException[^\n]{0,160}|Failed to (?:construct|create new) Kafka\w*|DisconnectException)",
        "Kafka did not answer {stream}: {found}.",
        "Start it again with `clickstream broker start`, then run the job again.",
        by_itself="It goes on by itself once Kafka answers; `clickstream broker start` starts an embedded one.",
    ),
    _Known(
        r"(STREAMING_CHECKPOINT\w*|Incomplete log file|Malformed log file|checkpoint\S* is corrupt\w*|"
        r"Failed to read log file \S+)",
        "The checkpoint of {stream} is damaged: {found}.",
        RECOVER,
        needs_person=True,
    ),
    _Known(
        r"(DELTA_LOG_FILE_NOT_FOUND\w*|DELTA_TRUNCATED_TRANSACTION_LOG\w*|DELTA_VERSION_NOT_FOUND\w*|"
        r"VersionNotFoundException)",
        "The log of a table that {stream} reads was cleaned away before it was read ({found}).",
        RECOVER,
        needs_person=True,
    ),
    _Known(
        r"(?:File|Path|Object)\W[^\n]*?(part-[\w.-]+\.parquet)[^\n]*(?:not exist|not found)|"
        r"(FAILED_READ_FILE\S*FILE_NOT_EXIST\w*)",
        "A table that {stream} reads or writes lacks a data file ({found}).",
        RECOVER,
        needs_person=True,
    ),
    _Known(
        r"(OutOfMemoryError\S*|Out of space in CodeCache|StackOverflowError)",
        "Java had too little memory for {stream} ({found}).",
        "Raise spark.driver_memory or lower stream.bytes_per_batch and records_per_batch, and run it again.",
        by_itself="The stream starts again by itself. If it comes back, raise up.driver_memory.",
    ),
    _Known(
        r"(No space left on device)",
        "The disk is full: {stream} stopped with nothing lost ({found}).",
        "Make room and run the job again.",
        by_itself="Make room; the stream then goes on by itself.",
    ),
)


def explain(stream: str, error: BaseException, *, restarts: bool = False) -> LakehouseError:
    """The error that ended a stream, as a sentence: our own one where it caused this, else a known one of Spark.

    ``restarts`` says that the stream starts again by itself, unless the error needs a person.
    """
    if ours := _own_error(error):
        return ours
    text = str(error)
    for known in _KNOWN:
        if match := re.search(known.pattern, text):
            said = known.sentence.format(stream=stream, found=(match.group(1) or match.group(2)).strip())
            described = OutsideError(said, (known.by_itself if restarts else "") or known.hint)
            described.needs_person = known.needs_person
            return described
    # Of an error that a micro-batch raised, Java keeps the text alone.
    if raised := re.findall(rf"^{re.escape(errors.__name__)}\.(\w+): (.+)$", text, re.MULTILINE):
        return _from_text(*raised[-1])
    reason = reason_of(error)
    by_itself = "The stream starts again by itself; logs/spark.log of the state folder has the whole story."
    hint = by_itself if restarts else "Run it again; with --debug for the whole story."
    return OutsideError(f"{stream} stopped: {reason.rstrip('.')}.", hint)


def _own_error(error: BaseException) -> LakehouseError | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, LakehouseError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _from_text(kind: str, text: str) -> LakehouseError:
    """An error of ours, of the family that says whose fault it is, by its class's name and its text with the hint."""
    named: type[LakehouseError] = getattr(errors, kind)
    family = next(one for one in (DataError, UsageError, OutsideError, LakehouseError) if issubclass(named, one))
    described = family(text, RECOVER if issubclass(named, CheckpointError | TableDamageError) else "")
    described.needs_person = named.needs_person
    return described


def reason_of(error: BaseException) -> str:
    """What went wrong, by the error's text."""
    return _reason(str(error)) or type(error).__name__


def _reason(text: str) -> str:
    """The line of a stack trace that says what went wrong: Java's last one, else Python's last, else the first."""
    lines = (
        re.findall(r"^: (?:[\w.$]+\.)?(\w+(?:Error|Exception)\b.*)$", text, re.MULTILINE)
        or re.findall(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception)(?:: .*)?)$", text, re.MULTILINE)
        or text.strip().splitlines()[:1]
    )
    return lines[-1][:300] if lines else ""
