"""Texts become literals of M, and stay within them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from pipelines.bi.powerbi.m import m_text
from pipelines.bi.powerbi.power_query import expressions
from pipelines.bi.powerbi.sources import SourceKind, gold_source

LITERAL = re.compile(r'"(?:[^"]|"")*"')

attacks = st.text() | st.lists(
    st.sampled_from(
        [
            *('"', '""', "#", "#(", "#(lf)", ")", "'", "{", "}", "]", "[", "=", ",", "/", "\\", ".", "EVIL", "&"),
            *("\n", "\r", "\t", "\0", "\x85", "\u2028", "\u2029", "\u202e", "\U000e0001", "\ud800"),
            *("//", "/*", "*/", "let", " in ", "ü"),
        ]
    ),
    max_size=10,
).map("".join)


def unescaped(literal):
    body = literal[1:-1].replace('""', '"')
    names = {"#": "#", "cr": "\r", "lf": "\n", "tab": "\t"}
    return re.sub(r"#\((#|cr|lf|tab|[0-9A-F]{4,8})\)", lambda one: names.get(one[1]) or chr(int(one[1], 16)), body)


def test_a_literal_of_m_escapes_quotes_and_escapes():
    assert m_text('a"b#(lf)\n') == '"a""b#(#)(lf)#(lf)"'
    assert m_text("\u2028\U000e0001") == '"#(2028)#(000E0001)"'


@given(attacks)
def test_a_literal_is_one_line_and_reads_back(text):
    literal = m_text(text)
    assert LITERAL.fullmatch(literal)
    assert literal.isprintable()
    assert unescaped(literal) == text


BEGINNINGS = {
    SourceKind.folder: ["C:\\lake", "/lake/gold", "\\\\host\\share"],
    SourceKind.adls: ["abfss://c@a.dfs.core.windows.net/lake/", "https://a.dfs.core.windows.net/c/"],
    SourceKind.sharing: ["https://host/", "https://host/delta-sharing#"],
    SourceKind.sql: ["http://host:10000/", "localhost:10000"],
}


@pytest.mark.parametrize("kind", SourceKind)
@given(attack=attacks, at=st.integers(0, 2))
def test_a_path_stays_text_in_the_project(kind, attack, at):
    beginnings = BEGINNINGS[kind]
    try:
        source = gold_source(kind, f"{beginnings[at % len(beginnings)]}{attack}")
    except (UsageError, ValueError):
        return
    for one in expressions(source):
        assert "EVIL" not in LITERAL.sub("", one.m)
        assert LITERAL.sub("", one.m).count('"') == 0
        assert all(line.isprintable() for line in one.m.split("\n"))
