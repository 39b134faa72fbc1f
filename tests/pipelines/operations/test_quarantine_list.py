"""What waits in quarantine is listed by rule and shown record by record, without Spark."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from lakehouse.errors import DataError, OutsideError, UsageError
from pipelines.cli.quarantine import app
from pipelines.operations.quarantine_list import escaped, waiting_groups
from pipelines.runtime.settings import load_settings

AT = datetime(2026, 11, 1, 12, 0, 0, 120_000, tzinfo=UTC)


def waiting(offset, rules, *, topic="clicks", partition=0, status="open", at=AT, value=b"{}"):
    return {
        "topic": topic,
        "topic_id": "t",
        "partition": partition,
        "offset": offset,
        "arrived_at": at,
        "value": value,
        "rules": rules,
        "sentences": [f"It breaks {rule}." for rule in rules],
        "contract_version": "1",
        "status": status,
        "discard_reason": None if status != "discarded" else "a test",
        "first_judged_at": at,
        "last_judged_at": None,
    }


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("topic", "topic_id")),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("arrived_at", pa.timestamp("us", "UTC")),
        ("value", pa.binary()),
        *((name, pa.list_(pa.string())) for name in ("rules", "sentences")),
        *((name, pa.string()) for name in ("contract_version", "status", "discard_reason")),
        *((name, pa.timestamp("us", "UTC")) for name in ("first_judged_at", "last_judged_at")),
    ]
)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("CLICKSTREAM_STATE", str(tmp_path / "state"))
    return load_settings()


@pytest.fixture
def lake(settings):
    rows = [
        waiting(5, ["price_negative", "user_id_missing"], at=AT.replace(hour=13)),
        waiting(4, ["price_negative"], value=b"\xff\n[b]"),
        waiting(4, ["price_negative"], partition=1),
        waiting(6, ["price_negative"], status="discarded"),
        waiting(7, ["json_invalid"], status="replayed"),
        waiting(8, ["json_invalid"], topic="page_views", at=AT.replace(day=2), value=None),
    ]
    write_deltalake(f"{settings.lake_root}/silver/quarantine", pa.Table.from_pylist(rows, SCHEMA))
    return settings


def test_open_records_are_grouped_by_event_and_rule(lake):
    groups = waiting_groups(lake)
    assert [(group["event"], group["rule"], group["records"]) for group in groups] == [
        ("clicks", "price_negative", 3),
        ("clicks", "user_id_missing", 1),
        ("page_views", "json_invalid", 1),
    ]
    assert groups[0] == {
        "event": "clicks",
        "rule": "price_negative",
        "records": 3,
        "first_arrived_at": "2026-11-01 12:00:00.12",
        "last_arrived_at": "2026-11-01 13:00:00.12",
        "example": {"topic_id": "t", "partition": 0, "offset": 4, "sentence": "It breaks price_negative."},
    }


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({"event": "clicks"}, [3, 1]),
        ({"rule": "user_id_missing"}, [1]),
        ({"since": "2026-11-01T13:00:00"}, [1, 1, 1]),
        ({"since": "2026-11-01T14:00:00+01:00", "event": "clicks"}, [1, 1]),
        ({"since": "2026-12-01"}, []),
    ],
)
def test_options_choose_among_the_records(lake, options, counts):
    assert [group["records"] for group in waiting_groups(lake, **options)] == counts


def test_a_wrong_option_is_refused(lake):
    with pytest.raises(UsageError, match="no event 'click'"):
        waiting_groups(lake, event="click")
    with pytest.raises(UsageError, match="is not a time"):
        waiting_groups(lake, since="yesterday")


@pytest.mark.usefixtures("lake")
def test_a_record_is_shown_with_its_bytes_escaped():
    output = CliRunner().invoke(app, ["show", "clicks", "0", "4"]).output
    assert "arrived_at       2026-11-01 12:00:00.12\n" in output
    assert "breaks           price_negative: It breaks price_negative." in output
    assert r"value            \xff\n[b]" in output


@pytest.mark.usefixtures("lake")
def test_a_record_in_json_has_every_column():
    (record,) = json.loads(CliRunner().invoke(app, ["show", "page_views", "0", "8", "--json"]).output)
    assert list(record) == SCHEMA.names
    assert (record["value"], record["arrived_at"]) == ("null (a tombstone)", "2026-11-02 12:00:00.12")


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("options", [["--rule", "jsn_invalid"], ["--since", "2027-01-01"], ["--event", "interactions"]])
def test_what_waits_is_said_where_nothing_matches(options):
    said = CliRunner().invoke(app, ["list", *options]).output
    assert "Nothing that waits matches. These records do: " in " ".join(said.split())
    assert "1 of page_views for json_invalid" in " ".join(said.split())


@pytest.mark.usefixtures("lake")
def test_a_record_that_is_not_there_is_an_error():
    error = CliRunner().invoke(app, ["show", "clicks", "0", "99"]).exception
    assert isinstance(error, DataError)


def test_without_a_quarantine_nothing_waits(settings):
    with pytest.raises(OutsideError, match="There is no lake"):
        waiting_groups(settings)
    write_deltalake(f"{settings.lake_root}/silver/clicks", pa.table({"user_id": ["a"]}))
    assert waiting_groups(settings) == []


def test_no_byte_can_be_mistaken():
    assert escaped("é\x1b[0m\n".encode() + b"\xff") == "é\\x1b[0m\\n\\xff"
