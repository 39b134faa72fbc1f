"""A table in a file: every row once, in order, exact, and nothing that a spreadsheet would run."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyarrow import parquet

from lakehouse.errors import OutsideError, UsageError
from lakehouse.table import Column, Table
from pipelines.query.export import Format, format_of, read_rows, write_export

SALES = Table(
    "gold.sales",
    "One row per sale.",
    (
        Column("sale_id", "STRING", "The sale.", required=True),
        Column("amount", "DECIMAL(20,2)", "What it cost.", required=True),
        Column("change", "BIGINT", "What changed.", required=True),
        Column("sold_at", "TIMESTAMP", "When.", required=True),
    ),
    key=("sale_id",),
)
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.fixture
def rows(tmp_path):
    made = pa.table(
        {
            "sale_id": ["ü", "=1+1", "b"],
            "amount": pa.array(
                [Decimal("123456789012345678.91"), Decimal("0.10"), Decimal("-2.00")], pa.decimal128(20, 2)
            ),
            "change": [1, -1, 0],
            "sold_at": pa.array([AT] * 3, pa.timestamp("us", tz="UTC")),
        }
    )
    write_deltalake(str(tmp_path / "gold" / "sales"), made)
    return read_rows(SALES, str(tmp_path))


def test_csv_is_in_order_exact_and_harmless(rows, tmp_path):
    file = tmp_path / "sales.csv"
    write_export(rows, file, Format.csv, force=False)
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines == [
        ["sale_id", "amount", "change", "sold_at"],
        ["'=1+1", "0.10", "-1", "2026-01-05T10:00:00+00:00"],
        ["b", "-2.00", "0", "2026-01-05T10:00:00+00:00"],
        ["ü", "123456789012345678.91", "1", "2026-01-05T10:00:00+00:00"],
    ]
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")


def test_parquet_comes_back_as_it_was(rows, tmp_path):
    write_export(rows, tmp_path / "sales.parquet", Format.parquet, force=False)
    assert parquet.read_table(tmp_path / "sales.parquet").to_pylist() == rows.to_pylist()


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_no_file_to_write(rows, tmp_path, force):
    with pytest.raises(UsageError, match="is a folder") as raised:
        write_export(rows, tmp_path, Format.csv, force=force)
    assert "--force" not in str(raised.value)


def test_a_file_that_is_there_stays_unless_forced(rows, tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        write_export(rows, file, Format.csv, force=False)
    assert file.read_text() == "mine"
    write_export(rows, file, Format.csv, force=True)
    assert "sale_id" in file.read_text(encoding="utf-8-sig")


def test_a_table_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(OutsideError, match=r"no table gold\.sales"):
        read_rows(SALES, str(tmp_path))


@pytest.mark.parametrize(
    ("name", "asked", "written"),
    [
        ("rows.xlsx", None, Format.xlsx),
        ("rows.PARQUET", None, Format.parquet),
        ("rows.csv", None, Format.csv),
        ("rows", Format.xlsx, Format.xlsx),
        ("rows.xlsx", Format.xlsx, Format.xlsx),
    ],
)
def test_a_file_is_what_its_ending_says(name, asked, written):
    assert format_of(Path(name), asked) is written


def test_an_ending_that_is_not_known_is_refused():
    with pytest.raises(UsageError, match=r"ending of sales.xls.*\.csv, \.parquet, \.xlsx"):
        format_of(Path("sales.xls"), None)
    with pytest.raises(UsageError, match=r"rows has no ending that says a format\. Let it end in one of \.csv"):
        format_of(Path("rows"), None)
    assert format_of(Path("sales.txt"), Format.csv) is Format.csv


def test_an_ending_that_contradicts_the_format_is_refused():
    with pytest.raises(UsageError, match=r"ends like xlsx, and --format says csv.*rows\.csv"):
        format_of(Path("rows.xlsx"), Format.csv)
