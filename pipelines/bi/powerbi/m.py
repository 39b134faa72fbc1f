"""Write pieces of M, the language of Power Query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def m_text(text: str) -> str:
    """The text as a literal of M."""
    escapes = {'"': '""', "#": "#(#)", "\r": "#(cr)", "\n": "#(lf)", "\t": "#(tab)"}
    return f'"{"".join(escapes.get(character, character) for character in text)}"'


def m_list(values: Iterable[str]) -> str:
    """A list of M's, of expressions."""
    return f"{{{', '.join(values)}}}"


def m_steps(steps: Sequence[tuple[str, str]]) -> str:
    """A query of named steps, whose value is the last one's."""
    lines = ",\n".join(f"    {name} = {value}" for name, value in steps)
    return f"let\n{lines}\nin\n    {steps[-1][0]}"
