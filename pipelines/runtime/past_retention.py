"""Tell which records left bronze by their age: retention notes that in the commit that deletes them.

They are always the first ones of a partition, as in Kafka itself. So one offset says which they are, and audits go on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lakehouse.delta_log import transactions
from lakehouse.engines.delta_commit import Action, transaction
from lakehouse.table import Table
from pipelines.runtime.settings import Settings

_BELOW, _RECORDS = "clickstream.retention.below", "clickstream.retention.records"

PAST_RETENTION = "past_retention"
"""Why a quarantined record is discarded that waited until its bytes went."""

SENTENCE = "The record is past retention: its bytes are gone."
"""What quarantine says of such a record, in place of what was wrong in its bytes."""

Partition = tuple[str, int]
"""A topic's id, and the number of one of its partitions."""


@dataclass(frozen=True)
class Gone:
    """The records of a partition that left bronze: those ``below`` this offset, and how many they were."""

    below: int
    records: int


def gone_from(settings: Settings, table: Table) -> dict[Partition, Gone]:
    """What left a table of bronze by its age; empty where nothing did, or where the lake is a URI."""
    if "://" in settings.lake_root:
        return {}
    found: dict[Partition, dict[str, int]] = defaultdict(dict)
    for application, number in transactions(Path(settings.lake_root) / table.layer / table.short_name).items():
        kind, _, place = application.partition("/")
        if kind in (_BELOW, _RECORDS):
            topic_id, _, partition = place.rpartition("/")
            found[topic_id, int(partition)][kind] = number
    return {place: Gone(one[_BELOW], one[_RECORDS]) for place, one in found.items()}


def notes_of(gone: Mapping[Partition, Gone]) -> list[Action]:
    """What the commit says that deletes them. It is no metadata: a stream that appends at that moment goes on."""
    return [
        transaction(f"{kind}/{topic_id}/{partition}", number)
        for (topic_id, partition), one in gone.items()
        for kind, number in ((_BELOW, one.below), (_RECORDS, one.records))
    ]


def first_kept(settings: Settings, table: Table, topic_id: str) -> dict[int, int]:
    """The offset of the first record that did not leave bronze by its age, for each partition that others left."""
    return {partition: one.below for (of, partition), one in gone_from(settings, table).items() if of == topic_id}


def is_gone_sql(gone: Mapping[Partition, Gone]) -> str:
    """The SQL condition on a record's coordinates that says whether it left bronze by its age."""
    each = (
        f"(topic_id = '{topic_id}' AND partition = {partition} AND offset < {one.below})"
        for (topic_id, partition), one in gone.items()
    )
    return " OR ".join(each) or "false"
