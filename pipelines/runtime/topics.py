"""Create the topics of events, and compare each with what bronze has read of it.

Kafka may have deleted records unread, or a topic may be another one. What a stream has read of a topic is in its
checkpoint; nothing here needs Spark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from bronze.raw_events import BRONZE
from lakehouse.atomic_files import write_json
from lakehouse.checkpoints import committed_offsets
from lakehouse.errors import CheckpointError, OutsideError, UsageError
from pipelines.runtime.settings import Settings
from producers import kafka

ACCEPT = "`clickstream ingest --accept-loss`"


def ensure_topics(settings: Settings, servers: str) -> None:
    """Creates the topics of events that are missing there, as the settings say."""
    of_kafka = settings.kafka
    kafka.ensure_topics(
        servers,
        BRONZE,
        of_kafka.partitions,
        of_kafka.replication_factor,
        of_kafka.client,
        retention_ms=settings.retention.kafka_milliseconds,
    )


@dataclass(frozen=True)
class Loss:
    """Offsets of one partition that Kafka deleted before bronze had read them, both ends included."""

    topic: str
    topic_id: str
    partition: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many offsets that are."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.topic} partition {self.partition}: offsets {self.first} to {self.last} ({self.count:,})"


@dataclass(frozen=True)
class TopicProblem:
    """Why a topic is not the one that bronze goes on with; ``losses`` where records were deleted unread."""

    kind: Literal["other cluster", "created again", "deleted unread", "cut back"]
    topic: str
    problem: str
    hint: str
    losses: tuple[Loss, ...] = ()


class TopicError(OutsideError):
    """A topic is not the one that bronze has read, or not as it was."""

    needs_person = True


class DeletedUnreadError(TopicError):
    """Kafka has deleted records that bronze has not read."""


def find_problems(
    settings: Settings,
    servers: str,
    held: Mapping[str, Mapping[int, int]] | None = None,
    *,
    among: Iterable[str] = BRONZE,
    ends: Mapping[tuple[str, int], tuple[int, int]] | None = None,
) -> list[TopicProblem]:
    """What is wrong with the topics that bronze has read from, in their order; only ``among`` these.

    ``ends`` are each partition's earliest and next offset, where they are known already. ``held`` has by topic the
    next offset of each partition by bronze's rows, where that is known. They are ahead of the checkpoint where a driver
    died between the table's commit and the checkpoint's.
    """
    client = settings.kafka.client
    names = kafka.topics_there(servers, [name for name in among if _bound_topic(settings, name)], client)
    infos = kafka.topic_ids(servers, names, client) if names else {}
    if ends is None:
        ends = kafka.offsets(servers, names, client) if names else {}
    cluster = kafka.cluster_id(servers, client)
    known = known_cluster(settings)
    found = []
    for name in names:
        if infos[name].topic_id != _bound_topic(settings, name):
            found.append(_other_topic(name, servers, cluster, known))
            continue
        at = positions(settings, name, infos[name].partitions)
        for partition, offset in (held or {}).get(name, {}).items():
            at[partition] = max(at.get(partition, 0), offset)
        mine = {partition: span for (topic, partition), span in ends.items() if topic == name}
        found += _compare(name, infos[name].topic_id, at, mine)
    return found


def refuse_many_partitions(settings: Settings, infos: Mapping[str, kafka.TopicInfo]) -> None:
    """Raises UsageError for a topic with more partitions than ``kafka.most_partitions``."""
    for name, info in infos.items():
        if info.partitions > settings.kafka.most_partitions:
            raise UsageError(
                f"The topic {name} has {info.partitions:,} partitions, more than the "
                f"{settings.kafka.most_partitions:,} that ingest takes: each is a task of every micro-batch.",
                "Raise kafka.most_partitions in conf/, or CLICKSTREAM_KAFKA__MOST_PARTITIONS, if that is meant.",
            )


def _other_topic(name: str, servers: str, cluster: str, known: str) -> TopicProblem:
    if known and cluster != known:
        return TopicProblem(
            "other cluster",
            name,
            f"Another Kafka cluster answers at {servers} than the one that bronze has read: {cluster}, not {known}.",
            "Fix kafka.bootstrap_servers. If the move is meant, `clickstream recover --apply` reads the topics there "
            "from their start.",
        )
    return created_again(name)


def created_again(name: str) -> TopicProblem:
    """The problem of a topic that is another one under the same name."""
    return TopicProblem(
        "created again",
        name,
        f"The topic {name} was deleted and created again after bronze had read it.",
        "`clickstream recover --apply` reads the new one from its start; what bronze holds of the old one stays.",
    )


def _compare(
    name: str, topic_id: str, at: Mapping[int, int], ends: Mapping[int, tuple[int, int]]
) -> Iterable[TopicProblem]:
    losses = tuple(
        Loss(name, topic_id, partition, at[partition], earliest - 1)
        for partition, (earliest, _) in sorted(ends.items())
        if partition in at and at[partition] < earliest
    )
    if losses:
        yield TopicProblem(
            "deleted unread",
            name,
            f"Kafka has deleted records before they were read: {'; '.join(map(str, losses))}.",
            f"Raise the topic's retention.ms. {ACCEPT} goes on without them, and notes what is lost for verify.",
            losses,
        )
    cut = [partition for partition, (_, end) in sorted(ends.items()) if at.get(partition, 0) > end]
    if cut:
        where = "; ".join(f"partition {one} ends at {ends[one][1]}, and bronze has read up to {at[one]}" for one in cut)
        yield TopicProblem(
            "cut back",
            name,
            f"The log of the topic {name} was cut back: {where}. New records would get the offsets of old ones.",
            "Restore the broker's data. If that is not possible, delete the topic and create it again "
            "(kafka-topics.sh --delete, then `clickstream produce`): its records are then another topic's.",
        )


def positions(settings: Settings, name: str, partitions: int) -> dict[int, int]:
    """The next offset of each partition by the stream's checkpoint; none before it has planned a batch."""
    checkpoint = settings.checkpoint(BRONZE[name])
    try:
        committed = committed_offsets(checkpoint)
    except CheckpointError:
        return {}
    at = committed[0].get(name, {}) if committed else _started_at(checkpoint, name)
    if not at:
        return {}
    # A partition that was added later is read from its first record.
    return {partition: int(at.get(str(partition), 0)) for partition in range(partitions)}


def _started_at(checkpoint: Path, name: str) -> dict[str, int]:
    """Where a stream began that has completed no batch, as Spark's Kafka source keeps it."""
    try:
        text = (checkpoint / "sources" / "0" / "0").read_text(encoding="utf-8")
        return dict(json.loads(text[text.index("{") :]).get(name, {}))
    except (OSError, ValueError, AttributeError):
        return {}


def _bound_topic(settings: Settings, name: str) -> str:
    """The id of the topic that the checkpoint of a stream belongs to; empty where there is none."""
    try:
        text = (settings.checkpoint(BRONZE[name]) / "stream.json").read_text(encoding="utf-8")
        return str(json.loads(text)["source_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def known_cluster(settings: Settings) -> str:
    """The id of the cluster that bronze was last read from; empty before that."""
    try:
        return str(json.loads(_cluster_note(settings).read_text(encoding="utf-8"))["cluster_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def note_cluster(settings: Settings, servers: str) -> None:
    """Notes from which cluster bronze is read."""
    found = kafka.cluster_id(servers, settings.kafka.client)
    if found and found != known_cluster(settings):
        write_json(_cluster_note(settings), {"cluster_id": found, "bootstrap_servers": servers})


def _cluster_note(settings: Settings) -> Path:
    return settings.state_root / "cluster.json"


def accepted_losses(settings: Settings) -> list[Loss]:
    """The losses that a person has accepted, oldest first."""
    try:
        text = _losses_file(settings).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [Loss(**one) for one in json.loads(text)]


def accept(settings: Settings, losses: Iterable[Loss]) -> None:
    """Notes losses that a person accepts, each once."""
    known = accepted_losses(settings)
    write_json(_losses_file(settings), [asdict(one) for one in dict.fromkeys([*known, *losses])])


def _losses_file(settings: Settings) -> Path:
    return settings.state_root / "losses.json"
