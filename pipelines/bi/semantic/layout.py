"""Lay out the visuals of a page: its heading beside the slicers, then the cards, then the rest in rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT, MARGIN, GAP = 1280, 720, 24, 12
"""A page, the space around it, and the space between two visuals, in pixels."""


@dataclass(frozen=True)
class Visual:
    """A visual: its kind in Power BI, its heading, which fields stand in which of its roles, and where it stands.

    ``heat`` shades the cells of a table, ``text`` is what a text box says, ``mode`` how a slicer is used, ``most`` how
    many bars an output shows that cannot be scrolled, ``none`` why nothing may be left to show where gold has rows.
    """

    kind: str
    title: str
    roles: dict[str, tuple[str, ...]]
    sort: str = ""
    ascending: bool = False
    heat: bool = False
    text: str = ""
    mode: str = ""
    most: int = 20
    none: str = ""
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Page:
    """A page: its visuals in their places, and which value of which columns it is restricted to.

    ``none`` says why nothing may be left where its tables have rows, and what to run.
    """

    name: str
    title: str
    visuals: tuple[Visual, ...]
    only: tuple[tuple[str, bool], ...] = ()
    none: str = ""


def page(
    name: str,
    title: str,
    says: str,
    slicers: Sequence[Visual],
    cards: Sequence[str],
    rows: Sequence[Sequence[Visual]],
    only: tuple[tuple[str, bool], ...] = (),
    none: str = "",
) -> Page:
    """A page from top to bottom: what it is beside what narrows it down, the figures, and the visuals in rows."""
    heading = Visual("textbox", title, {}, text=says)
    top, header, card, slicer = MARGIN, 68, 92, 220
    left = WIDTH - 2 * MARGIN - len(slicers) * (slicer + GAP)
    placed = [replace(heading, x=MARGIN, y=top, width=left, height=header)]
    for position, visual in enumerate(slicers):
        x = MARGIN + left + GAP + position * (slicer + GAP)
        placed.append(replace(visual, x=x, y=top, width=slicer, height=header))
    top += header + GAP
    if cards:
        placed.extend(_in_row([_card(measure) for measure in cards], top, card))
        top += card + GAP
    height = (HEIGHT - MARGIN - top - GAP * (len(rows) - 1)) // len(rows)
    for row in rows:
        placed.extend(_in_row(row, top, height))
        top += height + GAP
    return Page(name, title, tuple(placed), only, none)


def _in_row(visuals: Sequence[Visual], y: int, height: int) -> list[Visual]:
    width = (WIDTH - 2 * MARGIN - GAP * (len(visuals) - 1)) // len(visuals)
    return [
        replace(visual, x=MARGIN + position * (width + GAP), y=y, width=width, height=height)
        for position, visual in enumerate(visuals)
    ]


def measure_fields(names: Sequence[str]) -> tuple[str, ...]:
    """The fields of measures, by the measures' names."""
    return tuple(f"[{name}]" for name in names)


def between(column: str) -> Visual:
    """A slicer from one value to another."""
    return Visual("slicer", "", {"Values": (column,)}, mode="Between")


def choice(column: str) -> Visual:
    """A slicer that lists the values."""
    return Visual("slicer", "", {"Values": (column,)}, mode="Dropdown")


def lines(title: str, category: str, *measures: str) -> Visual:
    """A line for each measure."""
    return Visual("lineChart", title, {"Category": (category,), "Y": measure_fields(measures)})


def columns(title: str, category: str, *measures: str) -> Visual:
    """Standing columns, in the order of the category."""
    return Visual("clusteredColumnChart", title, {"Category": (category,), "Y": measure_fields(measures)})


def bars(title: str, category: str, measure: str, *, most: int = 20, none: str = "") -> Visual:
    """Lying bars, the longest first."""
    roles = {"Category": (category,), "Y": measure_fields((measure,))}
    return Visual("clusteredBarChart", title, roles, sort=f"[{measure}]", most=most, none=none)


def table(title: str, *fields: str, sort: str = "", ascending: bool = False) -> Visual:
    """A table, each field a column."""
    return Visual("tableEx", title, {"Values": fields}, sort=sort, ascending=ascending)


def shaded(title: str, rows: str, across: str, measure: str) -> Visual:
    """A table of two columns' values, each cell the darker the more it holds."""
    roles = {"Rows": (rows,), "Columns": (across,), "Values": measure_fields((measure,))}
    return Visual("pivotTable", title, roles, heat=True)


def list_of(title: str, *measures: str) -> Visual:
    """Measures below each other."""
    return Visual("multiRowCard", title, {"Values": measure_fields(measures)})


def _card(measure: str) -> Visual:
    return Visual("card", "", {"Values": measure_fields((measure,))})
