import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.record import Record
from producers.replay.format import Unreadable
from producers.replay.formats import FORMATS, retailrocket
from producers.replay.reader import in_order, replay

OTTO = Path(__file__).parents[3] / "producers" / "samples" / "otto.jsonl"
REES46 = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
ROCKET = "timestamp,visitorid,event,itemid,transactionid\n"


def read(path: Path, name: str) -> tuple[list[Record], list[Unreadable]]:
    unreadable: list[Unreadable] = []
    return list(replay(path, name, unreadable.append)), unreadable


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def value(record: Record) -> dict[str, object]:
    return json.loads(record[2] or b"")


def test_the_otto_sample_is_862_events_of_20_sessions() -> None:
    records, unreadable = read(OTTO, "otto")
    assert not unreadable
    assert Counter(record[0] for record in records) == {"page_views": 800, "clicks": 62}
    assert len({record[1] for record in records}) == 20
    assert len({record[1] for record in records if value(record).get("element_id") == "btn_buy"}) == 3
    assert len({(record[0], record[2]) for record in records}) == 862  # all different, so none is a duplicate
    assert all(validate_record(EVENTS[topic], text, at).violations == () for topic, _, text, at in records)
    first = json.loads(OTTO.read_text().splitlines()[0])["events"][0]
    assert records[0][3] == first["ts"] * 1_000
    assert value(records[0]) == {
        "user_id": "otto-0",
        "session_id": "otto-0",
        "page_url": f"https://shop.example/product/{first['aid']}",
        "timestamp": "2022-07-31T22:00:00.025Z",
    }


def test_a_gzipped_file_is_read_as_a_plain_one(tmp_path: Path) -> None:
    packed = written(tmp_path / "otto", gzip.compress(OTTO.read_bytes()))
    assert read(packed, "otto") == read(OTTO, "otto")
    cut = written(tmp_path / "cut", packed.read_bytes()[:4_000])
    records, unreadable = read(cut, "otto")
    assert 0 < len(records) < 862 or len(unreadable) == 1
    assert "damaged" in unreadable[-1].reason


def test_lines_that_are_not_otto_are_listed_and_the_others_sent(tmp_path: Path) -> None:
    good = '{"session": 1, "events": [{"aid": 5, "ts": 1659304800025, "type": "carts"}]}'
    path = written(
        tmp_path / "x",
        f'{good}\nnonsense\n{{"session": 2, "events": [{{"aid": 5, "ts": 1, "type": "buys"}}]}}\n\n{good}',
    )
    records, unreadable = read(path, "otto")
    assert len(records) == 2
    assert [one.line for one in unreadable] == [2, 3]


def test_rees46(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rees46.csv",
        REES46
        + "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde\n"
        + "2019-10-01 00:00:01 UTC,cart,1,2,electronics.smartphone,,0.00,7,s7\n"
        + '2019-10-01 00:00:02 UTC,purchase,1,2,"a,b",,543.10,7,s7\n'
        + "2019-10-01 00:00:03 UTC,remove_from_cart,1,2,,,,7,s7\n"
        + "2019-10-01 00:00:04 UTC,view,1,2,,,1,7,\n"
        + "2019-10-01 00:00:05 UTC,wish,1,2,,,1,7,s7\n"
        + "yesterday,view,1,2,,,1,7,s7\n"
        + "2019-10-01 00:00:05 UTC,vi\n",
    )
    records, unreadable = read(path, "rees46")
    assert [record[0] for record in records] == ["page_views", "clicks", "clicks", "interactions", "page_views"]
    assert b'"price":35.79,' in (records[0][2] or b"")
    assert value(records[0])["page_url"] == "https://shop.example/product/44600062"
    assert value(records[0])["category"] is None
    assert value(records[2])["category"] == "a,b"
    assert [value(record).get("element_id") for record in records[1:3]] == ["btn_add_to_cart", "btn_buy"]
    assert value(records[3])["interaction_type"] == "remove_from_cart"
    assert [validate_record(EVENTS[topic], text, at).violations != () for topic, _, text, at in records] == [
        False
    ] * 4 + [True]
    assert [one.line for one in unreadable] == [7, 8, 9]
    assert records[0][3] == 1_569_888_000_000_000


def test_retailrocket_is_sorted_and_cut_into_sessions(tmp_path: Path) -> None:
    start, half_an_hour = 1_433_221_332_117, 30 * 60 * 1_000
    path = written(
        tmp_path / "events.csv",
        ROCKET
        + f"{start + 2 * half_an_hour + 1},257597,transaction,355908,4000\n"
        + f"{start},257597,view,355908,\n"
        + f"{start + half_an_hour},257597,addtocart,355908,\n"
        + f"{start + 1},992329,view,248676,\n"
        + "later,992329,view,248676,\n"
        + f"{start},992329,peek,248676,\n",
    )
    records, unreadable = read(path, "retailrocket")
    assert [one.line for one in unreadable] == [6, 7]
    assert [value(record)["session_id"] for record in records] == [
        f"257597-{start}",
        f"992329-{start + 1}",
        f"257597-{start}",
        f"257597-{start + 2 * half_an_hour + 1}",
    ]
    assert [record[0] for record in records] == ["page_views", "page_views", "clicks", "clicks"]
    assert all(validate_record(EVENTS[topic], text, at).violations == () for topic, _, text, at in records)


def test_forgetting_idle_visitors_changes_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{1_433_221_332_117 + 400_000 * n},{n % 7},view,{n},\n" for n in range(300))
    path = written(tmp_path / "events.csv", ROCKET + rows)
    expected = read(path, "retailrocket")
    monkeypatch.setattr(retailrocket, "_FORGET_IDLE_EVERY", 3)
    assert read(path, "retailrocket") == expected


def test_ndjson_sends_the_source_text_untouched(tmp_path: Path) -> None:
    click = '{ "session_id":"s1",  "element_id": "btn_buy", "price":1.50e1, "timestamp":"2026-10-15 10:00:00" }'
    view = '{"session_id":17,"page_url":"caf\\u00e9"}'
    search = '{"interaction_type":null}'
    path = written(
        tmp_path / "x",
        f"\ufeff{click}\n{view}\r\n{search}\n"
        f'{{"value": {click}, "topic": "interactions"}}\n[1]\n{{"topic": "orders", "value": {{}}}}\n'
        '{"topic": "clicks", "value": 1}\n{"price": NaN}\n\n',
    )
    records, unreadable = read(path, "ndjson")
    assert [(record[0], record[1], (record[2] or b"").decode()) for record in records] == [
        ("clicks", b"s1", click),
        ("page_views", b"17", view),
        ("interactions", None, search),
        ("interactions", b"s1", click),
    ]
    assert [one.line for one in unreadable] == [5, 6, 7, 8]
    assert records[1][3] == records[0][3] == 1_792_058_400_000_000


@given(st.lists(st.binary(max_size=60)), st.sampled_from(sorted(FORMATS)))
def test_no_bytes_whatever_stop_a_reader(lines: list[bytes], name: str) -> None:
    numbered = list(enumerate((line.replace(b"\n", b"") for line in lines), 1))
    try:
        read_back = list(FORMATS[name].read(iter(numbered)))
    except UsageError:
        return
    assert len(read_back) <= len(lines)


@given(st.lists(st.integers(0, 9)))
def test_records_are_put_in_order_and_none_is_lost(times: list[int]) -> None:
    records: list[Record] = [("clicks", None, str(n).encode(), at) for n, at in enumerate(times)]
    assert list(in_order(iter(records))) == sorted(records, key=lambda record: record[3])


def test_a_wrong_header_names_the_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "time,event\n1,2\n")
    for name, column in (("rees46", "event_time"), ("retailrocket", "visitorid")):
        with pytest.raises(UsageError, match=column):
            read(path, name)
    assert read(written(tmp_path / "head.csv", "\ufeff" + ROCKET), "retailrocket") == ([], [])


def test_a_wrong_format_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rees46"):
        read(OTTO, "rees47")
    for path in (tmp_path / "not-there", tmp_path):
        with pytest.raises(UsageError, match=path.name):
            read(path, "otto")


def test_a_line_without_end_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.replay.reader.LONGEST_LINE", 1_000)
    good = '{"page_url": "x"}'
    records, unreadable = read(written(tmp_path / "x", good + "\n" + "y" * 5_500 + "\n" + good), "ndjson")
    assert len(records) == 2
    assert [one.line for one in unreadable] == [2]
