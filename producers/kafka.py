"""Talk to Kafka, in this one module: send records, create topics, read offsets and the broker's clock."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from lakehouse.errors import OutsideError, UsageError

WAIT_SECONDS = 30.0
"""How long a broker may take to answer before it counts as unreachable."""

FLUSH_SECONDS = 20.0
"""How long the end of a run waits for the last acknowledgements; a record without one then counts as failed."""

CLOCK_TOPIC = "clickstream_clock"
"""A topic of one partition that ``broker_time`` writes to; its records live an hour."""

_TOPIC = {"message.timestamp.type": "LogAppendTime"}
_CLOCK = {"message.timestamp.type": "LogAppendTime", "retention.ms": "3600000", "segment.ms": "3600000"}
_OUTPUT = {"message.timestamp.type": "LogAppendTime", "retention.ms": "604800000"}
_SENDER = {
    "linger.ms": "50",
    "batch.size": "1000000",
    "batch.num.messages": "100000",
    "queue.buffering.max.messages": "500000",
    "queue.buffering.max.kbytes": "262144",
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # the same partition as a Java producer would choose
    "delivery.timeout.ms": "120000",
}
_PROMISES = {"enable.idempotence": "true", "acks": "all", "delivery.report.only.error": True}
_POLL_EVERY = 1_023
_NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)

_GIVE_UP = (KafkaError._MSG_TIMED_OUT, KafkaError._FATAL)  # noqa: SLF001  that is how the library spells its codes
_SILENCE = (
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.BROKER_NOT_AVAILABLE,
)

_LOCKED_OUT = (KafkaError._AUTHENTICATION, KafkaError._SSL)  # noqa: SLF001

_PLACES = (
    "in the part [kafka] of conf/, in CLICKSTREAM_KAFKA__CLIENT, or in the file that CLICKSTREAM_KAFKA__CLIENT_FILE "
    "names."
)
_WRONG_USER = f"Fix sasl.username, sasl.password and sasl.mechanisms: {_PLACES}"
_NO_TOKEN = (
    "Fix sasl.oauthbearer.client.id, .client.secret, .scope and .token.endpoint.url, and https.ca.location for the "
    f"authority that signed the token server's certificate: {_PLACES}"
)
_WRONG_CERTIFICATE = (
    "Let ssl.ca.location name the certificate of the authority that signed the broker's, and let the bootstrap servers "
    "have the names that are in it."
)
_ODD_ANSWER = (
    "Let kafka.bootstrap_servers name a Kafka broker, and security.protocol of kafka.client be the one of that port. "
    "Where its answer is right and only large, raise receive.message.max.bytes in kafka.client."
)
_SILENT = "Look whether it runs with `clickstream broker status`, or fix the part [kafka] of the settings."
_DOCTOR = "`clickstream doctor` looks at the broker and its topics."


@dataclass(frozen=True)
class Failure:
    """A record that Kafka did not acknowledge, by its topic and key, and why."""

    topic: str
    key: str | None
    reason: str


@dataclass(frozen=True)
class Delivery:
    """The result of sending: how many records each topic acknowledged, and every record that failed."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many records were acknowledged."""
        return sum(self.acknowledged.values())

    def failures(self) -> dict[str, int]:
        """How many records of each topic failed; topics without any are there with 0."""
        counts = dict.fromkeys(self.acknowledged, 0)
        for failure in self.failed:
            counts[failure.topic] = counts.get(failure.topic, 0) + 1
        return counts


class TopicInfo(NamedTuple):
    """A topic's id, which is new when the topic is deleted and created again, and its partitions."""

    topic_id: str
    partitions: int


@dataclass(frozen=True)
class TopicFlaw:
    """A setting of a topic that misdates or loses records: its kind, a sentence, and the command that alters it."""

    topic: str
    kind: Literal["sender_time", "compaction"]
    problem: str
    hint: str


class Sender:
    """Sends records, and counts for each topic those that Kafka acknowledged.

    Only failures are reported back one by one (a Python callback per success would cost a third of the
    speed); a topic's acknowledged records are those that the local queue took, less those that failed.
    That is exact once the queue is empty, and leaving the ``with`` block empties it: it waits up to
    ``flush_seconds`` and then withdraws what is left, of which each is reported as failed. A withdrawn
    record may still have reached Kafka; an acknowledged one did.

    ``give_up`` is asked while the local queue is full, and in ``wait``; once it says so, nothing is waited for.

    Raises OutsideError when no broker answers within ``wait_seconds``, when a topic is missing, and
    when the producer cannot go on; ``delivery`` is right in every case once the block is left.
    """

    def __init__(
        self,
        bootstrap: str,
        client: Mapping[str, str] | None = None,
        *,
        wait_seconds: float = WAIT_SECONDS,
        flush_seconds: float = FLUSH_SECONDS,
        give_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self.bootstrap = bootstrap
        self._give_up = give_up
        self._wait_seconds, self._flush_seconds = wait_seconds, flush_seconds
        self._taken: dict[str, int] = {}
        self._failed: list[Failure] = []
        self._broken = ""
        self._count = 0
        settings = {**_SENDER, **(client or {}), **_PROMISES, "on_delivery": self._on_failure}
        self._producer = _client(_Producer, bootstrap, settings, self._on_error)

    def __enter__(self) -> Self:
        self._topics = _topics(self._producer, self.bootstrap, self._wait_seconds)
        return self

    def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Hand one record to the local queue; wait while that is full."""
        if topic not in self._taken:
            self._know(topic)
        while True:
            try:
                self._producer.produce(topic, value, key)
            except BufferError as full:
                self._pump(0.05)
                if self._give_up():
                    self._refused(topic, key, full)
                    break
            except KafkaException as error:
                self._refused(topic, key, error)
                break
            else:
                self._taken[topic] += 1
                break
        self._count += 1
        if not self._count & _POLL_EVERY:
            self._pump(0)

    def _know(self, topic: str) -> None:
        if topic not in self._topics:
            self._topics = _topics(self._producer, self.bootstrap, self._wait_seconds)
        if topic not in self._topics:
            raise _missing(self.bootstrap, [topic])
        self._taken[topic] = 0

    def _refused(self, topic: str, key: bytes | None, error: Exception) -> None:
        self._taken[topic] += 1
        self._failed.append(Failure(topic, _text(key), _reason(error)))
        reason = error.args[0]
        if isinstance(reason, KafkaError) and (reason.fatal() or reason.code() in _GIVE_UP):
            self._broken = self._broken or _reason(error)
            raise self._cannot_go_on()

    def pump(self) -> None:
        """Take in reports that wait; raises OutsideError when the producer cannot go on."""
        self._pump(0)

    def wait(
        self,
        due: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        nap: float = 0.05,
        show: Callable[[], object] = lambda: None,
    ) -> None:
        """Takes in reports until the ``clock`` says that a time has come, or ``give_up`` says so.

        ``show`` is called after each look, and ``nap`` is the longest pause between two, in seconds.
        """
        while (left := due - clock()) > 0 and not self._give_up():
            self.pump()
            show()
            time.sleep(min(left, nap))

    def _pump(self, seconds: float) -> None:
        self._producer.poll(seconds)
        if self._broken:
            raise self._cannot_go_on()

    def _on_failure(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            if error.code() in _GIVE_UP:
                self._broken = self._broken or error.str()
            withdrawn = error.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # noqa: SLF001
            reason = f"not acknowledged: {self._broken or 'the time was up'}" if withdrawn else error.str()
            self._failed.append(Failure(message.topic() or "", _text(message.key()), reason))

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._broken = self._broken or error.str()

    def _cannot_go_on(self) -> OutsideError:
        return OutsideError(
            f"Kafka at {self.bootstrap} accepts no more records: {self._broken}.",
            f"{_SILENT} Then send again what is listed as failed.",
        )

    @property
    def delivery(self) -> Delivery:
        """The result so far; exact once the block is left, until then without records in flight."""
        acknowledged = dict(self._taken)
        for failure in self._failed:
            if failure.topic in acknowledged:
                acknowledged[failure.topic] -= 1
        return Delivery(acknowledged, list(self._failed))

    @property
    def progress(self) -> tuple[int, int]:
        """How many records are acknowledged and how many failed, about now."""
        failed = len(self._failed)
        return max(sum(self._taken.values()) - failed - len(self._producer), 0), failed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        deadline = time.monotonic() + self._flush_seconds
        while not self._broken and len(self._producer) and time.monotonic() < deadline:
            self._producer.flush(0.2)
        while len(self._producer):
            self._producer.purge()
            self._producer.flush(1)
        self._producer.close()


def ensure_topics(
    bootstrap: str,
    names: Iterable[str],
    partitions: int,
    replication_factor: int = 1,
    client: Mapping[str, str] | None = None,
    *,
    retention_ms: int = -1,
    wait_seconds: float = WAIT_SECONDS,
) -> None:
    """Create the topics that are missing; two processes may do so at once.

    They keep records for ``retention_ms``, -1 for ever; a topic that is there stays as it is set.

    Raises UsageError for a topic that is there but keeps the sender's time instead of the broker's.
    """
    wanted = list(names)
    admin = _client(_Admin, bootstrap, client or {})
    there = _topics(admin, bootstrap, wait_seconds)
    config = {**_TOPIC, "retention.ms": str(retention_ms)}
    new = [NewTopic(name, partitions, replication_factor, config=config) for name in wanted if name not in there]
    _create(admin, bootstrap, new)
    for flaw in topic_flaws(bootstrap, [name for name in wanted if name in there], client, wait_seconds=wait_seconds):
        if flaw.kind == "sender_time":
            raise UsageError(flaw.problem, flaw.hint)
    deadline = time.monotonic() + wait_seconds
    while missing := [name for name in wanted if name not in _topics(admin, bootstrap, wait_seconds)]:
        if time.monotonic() > deadline:
            raise _missing(bootstrap, missing)
        time.sleep(0.05)


def ensure_output_topic(
    bootstrap: str,
    name: str,
    partitions: int,
    replication_factor: int = 1,
    client: Mapping[str, str] | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> None:
    """Create a topic for what others read, where it is missing; one that is there stays as it is set."""
    admin = _client(_Admin, bootstrap, client or {})
    if name not in _topics(admin, bootstrap, wait_seconds):
        _create(admin, bootstrap, [NewTopic(name, partitions, replication_factor, config=_OUTPUT)])


def topics_there(
    bootstrap: str,
    names: Iterable[str],
    client: Mapping[str, str] | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> list[str]:
    """Those of the topics that exist."""
    there = _topics(_client(_Admin, bootstrap, client or {}), bootstrap, wait_seconds)
    return [name for name in names if name in there]


def alter_command(bootstrap: str) -> str:
    """Kafka's own command that alters a topic; what follows it are the topic's name and ``--add-config``."""
    return f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name"


def topic_flaws(
    bootstrap: str,
    names: Iterable[str],
    client: Mapping[str, str] | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> list[TopicFlaw]:
    """What is set at topics by which records are misdated or lost before anybody reads them.

    Raises OutsideError where Kafka does not tell a topic's settings, as without the right to DescribeConfigs.
    """
    found = []
    alter = alter_command(bootstrap)
    for name, config in _configs(bootstrap, names, client, wait_seconds).items():
        if config["message.timestamp.type"].value != "LogAppendTime":
            problem = f"The topic {name} at {bootstrap} keeps the sender's time, not the broker's."
            hint = f"Run {alter} {name} --add-config message.timestamp.type=LogAppendTime."
            found.append(TopicFlaw(name, "sender_time", problem, hint))
        if "compact" in config["cleanup.policy"].value:
            problem = f"The topic {name} at {bootstrap} is compacted: Kafka deletes records that share a key."
            found.append(
                TopicFlaw(name, "compaction", problem, f"Run {alter} {name} --add-config cleanup.policy=delete.")
            )
    return found


def retentions(
    bootstrap: str,
    names: Iterable[str],
    client: Mapping[str, str] | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> dict[str, int]:
    """For how many milliseconds each topic that is there keeps its records; -1 is for ever."""
    there = topics_there(bootstrap, names, client, wait_seconds=wait_seconds)
    configs = _configs(bootstrap, there, client, wait_seconds)
    return {name: int(config["retention.ms"].value) for name, config in configs.items()}


def _configs(
    bootstrap: str, names: Iterable[str], client: Mapping[str, str] | None, wait_seconds: float
) -> dict[str, dict[str, ConfigEntry]]:
    """What is set at each topic, by the names of Kafka's settings."""
    wanted, admin = list(names), _client(_Admin, bootstrap, client or {})
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in wanted]
    with _outside(bootstrap):
        answers = admin.describe_configs(resources).values() if wanted else ()
        return {name: answer.result(wait_seconds) for name, answer in zip(wanted, answers, strict=True)}


def set_retention(
    bootstrap: str,
    names: Iterable[str],
    milliseconds: int,
    client: Mapping[str, str] | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> None:
    """Let topics that are there keep their records for so long; what is older goes when Kafka next looks."""
    entry = ConfigEntry("retention.ms", str(milliseconds), incremental_operation=AlterConfigOpType.SET)
    changes = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry]) for name in names]
    with _outside(bootstrap):
        for answer in _client(_Admin, bootstrap, client or {}).incremental_alter_configs(changes).values():
            answer.result(wait_seconds)


def cluster_id(bootstrap: str, client: Mapping[str, str] | None = None, *, wait_seconds: float = WAIT_SECONDS) -> str:
    """The id of the cluster that answers there; empty where it does not say."""
    admin = _client(_Admin, bootstrap, client or {})
    _topics(admin, bootstrap, wait_seconds)
    with _outside(bootstrap):
        return str(admin.list_topics(timeout=wait_seconds).cluster_id or "")


def topic_ids(
    bootstrap: str,
    names: Iterable[str],
    client: Mapping[str, str] | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> dict[str, TopicInfo]:
    """Each topic's id, as Kafka writes it, and its number of partitions. Raises OutsideError for missing ones."""
    return TopicIds(bootstrap, client).of(names, wait_seconds=wait_seconds)


class TopicIds:
    """Asks for topics' ids again and again over one connection: to make another takes longer than to ask."""

    def __init__(self, bootstrap: str, client: Mapping[str, str] | None = None) -> None:
        self._bootstrap = bootstrap
        self._admin = _client(_Admin, bootstrap, client or {})

    def of(self, names: Iterable[str], *, wait_seconds: float = WAIT_SECONDS) -> dict[str, TopicInfo]:
        """As ``topic_ids``."""
        wanted = list(names)
        _require(self._admin, self._bootstrap, wanted, wait_seconds)
        with _outside(self._bootstrap):
            answers = self._admin.describe_topics(TopicCollection(wanted)) if wanted else {}
            found = {name: answer.result(wait_seconds) for name, answer in answers.items()}
        return {name: TopicInfo(str(about.topic_id), len(about.partitions)) for name, about in found.items()}


def offsets(
    bootstrap: str,
    names: Iterable[str],
    client: Mapping[str, str] | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> dict[tuple[str, int], tuple[int, int]]:
    """Each partition's earliest offset, and the one that its next record will get."""
    admin, wanted = _client(_Admin, bootstrap, client or {}), list(names)
    there = _require(admin, bootstrap, wanted, wait_seconds)
    where = [TopicPartition(name, number) for name in wanted for number in range(there[name])]

    deadline = time.monotonic() + wait_seconds

    def ask(spec: OffsetSpec) -> dict[tuple[str, int], int]:
        while True:
            answers = admin.list_offsets(dict.fromkeys(where, spec), request_timeout=wait_seconds) if where else {}
            try:
                return {(at.topic, at.partition): answer.result(wait_seconds).offset for at, answer in answers.items()}
            except KafkaException as error:
                # A partition that was just made, or whose broker has just gone, gets a leader in a moment.
                if error.args[0].code() not in _NO_LEADER or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    with _outside(bootstrap):
        earliest, end = ask(OffsetSpec.earliest()), ask(OffsetSpec.latest())
    return {at: (earliest[at], end[at]) for at in sorted(end)}


def records_between(
    bootstrap: str,
    name: str,
    partition: int,
    first: int,
    last: int,
    client: Mapping[str, str] | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> list[int]:
    """The offsets from ``first`` to ``last`` at which Kafka has a record; control and aborted records are none."""
    if first > last:
        return []
    settings = {
        **(client or {}),
        "group.id": "clickstream-audit",
        "enable.auto.commit": "false",
        "enable.partition.eof": "true",
        "isolation.level": "read_committed",
    }
    consumer = _client(_Consumer, bootstrap, settings)
    present: list[int] = []
    with _outside(bootstrap):
        consumer.assign([TopicPartition(name, partition, first)])
        try:
            for offset in _offsets_until_end(consumer, bootstrap, wait_seconds):
                if offset <= last:
                    present.append(offset)
                if offset >= last:
                    break
        finally:
            consumer.close()
    return present


@contextmanager
def follow_topic(
    bootstrap: str, name: str, client: Mapping[str, str] | None = None
) -> Iterator[Callable[[float], list[bytes]]]:
    """Within, a function that waits so many seconds for records that come to a topic from now on; gives their values.

    Where Kafka does not answer for a while, there are none.
    """
    ends = offsets(bootstrap, [name], client)
    settings = {**(client or {}), "group.id": "clickstream-follow", "enable.auto.commit": "false"}
    consumer = _client(_Consumer, bootstrap, settings)
    consumer.assign([TopicPartition(name, partition, end) for (_, partition), (_, end) in ends.items()])

    def new_values(seconds: float) -> list[bytes]:
        first = consumer.poll(seconds)
        found = [] if first is None else [first, *consumer.consume(10_000, 0)]
        return [one.value() for one in found if one.error() is None and one.value() is not None]

    try:
        yield new_values
    finally:
        consumer.close()


def _offsets_until_end(consumer: Any, bootstrap: str, wait_seconds: float) -> Iterator[int]:
    """The offsets of the records that a consumer reads, up to the end of its partition."""
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        deadline = time.monotonic() + wait_seconds
        if error := message.error():
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                return
            raise KafkaException(error)
        yield message.offset()
    raise OutsideError(f"Kafka at {bootstrap} did not answer in {wait_seconds:g} s.", _SILENT)


def broker_time(bootstrap: str, client: Mapping[str, str] | None = None, *, wait_seconds: float = WAIT_SECONDS) -> int:
    """The time by the broker's clock, in microseconds since 1970: the timestamp that it gives to an empty record."""
    stamps: list[int] = []
    errors: list[str] = []

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        kind, milliseconds = message.timestamp()
        if error is None and kind == TIMESTAMP_LOG_APPEND_TIME:
            stamps.append(milliseconds * 1_000)
        else:
            errors.append(error.str() if error else "the topic keeps the sender's time")

    settings = {**(client or {}), "acks": "all", "linger.ms": "0", "message.timeout.ms": str(int(wait_seconds * 1_000))}
    producer = _client(_Producer, bootstrap, settings)
    if CLOCK_TOPIC not in _topics(producer, bootstrap, wait_seconds):
        clock = NewTopic(CLOCK_TOPIC, 1, -1, config=_CLOCK)
        _create(_client(_Admin, bootstrap, client or {}), bootstrap, [clock])
    with _outside(bootstrap):
        producer.produce(CLOCK_TOPIC, None, None, on_delivery=on_delivery)
        producer.flush(wait_seconds + 1)
        producer.close()
    if not stamps:
        raise OutsideError(
            f"Kafka at {bootstrap} did not give its time: {', '.join(errors) or 'no answer'}.",
            _DOCTOR,
        )
    return stamps[0]


class _Producer(Producer):  # type: ignore[misc]
    last_error: KafkaError | None = None  # of a connection: it says more than that no broker answered


class _Consumer(Consumer):  # type: ignore[misc]
    last_error: KafkaError | None = None


class _Admin(AdminClient):  # type: ignore[misc]
    last_error: KafkaError | None = None


def _client(
    kind: Any, bootstrap: str, settings: Mapping[str, Any], on_error: Callable[[KafkaError], None] = lambda _: None
) -> Any:
    def on_client_error(error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            client.last_error = error
        on_error(error)

    try:
        client = kind({"log_level": 0, **settings, "bootstrap.servers": bootstrap, "error_cb": on_client_error})
    except (KafkaException, TypeError, ValueError) as error:
        raise UsageError(
            f"A Kafka client cannot be made: {_reason(error)}.",
            "Fix client in the part [kafka] of conf/, or CLICKSTREAM_KAFKA__CLIENT.",
        ) from error
    return client


def _topics(client: Any, bootstrap: str, wait_seconds: float) -> dict[str, int]:
    deadline = time.monotonic() + wait_seconds
    while True:
        began = time.monotonic()
        try:
            found = client.list_topics(timeout=max(min(deadline - began, 1.0), 0.01)).topics  # signals are seen between
            break
        except KafkaException as error:
            client.poll(0)  # calls back with the reason
            if client.last_error and client.last_error.code() in _LOCKED_OUT:
                # No patience helps, and some brokers lock the account of whoever tries on.
                raise _locked_out(bootstrap, client.last_error) from error
            if odd := next((one for one in (client.last_error, error.args[0]) if _is_odd(one)), None):
                raise OutsideError(
                    f"What answers at {bootstrap} does not speak as Kafka does: {_bare(odd)}.", _ODD_ANSWER
                ) from error
            if (left := deadline - time.monotonic()) <= 0:
                why = _bare(client.last_error) if client.last_error else _reason(error)
                raise OutsideError(
                    f"No Kafka broker answers at {bootstrap} within {wait_seconds:g} seconds: {why}.",
                    "Start one with `clickstream broker start`, or fix the part [kafka] of the settings.",
                ) from error
            time.sleep(min(left, max(0.1 + began - time.monotonic(), 0)))
    return {name: len(topic.partitions) for name, topic in found.items() if topic.error is None and topic.partitions}


def _is_odd(error: KafkaError | None) -> bool:
    return error is not None and error.code() == KafkaError._BAD_MSG  # noqa: SLF001


def _bare(error: KafkaError) -> str:
    """The reason alone: librdkafka puts the address before it, and after it how long it took."""
    return re.sub(r"^\S+://\S+: |^\S+/bootstrap: | \(after \d+ms in state \w+.*$", "", error.str()).rstrip(".")


def _locked_out(bootstrap: str, error: KafkaError) -> OutsideError:
    """The error for a client that the broker does not let in, or that does not trust the broker."""
    why = _bare(error)
    if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001
        if "OAUTHBEARER token" in why:  # its code is that of a broker's refusal
            return OutsideError(f"There is no token for Kafka at {bootstrap}: {why}.", _NO_TOKEN)
        return OutsideError(f"Kafka at {bootstrap} does not let this user in: {why}.", _WRONG_USER)
    return OutsideError(f"Kafka at {bootstrap} cannot be trusted: {why}.", _WRONG_CERTIFICATE)


def _require(client: Any, bootstrap: str, names: list[str], wait_seconds: float) -> dict[str, int]:
    there = _topics(client, bootstrap, wait_seconds)
    if missing := [name for name in names if name not in there]:
        raise _missing(bootstrap, missing)
    return there


def _missing(bootstrap: str, names: list[str]) -> OutsideError:
    kind = "no topic" if len(names) == 1 else "no topics"
    return OutsideError(
        f"Kafka at {bootstrap} has {kind} {', '.join(names)}.",
        "Check the spelling; `clickstream produce` creates the topics of all declared events. "
        "A user who may not describe them does not see them either.",
    )


def _create(admin: Any, bootstrap: str, topics: list[NewTopic]) -> None:
    with _outside(bootstrap):
        for answer in (admin.create_topics(topics) if topics else {}).values():
            try:
                answer.result(WAIT_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was quicker
                    raise


@contextmanager
def _outside(bootstrap: str) -> Iterator[None]:
    try:
        yield
    except (KafkaException, TimeoutError) as error:
        if _is_silence(error):
            raise OutsideError(f"Kafka at {bootstrap} did not answer: {_reason(error)}.", _SILENT) from error
        raise OutsideError(f"Kafka at {bootstrap} refused: {_reason(error)}.", _DOCTOR) from error


def _is_silence(error: Exception) -> bool:
    """Whether no broker answered, so that nothing was refused: a connection that broke, or a time that ran out."""
    first = error.args[0] if error.args else error
    return isinstance(error, TimeoutError) or (isinstance(first, KafkaError) and first.code() in _SILENCE)


def _reason(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return (first.str() if isinstance(first, KafkaError) else str(first)).rstrip(".") or type(error).__name__


def _text(key: bytes | str | None) -> str | None:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key
