"""A compact pipeline from Kafka to gold: confluent-kafka, Polars and delta-rs, in one process, without Spark.

It is written to be fast and to give the right totals where nothing goes wrong. What it does not promise:

- exactly once: it commits offsets after the write, so a kill in between writes a batch twice;
- duplicates: it drops those within one batch, not those of an earlier one, and keeps no record of them;
- the contract: it looks for required fields, the range of the price and of the time. It repairs nothing (text that is
  a number, other forms of a time, a blank that means null, an id that is a number), and lets pass an id that says
  "undefined" and a key that occurs twice. A bad record is kept with its bytes and no reason;
- locks, a journal, recovery, replay, erasure, an audit: none;
- gold: six tables of simple sums instead of eleven, and no table to learn from, so no predictions either.

Run: python -m tests.benchmarks.rivals.compact BOOTSTRAP_SERVERS FOLDER
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import polars as pl
import pyarrow as pa
from confluent_kafka import Consumer, KafkaException, TopicPartition
from deltalake import DeltaTable, WriterProperties, write_deltalake

from tests.support.polling import until

TOPICS = ("page_views", "clicks", "interactions")
Answer = TypeVar("Answer")
ROWS = 200_000
"""Records of a write to bronze."""

_TEXTS = {
    "page_views": ("user_id", "session_id", "page_url", "referrer_url", "category", "timestamp"),
    "clicks": ("user_id", "session_id", "element_id", "page_url", "category", "timestamp"),
    "interactions": ("user_id", "session_id", "interaction_type", "page_url", "category", "timestamp"),
}
_NUMBERS = {"page_views": ("price",), "clicks": ("price", "x_coord", "y_coord"), "interactions": ("price",)}
_REQUIRED = {
    "page_views": ("user_id", "session_id", "page_url"),
    "clicks": ("user_id", "session_id", "page_url", "element_id"),
    "interactions": ("user_id", "session_id", "page_url", "interaction_type"),
}
_WRITER = WriterProperties(compression="ZSTD")


def write(table: Path, rows: pa.Table) -> None:
    """Appends rows to a table, which is made where there is none."""
    write_deltalake(table, rows, mode="append", writer_properties=_WRITER)


def to_bronze(servers: str, lake: Path, group: str) -> int:
    """Appends what Kafka holds to one table per topic; gives the number of records."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 8 << 20,
            "queued.min.messages": 500_000,
        }
    )
    total = 0
    try:
        for topic in TOPICS:
            total += _append_topic(consumer, topic, lake / "bronze" / topic)
    finally:
        consumer.close()
    return total


def _append_topic(consumer: Consumer, topic: str, table: Path) -> int:
    partitions = [TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions]
    ends = {
        (one.topic, one.partition): _answered(consumer, partial(consumer.get_watermark_offsets, one))[1]
        for one in partitions
    }
    consumer.assign(partitions)
    committed = _answered(consumer, partial(consumer.committed, partitions, timeout=5))
    # Where an earlier run stopped; a negative offset means that there was none.
    position = {(one.topic, one.partition): max(one.offset, 0) for one in committed}
    consumer.assign([TopicPartition(topic, number, position[topic, number]) for _, number in position])
    total = 0
    while left := sum(ends[at] - position[at] for at in ends):
        # The client passes on its own news in between, as of a broker that it lost for a moment: it has no offset.
        messages = [one for one in consumer.consume(min(left, ROWS), timeout=5) if not one.error()]
        rows = pa.table(
            {
                "partition": pa.array([one.partition() for one in messages], pa.int32()),
                "offset": pa.array([one.offset() for one in messages], pa.int64()),
                "arrived_at": pa.array([one.timestamp()[1] * 1_000 for one in messages], pa.timestamp("us", "UTC")),
                "key": pa.array([one.key() for one in messages], pa.binary()),
                "value": pa.array([one.value() for one in messages], pa.binary()),
            }
        )
        write(table, rows)
        for one in messages:
            position[topic, one.partition()] = one.offset() + 1
        reached = [TopicPartition(topic, number, offset) for (_, number), offset in position.items()]
        consumer.commit(offsets=reached, asynchronous=False)
        total += len(messages)
    return total


def _answered(consumer: Consumer, ask: Callable[[], Answer]) -> Answer:
    """A broker's answer. One that has just started, or made a topic, has no coordinator or leader for a moment."""
    answers: list[Answer] = []

    def answered() -> bool:
        try:
            answers.append(ask())
        except KafkaException:
            consumer.list_topics(timeout=5)  # the leaders that it has by now
        return bool(answers)

    until(answered, "an answer of the broker", limit=30)
    return answers[0]


def to_silver(bronze: Path, lake: Path) -> int:
    """Parses, checks and deduplicates all of bronze, topic by topic; gives the number of records that it read."""
    total = 0
    for topic in TOPICS:
        files = DeltaTable(bronze / topic).file_uris()
        for part in _parts(files):
            records = pl.read_parquet(part, columns=["partition", "offset", "arrived_at", "value"])
            total += records.height
            good, bad = _validated(topic, records)
            write(lake / "silver" / topic, good.to_arrow())
            if bad.height:
                write(lake / "silver" / "rejected", bad.with_columns(topic=pl.lit(topic)).to_arrow())
    return total


def _parts(files: list[str], most: int = 1_000_000) -> Iterator[list[str]]:
    """The files in groups of so many rows or a little more."""
    part, rows = list[str](), 0
    for file in files:
        part.append(file)
        rows += pl.scan_parquet(file).select(pl.len()).collect().item()
        if rows >= most:
            yield part
            part, rows = [], 0
    if part:
        yield part


def _validated(topic: str, records: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events as typed rows without duplicates, and the records that are no events."""
    texts = [pl.Field(name, pl.String) for name in _TEXTS[topic]]
    fields = pl.Struct([*texts, *(pl.Field(name, pl.Float64) for name in _NUMBERS[topic])])
    decoded = pl.concat([_decoded(part, fields) for part in records.iter_slices(20_000)])
    rows = decoded.unnest("event").with_columns(
        event_at=pl.col("timestamp").str.to_datetime(
            "%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False
        )
    )
    is_good = pl.all_horizontal(
        *(pl.col(name).str.strip_chars().str.len_bytes() > 0 for name in _REQUIRED[topic]),
        pl.col("event_at").is_between(
            pl.datetime(2000, 1, 1, time_zone="UTC"), pl.col("arrived_at") + pl.duration(days=1)
        ),
        pl.col("price").is_between(0, 10_000_000) | pl.col("price").is_null(),
    ).fill_null(value=False)
    rows = rows.with_columns(is_good=is_good)
    fields_kept = [name for name in (*_TEXTS[topic], *_NUMBERS[topic]) if name != "timestamp"]
    columns = [*fields_kept, *(["details"] if topic == "interactions" else []), "event_at"]
    good = rows.filter("is_good").unique(columns, keep="first", maintain_order=True)
    bad = rows.filter(~pl.col("is_good")).select("partition", "offset", "arrived_at", "value")
    return good.select(*columns, "arrived_at", "partition", "offset"), bad


def _decoded(records: pl.DataFrame, fields: pl.Struct) -> pl.DataFrame:
    """The records with their event; null where the value is no JSON object of these types."""
    try:
        return _parsed(records.with_columns(text=pl.col("value").cast(pl.String)), fields)
    except pl.exceptions.PolarsError:
        # One broken value fails the whole column: leave out those that do not fit, one by one.
        texts = [value.decode() if _fits(value, fields) else None for value in records["value"]]
        return _parsed(records.with_columns(text=pl.Series(texts, dtype=pl.String)), fields)


def _parsed(texts: pl.DataFrame, fields: pl.Struct) -> pl.DataFrame:
    if any(field.name == "interaction_type" for field in fields.fields):
        # Text or any JSON value: kept as text, which a decoded struct cannot do.
        texts = texts.with_columns(details=pl.col("text").str.json_path_match("$.details"))
    return texts.with_columns(event=pl.col("text").str.json_decode(fields)).drop("text")


def _fits(value: bytes | None, fields: pl.Struct) -> bool:
    try:
        event: Any = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if not isinstance(event, dict):
        return False
    kinds = {field.name: (str if field.dtype == pl.String else (int, float)) for field in fields.fields}
    return all(event.get(name) is None or isinstance(event[name], kind) for name, kind in kinds.items())


def to_gold(lake: Path) -> int:
    """Makes six tables of simple sums from all of silver; gives the number of events."""
    events = _events(lake)
    sessions = _sessions(events)
    for name, rows in {"sessions": sessions, **_summaries(events, sessions)}.items():
        write_deltalake(
            lake / "gold" / name, rows.to_arrow(), mode="overwrite", schema_mode="overwrite", writer_properties=_WRITER
        )
    return events.height


def refresh_gold(lake: Path, changed: pl.DataFrame) -> None:
    """Makes the changed sessions again and merges them; makes the five small tables from all of silver again."""
    events = _events(lake)
    key = ["user_id", "session_id"]
    sessions = _sessions(events.join(changed.select(key).unique(), on=key, how="semi"))
    merge = DeltaTable(lake / "gold" / "sessions").merge(
        sessions.to_arrow(),
        "old.user_id = new.user_id AND old.session_id = new.session_id",
        source_alias="new",
        target_alias="old",
    )
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    whole = pl.read_parquet(DeltaTable(lake / "gold" / "sessions").file_uris())
    for name, rows in _summaries(events, whole).items():
        write_deltalake(lake / "gold" / name, rows.to_arrow(), mode="overwrite", writer_properties=_WRITER)


def _events(lake: Path) -> pl.DataFrame:
    columns = ["user_id", "session_id", "page_url", "category", "price", "event_at"]
    own = {"page_views": "referrer_url", "clicks": "element_id", "interactions": "interaction_type"}
    return pl.concat(
        [
            pl.read_parquet(
                DeltaTable(lake / "silver" / topic).file_uris(), columns=[*columns, own[topic]]
            ).with_columns(kind=pl.lit(topic))
            for topic in TOPICS
        ],
        how="diagonal",
    )


def _sessions(events: pl.DataFrame) -> pl.DataFrame:
    is_purchase = pl.col("element_id") == "btn_buy"
    return events.group_by("user_id", "session_id").agg(
        events=pl.len(),
        page_views=(pl.col("kind") == "page_views").sum(),
        clicks=(pl.col("kind") == "clicks").sum(),
        interactions=(pl.col("kind") == "interactions").sum(),
        cart_adds=(pl.col("interaction_type").str.to_lowercase() == "add_to_cart").sum(),
        distinct_pages=pl.col("page_url").n_unique(),
        purchases=is_purchase.sum(),
        revenue=pl.col("price").filter(is_purchase).sum(),
        referrer_url=pl.col("referrer_url").sort_by("event_at").drop_nulls().first(),
        started_at=pl.col("event_at").min(),
        ended_at=pl.col("event_at").max(),
    )


def _summaries(events: pl.DataFrame, sessions: pl.DataFrame) -> dict[str, pl.DataFrame]:
    by_day = pl.col("event_at").dt.date().alias("day")
    is_purchase = pl.col("element_id") == "btn_buy"
    host = pl.col("referrer_url").str.extract(r"^[a-z]+://([^/]+)")
    bought = (pl.col("purchases") > 0).sum()
    started = pl.col("started_at").dt.date().alias("day")
    return {
        "users": sessions.group_by("user_id").agg(
            sessions=pl.len(), purchases=pl.col("purchases").sum(), spend=pl.col("revenue").sum()
        ),
        "daily_funnel": sessions.group_by(started).agg(
            sessions=pl.len(), with_cart=(pl.col("cart_adds") > 0).sum(), bought=bought
        ),
        "traffic_sources": sessions.group_by(started, host.alias("host")).agg(sessions=pl.len(), bought=bought),
        "category_performance": events.group_by(by_day, "category").agg(
            events=pl.len(), bought=is_purchase.sum(), revenue=pl.col("price").filter(is_purchase).sum()
        ),
        "page_performance": events.filter(kind="page_views")
        .group_by(by_day, "page_url")
        .agg(views=pl.len(), users=pl.col("user_id").n_unique()),
    }


def main(servers: str, folder: Path) -> None:
    """From Kafka to gold, once, from the first record on: a consumer group of an earlier run has read them all."""
    to_bronze(servers, folder, uuid.uuid4().hex)
    to_silver(folder / "bronze", folder)
    to_gold(folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
