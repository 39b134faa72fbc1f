"""A table as a workbook, read by nothing that wrote it: exact, typed, and no formula whatever the text."""

import datetime as dt
import re
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakehouse.errors import OutsideError, UsageError
from pipelines.query.export import Format, write_export
from pipelines.query.xlsx import LONGEST, MOST_ROWS, fitting
from tests.support.workbook_reader import Cell, read_sheet

UTC = dt.UTC


def written(rows, folder):
    file = folder / "rows.xlsx"
    write_export(rows, file, Format.xlsx, force=True)
    return read_sheet(file)


def texts_in(rows):
    return [row[0].value for row in rows[1:]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("workbooks")


def test_each_value_is_of_its_own_kind_and_shown_as_what_it_is(folder):
    at = dt.datetime(2026, 1, 5, 10, 30, 0, 250_000, tzinfo=UTC)
    rows, sheet = written(
        pa.table(
            {
                "sale_id": ["=1+1", None],
                "amount": pa.array([Decimal("0.10"), Decimal("-2.00")], pa.decimal128(20, 2)),
                "change": [-1, None],
                "share": [0.25, float("nan")],
                "bought": [True, False],
                "raw": [b"\x00\xff", b""],
                "rules": [["a", "b"], []],
                "sold_on": [dt.date(2026, 1, 5), dt.date(1899, 12, 31)],
                "sold_at": pa.array([at, dt.datetime(1000, 1, 1, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
            }
        ),
        folder,
    )
    instant = 'yyyy-mm-dd hh:mm:ss.000" UTC"'
    # Excel counts days from 1899-12-30, for every day since March 1900.
    day = float((dt.date(2026, 1, 5) - dt.date(1899, 12, 30)).days)
    assert [cell.value for cell in rows[0]] == [
        "sale_id",
        "amount",
        "change",
        "share",
        "bought",
        "raw",
        "rules",
        "sold_on",
        "sold_at",
    ]
    assert rows[1][:8] == [
        Cell("text", "=1+1", "@"),
        Cell("number", 0.1, "0.00"),
        Cell("number", -1.0, "0"),
        Cell("number", 0.25, "General"),
        Cell("bool", True, "General"),
        Cell("text", "00ff", "@"),
        Cell("text", "['a', 'b']", "@"),
        Cell("number", day, "yyyy-mm-dd"),
    ]
    assert rows[1][8].kind == "number"
    assert rows[1][8].shown == instant
    assert rows[1][8].value == pytest.approx(day + (10.5 * 3600 + 0.25) / 86400, abs=1e-9)
    assert [cell and (cell.kind, cell.value) for cell in rows[2]] == [
        None,
        ("number", -2.0),
        None,
        ("text", "nan"),
        ("bool", False),
        ("text", ""),
        ("text", "[]"),
        ("text", "1899-12-31"),
        ("text", "1000-01-01T00:00:00+00:00"),
    ]
    [pane] = sheet.iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}pane")
    assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")


def test_columns_are_wide_enough_for_their_days_and_instants(folder):
    columns = {"on": pa.array([None], pa.date32()), "at": pa.array([None], pa.timestamp("us", "UTC"))}
    _, sheet = written(pa.table(columns), folder)
    widths = [
        float(one.get("width")) for one in sheet.iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}col")
    ]
    assert widths[0] > len("2026-01-05")
    assert widths[1] > len("2026-01-05 10:30:00.250 UTC")


# What the library would break: its own markup, escapes that share a sign; and what XML or a spreadsheet would.
SPELLING = st.lists(st.sampled_from(["<r>", "</r>", "_x0041", "_x000D_", "_", "&", "=1+1", "\r\n", " ", "é", "🛒"]))


@settings(deadline=None)  # each is a whole workbook
@given(
    st.lists(
        st.one_of(st.text(st.characters(exclude_categories=["Cs"])), SPELLING.map("".join)), min_size=1, max_size=30
    )
)
@example(["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "{=1}", "'=1", "http://a.example", "mailto:a"])
@example(["<r><t>bold</t></r>", "<r></broken></r>", "_x0041_x0042_", "\x00\x1f\x7f\ufffe\uffff", " \n ", ""])
def test_any_text_comes_back_as_it_was_and_is_text(folder, texts):
    rows, _ = written(pa.table({"text": texts}), folder)
    assert texts_in(rows) == texts
    assert {(row[0].kind, row[0].shown) for row in rows[1:]} <= {("text", "@")}


@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.decimals(allow_nan=False, allow_infinity=False, places=4)))
@example(999_999_999_999_999)
@example(10**15)
@example(-8_998_530_764_219_120_000)
@example(10**15 + 1)
@example(Decimal("9" * 34 + ".9999"))
@example(Decimal("1000000000000000000.0000"))
def test_a_number_with_too_many_digits_for_excel_is_exact_text(number):
    made = fitting(number)
    if isinstance(made, str):
        assert Decimal(made) == number
        assert len(re.sub(r"\D", "", made).lstrip("0")) > 15
    else:
        assert Decimal(f"{made:.15g}") == number


@given(st.integers(-(2**31), 2**31), st.integers(-23, 23))
def test_instants_are_utc(seconds, hours):
    instant = dt.datetime.fromtimestamp(seconds, dt.timezone(dt.timedelta(hours=hours)))
    made = fitting(instant)
    assert made == instant
    assert made.utcoffset() == dt.timedelta(0)


def test_more_rows_than_a_sheet_has_are_refused_with_the_cure(folder):
    file = folder / "many.xlsx"
    with pytest.raises(UsageError, match=r"1,048,575 rows, and there are 1,048,576\. Choose --format csv or parquet"):
        write_export(pa.table({"number": pa.nulls(MOST_ROWS + 1)}), file, Format.xlsx, force=False)
    assert not file.exists()


def test_text_too_long_for_a_cell_is_refused_with_its_place(folder):
    file = folder / "long.xlsx"
    longest = "🛒" * (LONGEST // 2) + "a"
    rows, _ = written(pa.table({"text": [longest]}), folder)
    assert texts_in(rows) == [longest]
    with pytest.raises(UsageError, match=r"32,767 characters, and text in row 3 has .* Choose --format csv or parquet"):
        write_export(pa.table({"text": ["", longest + "a"]}), file, Format.xlsx, force=False)
    assert [one.name for one in folder.iterdir()] == ["rows.xlsx"]


def test_a_name_too_long_for_the_disk_is_refused_in_a_sentence(folder):
    write_export(pa.table({"text": ["a"]}), folder / ("l" * 250 + ".xlsx"), Format.xlsx, force=False)
    with pytest.raises(OutsideError, match="too long"):
        write_export(pa.table({"text": ["a"]}), folder / ("long" * 63 + ".xlsx"), Format.xlsx, force=False)
