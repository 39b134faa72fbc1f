"""Write pieces of M, the language of Power Query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_FOUR_DIGITS = 0xFFFF


def m_text(text: str) -> str:
    """The text as a literal of M."""
    return f'"{"".join(_ESCAPES.get(mark) or _escaped(mark) for mark in text)}"'


_ESCAPES = {'"': '""', "#": "#(#)", "\r": "#(cr)", "\n": "#(lf)", "\t": "#(tab)"}


def _escaped(mark: str) -> str:
    """A mark of a literal; what is not printed by its number, as M takes more than CR and LF for the end of a line."""
    code = ord(mark)
    return mark if mark.isprintable() else f"#({code:04X})" if code <= _FOUR_DIGITS else f"#({code:08X})"


def m_list(values: Iterable[str]) -> str:
    """A list of M's, of expressions."""
    return f"{{{', '.join(values)}}}"


def m_steps(steps: Sequence[tuple[str, str]]) -> str:
    """A query of named steps, whose value is the last one's."""
    lines = ",\n".join(f"    {name} = {value}" for name, value in steps)
    return f"let\n{lines}\nin\n    {steps[-1][0]}"
