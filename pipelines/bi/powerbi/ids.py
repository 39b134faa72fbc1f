"""Derive ids from names, so that a project that is written again refers to the same things."""

from __future__ import annotations

from uuid import UUID, uuid5

_PROJECT = UUID("0d4c6a3e-5b1f-5e57-9a53-2f1b7c1d9e40")


def stable_id(*parts: str) -> str:
    """The id of a thing, by what it is called: Power BI's lineage tag."""
    return str(uuid5(_PROJECT, "\x1f".join(parts)))
