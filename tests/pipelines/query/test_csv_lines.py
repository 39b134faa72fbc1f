"""A row of CSV reads back as it was, and no spreadsheet takes a field for a formula."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.query.csv_lines import csv_line, harmless

text = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    st.sampled_from("=+-@\t\r\n\u00a0\u200b\ufeff\uff1d\uff0b\u207a,\" 'a1\u2028\x85\x0b"), max_size=6
)


@pytest.mark.parametrize(
    "beginning",
    [
        "=",
        "+",
        "-",
        "@",
        "\t",
        "\r",
        "\n=",
        "\u00a0=",
        " @",
        "\u200b+",
        "\ufeff=",
        "\uff1d",
        "\uff0b",
        "\uff0d",
        "\uff20",
        "\u207a",
        "\ufe62",
        "\u3000=",
        "\x00=",
        "\u2028=",
    ],
)
def test_what_may_begin_a_formula_is_defused(beginning):
    assert harmless(f"{beginning}1+1").startswith("'")


@given(text)
def test_no_text_begins_a_formula(one):
    made = harmless(one)
    assert made in {one, f"'{one}"}
    seen = made.lstrip(" \u00a0\u3000\u200b\ufeff\u2028")
    assert unicodedata.normalize("NFKC", seen[:1])[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}


@given(st.lists(st.lists(text, min_size=1, max_size=4), min_size=1, max_size=4), st.sampled_from(["\n", "\r\n"]))
def test_each_row_reads_back_as_one(rows, end):
    written = "".join(csv_line(row, end) for row in rows)
    assert list(csv.reader(io.StringIO(written, newline=""))) == [[harmless(one) for one in row] for row in rows]


@given(st.lists(text, min_size=1, max_size=4))
def test_nothing_that_ends_a_line_stands_without_quotes(row):
    outside = "".join(csv_line(row, "").split('"')[::2])
    assert outside.isprintable()


def test_values_are_written_as_they_are():
    row = ["a,b", None, 1.5, True, b"\x01", "", -1]
    assert csv_line(row, "\n") == '"a,b",,1.5,true,01,,-1\n'
    assert csv_line([None], "\n") == '""\n'
