"""Any CSV becomes events by a mapping of its columns, or says in a sentence why not."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from producers.contract.timestamps import read_instant
from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.replay.format import Unreadable
from producers.replay.mapped_csv import read_mapped
from producers.replay.mapping import DELIMITERS, mapping_of, read_mapping
from producers.replay.reader import replay

MAPPING = """
[fields]
user_id = "customer"
session_id = "visit"
page_url = "url"
timestamp = "time"
price = "price"

[[events]]
kind = "page_views"
where = { action = ["view", "look"] }

[[events]]
kind = "clicks"
where = { action = "buy" }
constants = { element_id = "btn_buy" }
"""
HEADER = "time,action,customer,visit,url,price"
ROW = "2026-10-15 10:00:00,view,anna,s1,https://shop.example/p/1,19.99"


def mapping(more="", text=MAPPING):
    return mapping_of(tomllib.loads(more + text))


def read(text, more="", encoding="utf-8"):
    lines = enumerate(text.encode(encoding).split(b"\n"), 1)
    found = list(read_mapped(lines, mapping(more)))
    records = [one for one in found if not isinstance(one, Unreadable)]
    return [(topic, json.loads(value)) for topic, _, value, _ in records], [
        (one.line, one.reason) for one in found if isinstance(one, Unreadable)
    ]


def test_rows_become_the_events_that_the_mapping_says():
    rows = [ROW, ROW.replace("view", "buy"), ROW.replace("view", "sneeze"), ""]
    assert read("\n".join([HEADER, *rows])) == (
        [
            (
                "page_views",
                {
                    "user_id": "anna", "session_id": "s1", "page_url": "https://shop.example/p/1",
                    "price": 19.99, "timestamp": "2026-10-15T10:00:00.000000Z",
                },
            ),
            (
                "clicks",
                {
                    "user_id": "anna", "session_id": "s1", "element_id": "btn_buy",
                    "page_url": "https://shop.example/p/1", "price": 19.99, "timestamp": "2026-10-15T10:00:00.000000Z",
                },
            ),
        ],
        [],
    )  # fmt: skip


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiter_and_mark_and_a_second_header_are_seen(delimiter, mark):
    rows = [HEADER, ROW, HEADER, mark + HEADER, ROW]
    events, unreadable = read(mark + "\n".join(rows).replace(",", delimiter))
    assert (len(events), unreadable) == (2, [])


@pytest.mark.parametrize(
    ("more", "time", "at"),
    [
        ("", "2026-10-15 10:00:00", "10:00"),
        ("", "1792058400", "10:00"),
        ('time_zone = "Europe/Berlin"', "2026-10-15 10:00:00", "08:00"),
        ('time_zone = "Europe/Berlin"', "2026-10-15T10:00", "08:00"),
        ('time_zone = "Europe/Berlin"', "2026-10-15T10:00:00+01:00", "09:00"),
        ('time_zone = "Europe/Berlin"', "2026-10-15 10:00Z", "10:00"),
        ('time_zone = "Europe/Berlin"', "1792058400.5", "10:00"),
        ('time_format = "%d.%m.%Y %H:%M"', "15.10.2026 10:00", "10:00"),
        ('time_zone = "Asia/Tokyo"\ntime_format = "%d.%m.%Y %H:%M"', "15.10.2026 10:00", "01:00"),
        ('time_zone = "Asia/Tokyo"\ntime_format = "%d.%m.%Y %H:%M %z"', "15.10.2026 10:00 +0200", "08:00"),
    ],
)
def test_times_are_read_as_the_mapping_says(more, time, at):
    events, unreadable = read(f"{HEADER}\n{ROW.replace('2026-10-15 10:00:00', time)}", more + "\n")
    assert unreadable == []
    assert events[0][1]["timestamp"].startswith(f"2026-10-15T{at}")


@pytest.mark.parametrize(
    ("price", "found"), [("19,99", 19.99), ("1.234,50", 1234.5), ("1 234,5", 1234.5), ("7", 7), ("", None)]
)
def test_a_decimal_comma_is_read_by_a_setting(price, found):
    text = f"{HEADER}\n{ROW}".replace(",", ";").replace("19.99", price)
    assert read(text, "decimal_comma = true\n")[0][0][1].get("price") == found


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ROW + ",more", "7 columns, the header has 6"),
        (ROW.replace("anna", '"anna'), "cannot be read as CSV"),
        (ROW.replace("2026-10-15 10:00:00", "15.10.2026"), "time_format"),
        (ROW.replace("19.99", '"19,99"'), "decimal_comma = true"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(row, words):
    events, unreadable = read(f"{HEADER}\n{row}\n{ROW}")
    assert len(events) == 1
    assert [line for line, _ in unreadable] == [2]
    assert words in unreadable[0][1]


def test_another_encoding_is_named_or_read():
    text = f"{HEADER}\n{ROW.replace('anna', 'ägidius')}"
    assert "cp1252" in read(text, encoding="cp1252")[1][0][1]
    assert read(text, 'encoding = "cp1252"\n', "cp1252")[0][0][1]["user_id"] == "ägidius"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2", "no column action"),
        (HEADER + ",visit\n" + ROW + ",x", "two columns visit"),
        ("", "no column"),
        (f"{HEADER}\r{ROW}\r", "carriage returns alone"),
    ],
)
def test_a_wrong_header_is_refused(text, words):
    with pytest.raises(UsageError, match=words):
        read(text)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_file_in_utf_16_is_said_to_be_that(encoding):
    with pytest.raises(UsageError, match="UTF-16"):
        read(f"{HEADER}\n{ROW}" if encoding == "utf-16" else f"\ufeff{HEADER}\n{ROW}", encoding=encoding)


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "\ufeffsep=;", "SEP=;"])
def test_the_line_by_which_excel_knows_the_delimiter_is_read(first):
    events, unreadable = read(f"{first}\n{HEADER}\n{ROW}".replace(",", ";"))
    assert (len(events), unreadable) == (1, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no [[events]]"),
        ('[[events]]\nkind = "visits"', "one of"),
        ('[[events]]\nkind = "clicks"', "clicks need"),
        (MAPPING + "elements = 3", "no entry elements"),
        (MAPPING.replace("price =", "cost ="), "cost is a field of no event"),
        (MAPPING.replace("element_id", "elements"), "no field elements"),
        (MAPPING.replace("[fields]", 'time_zone = "Mars"\n[fields]'), "no zone"),
        (MAPPING.replace("[fields]", 'encoding = "utf-16"\n[fields]'), "UTF-8"),
        (MAPPING.replace("[fields]", 'encoding = "x"\n[fields]'), "nobody knows"),
        (MAPPING.replace("[fields]", 'delimiter = "x"\n[fields]'), "delimiter"),
        (MAPPING.replace("[fields]", "decimal_comma = 1\n[fields]"), "true or false"),
        (MAPPING.replace('"buy"', "7"), "list of texts"),
        ("x", "cannot be read"),
    ],
)
def test_a_wrong_mapping_is_one_sentence(tmp_path, text, words):
    (tmp_path / "mapping.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        read_mapping(tmp_path / "mapping.toml")
    assert words in str(raised.value)


def test_a_mapping_is_for_csv_and_csv_needs_one(tmp_path):
    (tmp_path / "file.csv").write_text(f"{HEADER}\n{ROW}\n", encoding="utf-8")
    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    assert len(list(replay(tmp_path / "file.csv", "csv", print, tmp_path / "mapping.toml"))) == 1
    with pytest.raises(UsageError, match="mapping"):
        list(replay(tmp_path / "file.csv", "csv", print))
    with pytest.raises(UsageError, match="own columns"):
        replay(tmp_path / "file.csv", "otto", print, tmp_path / "mapping.toml")


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(str.strip).filter(bool)


@given(cells, cells, st.sampled_from(DELIMITERS), st.booleans(), st.floats(0, 1e6))
def test_any_ids_and_prices_arrive_as_they_are(user, visit, delimiter, quoted, price):
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n"
    )
    writer.writerow(HEADER.split(","))
    writer.writerow(["2026-10-15 10:00:00", "view", user, visit, "/p/1", repr(price)])
    events, unreadable = read(text.getvalue())
    assert unreadable == []
    assert [(event["user_id"], event["session_id"], float(event["price"])) for _, event in events] == [
        (user, visit, price)
    ]


@given(st.datetimes(datetime(2001, 1, 1), datetime(2026, 1, 1)))  # noqa: DTZ001
def test_a_local_time_is_the_instant_of_its_zone(at):
    zone = ZoneInfo("America/New_York")
    row = ROW.replace("2026-10-15 10:00:00", at.isoformat(" "))
    events, _ = read(f"{HEADER}\n{row}", 'time_zone = "America/New_York"\n')
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    assert read_instant(events[0][1]["timestamp"]) == (at.replace(tzinfo=zone) - epoch) // timedelta(microseconds=1)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
def test_whatever_stands_in_a_row_is_an_event_or_a_sentence(row):
    events, unreadable = read(f"{HEADER}\n{','.join(row)}\n{ROW}".replace("\r", ""))
    assert len(events) + len(unreadable) >= 1
    for topic, event in events:
        validate_record(EVENTS[topic], json.dumps(event).encode(), 0)
