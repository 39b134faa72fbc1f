"""A lake in a folder with every layer, made without Spark by the jobs' own functions, and a look through its files."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bronze.raw_events import BRONZE
from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.shared.clock import CLOCK
from lakehouse.engines.comparison import compare_tables
from lakehouse.engines.in_process import build_tables
from lakehouse.engines.local_lake import LocalLake
from pipelines import gold_builder
from pipelines.operations.stream_tables import checkpoint_of, stream_tables
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.settings import Settings, load_settings
from pipelines.silver_writer import write_silver_batch_in_process
from producers.events import EVENTS
from tests.support.local_tables import make_tables
from tests.support.records import NOON, value

CLOSED = datetime(2026, 10, 16, tzinfo=UTC)


def installation(home: Path) -> tuple[Settings, LocalLake]:
    """An installation whose tables are empty."""
    settings = load_settings(lake=str(home / "lake"), state=home / "state")
    make_tables(home, *TABLES.values())
    return settings, LocalLake(settings.lake_root, settings.locks)


def land(lake: LocalLake, event: str, start: int, *values: bytes | None, key: bytes | None = None) -> None:
    """Records into bronze, and from there to their outcomes, as the jobs do."""
    rows = [
        {
            "topic": event,
            "topic_id": f"id-{event}",
            "partition": 0,
            "offset": start + number,
            "arrived_at": NOON + timedelta(seconds=start + number),
            "key": key,
            "value": body,
            "headers": [{"key": "trace", "value": key}],
            "ingested_at": NOON,
            "ingested_on": NOON.date(),
        }
        for number, body in enumerate(values)
    ]
    records = pa.Table.from_pylist(rows, lake.schema(BRONZE[event]))
    lake.append(BRONZE[event], records)
    write_silver_batch_in_process(lake, EVENTS[event], records)


def visit(lake: LocalLake, start: int, user: str, session: str) -> None:
    """A short session: good records, one of them twice, and bad ones that can and cannot be parsed."""
    who = {"user_id": user, "session_id": session}
    key = user.encode()
    bad = b'{"user_id": "' + key + b'", "page_url": '
    land(lake, "page_views", start, value("page_views", **who), value("page_views", **who), bad, key=key)
    land(lake, "clicks", start, value("clicks", **who), value("clicks", **who, price=-1), b"\x00" + key, key=key)
    land(lake, "interactions", start, value("interactions", **who), key=key)


def streams_have_read(settings: Settings, lake: LocalLake, *, but: str = "") -> None:
    """Checkpoints of streams that have read all there is; of the table ``but``, all but the newest version."""
    for name, tables in stream_tables().items():
        folder = checkpoint_of(settings, name)
        for part in ("offsets", "commits"):
            (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / part / "0").write_text("v1\n{}")
        positions = [lake.version(table) + (table.name != but) for table in tables.reads]
        lines = [json.dumps({"reservoirVersion": version, "index": -1}) for version in positions]
        (folder / "offsets" / "0").write_text("\n".join(["v1", "{}", *lines]))


def build_gold(settings: Settings, lake: LocalLake) -> None:
    """Gold of all of silver."""
    build_tables(
        lake,
        gold_builder.incremental_tables(),
        gold_builder.table_sql(),
        sources={CLOCK.name: gold_builder.clock_rows(settings, CLOSED)},
        versions={table.name: lake.version(table) for table in gold_builder.upstream_tables()},
        memory="500MB",
    )


def predict(lake: LocalLake, user: str, session: str) -> None:
    """A score of a session, as scoring writes it."""
    for table in (LOG, PREDICTIONS):
        schema = lake.schema(table)
        row = dict.fromkeys(schema.names) | {"user_id": user, "session_id": session}
        for field in schema:
            if row[field.name] is None:
                row[field.name] = _some(field.type)
        lake.append(table, pa.Table.from_pylist([row], schema))


def _some(kind: pa.DataType) -> object:
    if pa.types.is_string(kind):
        return "x"
    if pa.types.is_timestamp(kind):
        return NOON
    if pa.types.is_date(kind):
        return NOON.date()
    return pa.scalar(1).cast(kind).as_py()


def wrong_in_gold(settings: Settings, lake: LocalLake) -> list[str]:
    """The gold tables that a rebuild would make otherwise."""
    from pipelines.operations.erasure.gold import clock_of_gold

    found = compare_tables(
        lake,
        gold_builder.incremental_tables(),
        gold_builder.table_sql(),
        sources={CLOCK.name: gold_builder.clock_rows(settings, clock_of_gold(lake))},
        versions={table.name: lake.version(table) for table in gold_builder.upstream_tables()},
        memory="500MB",
    )
    return [table.name for table, difference in found if difference.wrong or difference.lacking]


def files_that_have(folder: Path, *texts: str) -> list[str]:
    """The files with one of these texts: in their bytes, in a Parquet file's values, in an sqlite file's rows."""
    sought = [text.encode() for text in texts]
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(text in _content(path) for text in sought)
    ]


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:4] == b"PAR1":
        return content + repr(pq.read_table(path).to_pylist()).encode()
    if content.startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(path)) as store:
            return content + "\n".join(store.iterdump()).encode()
    return content
