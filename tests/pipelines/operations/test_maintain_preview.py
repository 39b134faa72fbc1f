"""What maintenance would gain, in files and bytes; nothing is changed, and no Spark is started."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from gold.user_history import TABLE
from lakehouse.errors import UsageError
from pipelines.operations.maintain_preview import preview
from pipelines.runtime.settings import load_settings
from tests.support.local_tables import arrow_schema, make_tables

NO_READER = ("gold", None)


def row(number):
    values = {
        "BIGINT": number,
        "INT": number,
        "DOUBLE": 1.0,
        "STRING": f"u{number}",
        "BOOLEAN": True,
        "DECIMAL(18,2)": Decimal(1),
    }
    values |= {"TIMESTAMP": datetime(2026, 11, 1, tzinfo=UTC), "DATE": datetime(2026, 11, 1, tzinfo=UTC).date()}
    return {one.name: values.get(one.type) for one in TABLE.columns}


@pytest.fixture
def made(tmp_path):
    lake = make_tables(tmp_path, TABLE)
    for number in range(4):
        lake.append(TABLE, pa.Table.from_pylist([row(number)], arrow_schema(TABLE)))
    return lake, load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")


def on_disk(lake):
    return sorted(path for path in lake.folder(TABLE).rglob("*") if path.is_file())


def test_it_names_what_compaction_and_vacuum_then_do(made):
    lake, settings = made
    files = [Path(one) for one in lake.files(TABLE)]
    size = sum(lake.folder(TABLE).joinpath(one).stat().st_size for one in files)
    before = on_disk(lake)
    (found,) = preview(settings, [TABLE], 168, lambda *_: NO_READER)
    assert (found.files, found.files_to_compact, found.bytes_to_compact) == (4, 4, size)
    assert (found.files_to_remove, found.bytes_to_remove) == (0, 0)
    assert on_disk(lake) == before

    assert lake.compact(TABLE) == 4
    (found,) = preview(settings, [TABLE], 0, lambda *_: NO_READER)
    assert (found.files, found.files_to_compact) == (1, 0)
    assert (found.files_to_remove, found.bytes_to_remove) == (4, size)
    removed = lake.open(TABLE).vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert len(removed) == 4


def test_what_a_stream_has_yet_to_read_would_stay(made):
    lake, settings = made
    lake.compact(TABLE)
    os.utime(lake.folder(TABLE) / "_delta_log" / f"{2:020d}.json", (1, 1))
    (found,) = preview(settings, [TABLE], 1, lambda *_: ("gold", {"reservoirVersion": 2}))
    assert found.kept == "old files stay: the stream gold has yet to read version 2"
    assert found.files_to_remove == 0


def test_tables_that_are_not_there_are_left_out(tmp_path):
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")
    assert preview(settings, [TABLE], 168, lambda *_: NO_READER) == []


def test_a_lake_that_is_a_uri_is_refused(tmp_path):
    settings = load_settings(lake="s3a://bucket/lake", state=tmp_path / "state")
    with pytest.raises(UsageError, match="this lake is a URI"):
        preview(settings, [TABLE], 168, lambda *_: NO_READER)
