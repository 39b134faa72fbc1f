"""Texts become literals of M."""

from __future__ import annotations

from pipelines.bi.powerbi.m import m_text


def test_a_literal_of_m_escapes_quotes_and_escapes():
    assert m_text('a"b#(lf)\n') == '"a""b#(#)(lf)#(lf)"'
