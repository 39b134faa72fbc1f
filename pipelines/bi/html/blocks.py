"""Draw a visual of the semantic layer as a block of the HTML page, with what a page has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from duckdb import DuckDBPyConnection

from lakehouse.table import Format
from pipelines.bi.html.charts import Chart, Heat, Scale, Values, column_chart, heat_map, line_chart, scale_of
from pipelines.bi.html.claims import change, furthest, leader
from pipelines.bi.html.formats import (
    HAS_WHOLE_VALUES,
    WEEKDAYS,
    Write,
    axis_name,
    category_name,
    heading,
    mark_writer,
    written,
)
from pipelines.bi.html.queries import GoldQueries, measure_of, owner
from pipelines.bi.semantic.layout import Page, Visual
from pipelines.bi.semantic.measures.trends import DAYS, TRENDS
from pipelines.bi.semantic.relationships import CALENDAR, CALENDAR_DAY

MOST_ROWS = 50
"""How many rows of a table are shown."""

MOST_CELLS = 20_000
"""How many cells of heat maps are drawn, those that hold most."""


@dataclass(frozen=True)
class Figure:
    """One figure: its name, its value as text, and how it moved."""

    name: str
    value: str
    moved: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar: its label, its value as text, and how long it is, in per cent of the longest."""

    label: str
    value: str
    length: float


@dataclass(frozen=True)
class Grid:
    """A table as text. ``numeric`` says which of its columns hold numbers; ``total`` counts the rows left out too."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    total: int


@dataclass(frozen=True)
class Picture:
    """One heat map: of what it is, its geometry, its axes and shades as text, and the same as a table.

    ``is_page`` says that its cells are places on a page, whose outline is drawn; ``wide`` and ``high`` are its extent,
    and ``widest`` is the widest text beside it.
    """

    title: str
    is_page: bool
    heat: Heat
    across: tuple[str, ...]
    down: tuple[str, ...]
    shades: tuple[str, ...]
    outside: str
    grid: Grid
    widest: str
    wide: str = ""
    high: str = ""


@dataclass(frozen=True)
class Block:
    """A part of a page, and ``empty``, a sentence in its place where there is nothing to show.

    ``claim`` says in a sentence what is to be seen; ``up`` and ``across`` are what a chart's axes are called.
    """

    kind: str
    title: str
    empty: str = ""
    claim: str = ""
    up: str = ""
    across: str = ""
    figures: tuple[Figure, ...] = ()
    bars: tuple[Bar, ...] = ()
    chart: Chart | None = None
    says: str = ""
    grid: Grid | None = None
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Drawing:
    """What a visual is drawn from: gold in DuckDB, how columns are written, and why a table may have no rows."""

    queries: GoldQueries
    connection: DuckDBPyConnection
    writers: dict[str, Write]
    why_empty: Callable[[Sequence[str], str], str]
    currency: str = ""

    def block(self, page: Page, visual: Visual) -> Block:
        """The block for a visual of a page."""
        block = _DRAWN_BY[visual.kind](self, page, visual)
        reason = visual.none or page.none
        return block or Block("empty", visual.title, self.why_empty(self.queries.sources(_fields(visual)), reason))

    def text(self, value: Any, field: str) -> str:
        """A field's value as text."""
        return written(value, field, self.writers)


def _fields(visual: Visual) -> tuple[str, ...]:
    return tuple(field for role in visual.roles.values() for field in role)


def _figures(drawing: Drawing, page: Page, visual: Visual) -> Block:
    fields = visual.roles["Values"]
    [row] = drawing.queries.rows(drawing.connection, fields, only=page.only).rows
    figures = tuple(
        Figure(heading(field), drawing.text(value, field), _moved(drawing, page, field))
        for value, field in zip(row, fields, strict=True)
    )
    return Block("figures", visual.title, figures=figures)


def _moved(drawing: Drawing, page: Page, field: str) -> str:
    """By how much a figure's last whole days differ from those before; "" where that is not known."""
    trend = TRENDS.get(heading(field))
    if trend is None:
        return ""
    [[value]] = drawing.queries.rows(drawing.connection, (f"[{trend.change.name}]",), only=page.only).rows
    return "" if value is None else f"last {DAYS} days: {drawing.text(value, f'[{trend.change.name}]')}"


def _funnel(drawing: Drawing, page: Page, visual: Visual) -> Block | None:
    fields = visual.roles["Y"]
    [row] = drawing.queries.rows(drawing.connection, fields, only=page.only).rows
    if not any(row):
        return None
    labels = [heading(field) for field in fields]
    texts = [f"{drawing.text(value, field)} ({value / max(row):.1%})" for value, field in zip(row, fields, strict=True)]
    return Block("bars", visual.title, bars=_bars(labels, texts, row), claim=furthest(row))


def _bar_chart(drawing: Drawing, page: Page, visual: Visual) -> Block | None:
    category, measure = visual.roles["Category"][0], visual.roles["Y"][0]
    found = drawing.queries.rows(
        drawing.connection, (category, measure), only=page.only, sort=visual.sort, limit=visual.most
    )
    if not found.rows:
        return None
    labels = [drawing.text(row[0], category) for row in found.rows]
    texts = [drawing.text(row[1], measure) for row in found.rows]
    says = f"The first {len(found.rows)} of {found.total:,}." if found.total > len(found.rows) else ""
    values = [row[1] for row in found.rows]
    claim = ""
    if category == "sessions[referrer_kind]" and measure == "[Sessions]":
        [[total]] = drawing.queries.rows(drawing.connection, (measure,), only=page.only).rows
        claim = leader(labels, [float(value or 0) for value in values], float(total or 0), "sessions")
    return Block("bars", visual.title, bars=_bars(labels, texts, values), says=says, claim=claim)


def _bars(labels: Sequence[str], texts: Sequence[str], values: Sequence[Any]) -> tuple[Bar, ...]:
    longest = max((float(value or 0) for value in values), default=0)
    return tuple(
        Bar(label, text, round(100 * float(value or 0) / longest, 2) if longest else 0)
        for label, text, value in zip(labels, texts, values, strict=True)
    )


def _chart(drawing: Drawing, page: Page, visual: Visual) -> Block | None:
    category, measures = visual.roles["Category"][0], visual.roles["Y"]
    split = visual.roles.get("Series", ())
    rows = drawing.queries.rows(drawing.connection, (category, *split, *measures), only=page.only).rows
    rows = [row for row in rows if row[0] is not None]
    if not rows:
        return None
    categories = sorted({row[0] for row in rows})
    place = {value: position for position, value in enumerate(categories)}
    series: dict[str, list[float | None]] = {}
    for row in rows:
        values = [float(value) if value is not None else None for value in row[1 + len(split) :]]
        names = [drawing.text(row[1], split[0])] if split else [heading(measure) for measure in measures]
        for name, value in zip(names, values, strict=True):
            series.setdefault(name, [None] * len(categories))[place[row[0]]] = value
    draw = line_chart if visual.kind == "lineChart" else column_chart
    names = [drawing.text(value, category) for value in categories]
    is_daily = owner(category) == (CALENDAR, CALENDAR_DAY)
    chart = draw(categories, names, series, _values(drawing, measures[0]), names[-1] if is_daily else "")
    texts = [
        (name, *(drawing.text(values[position], measures[0]) for values in series.values()))
        for position, name in enumerate(names)
    ]
    header = (heading(category), *series)
    grid = Grid(header, tuple(texts), (False, *(True for _ in series)), len(texts))
    claim = ""
    if is_daily and not split and heading(measures[0]) in {"Sessions", "Revenue"}:
        known = zip(categories, series[heading(measures[0])], strict=True)
        by_day = {day: value for day, value in known if value is not None}
        claim = change(by_day, heading(measures[0]), categories[-1], counts=heading(measures[0]) == "Sessions")
    return Block(
        "columns" if chart.width else "lines",
        visual.title,
        claim=claim,
        up=axis_name(measures, category),
        across=category_name(category),
        chart=chart,
        says=_in_words(names, series, grid),
        grid=grid,
    )


def _values(drawing: Drawing, field: str) -> Values:
    """How a measure's values and the marks of its axis are written."""
    measure = measure_of(field)
    kind = measure.format if measure else Format.NUMBER
    return Values(
        lambda value: drawing.text(value, field),
        lambda step: mark_writer(kind, drawing.currency, step),
        least=1 if kind in HAS_WHOLE_VALUES else 0,
    )


def _in_words(names: Sequence[str], series: dict[str, list[float | None]], grid: Grid) -> str:
    """What a chart shows, for those who do not see it."""
    sentences = []
    for column, (name, values) in enumerate(series.items(), start=1):
        known = [position for position, value in enumerate(values) if value is not None]
        if not known:
            sentences.append(f"{name}: no values.")
            continue
        highest = max(known, key=lambda position: values[position] or 0)
        first, top, last = ((grid.rows[place][column], names[place]) for place in (known[0], highest, known[-1]))
        sentences.append(
            f"{name}: {first[0]} at {first[1]}, highest {top[0]} at {top[1]}, {last[0]} at {last[1]}."
            if len(known) > 1
            else f"{name}: {first[0]} at {first[1]}."
        )
    return " ".join(sentences)


def _table(drawing: Drawing, page: Page, visual: Visual) -> Block | None:
    fields = visual.roles["Values"]
    found = drawing.queries.rows(
        drawing.connection, fields, only=page.only, sort=visual.sort, ascending=visual.ascending, limit=MOST_ROWS
    )
    if not found.rows:
        return None
    grid = Grid(
        tuple(heading(field) for field in fields),
        tuple(
            tuple(drawing.text(value, field) for value, field in zip(row, fields, strict=True)) for row in found.rows
        ),
        tuple(
            all(isinstance(row[place], int | float | Decimal | None) for row in found.rows)
            for place in range(len(fields))
        ),
        found.total,
    )
    return Block("table", visual.title, grid=grid)


def _heat(drawing: Drawing, page: Page, visual: Visual) -> Block | None:
    """A heat map, one for each value of the page's slicer where that is a column of the same table."""
    down, across, measure = (visual.roles[role][0] for role in ("Rows", "Columns", "Values"))
    of = owner(across)[0]
    slicers = [other.roles["Values"][0] for other in page.visuals if other.kind == "slicer"]
    split = [field for field in slicers if owner(field)[0] == of][:1]
    rows = drawing.queries.rows(
        drawing.connection, (*split, down, across, measure), only=page.only, sort=measure, limit=MOST_CELLS
    ).rows
    parts: dict[str, list[Any]] = {}
    for row in rows:
        parts.setdefault(drawing.text(row[0], split[0]) if split else "", []).append(row[len(split) :])
    order = sorted(parts, key=lambda name: -sum(cell[2] for cell in parts[name]))
    scale = scale_of(list(parts.values())) if split and parts else None
    pictures = tuple(_picture(drawing, name, parts[name], (down, across, measure), scale) for name in order)
    return Block("heat", visual.title, pictures=pictures) if pictures else None


def _picture(
    drawing: Drawing, title: str, cells: Sequence[Any], fields: tuple[str, str, str], scale: Scale | None
) -> Picture:
    """A heat map by itself, or one of several on the same scale."""
    down, across, measure = fields
    found = [(cell[0], cell[1], float(cell[2])) for cell in cells]
    heat = (
        heat_map(found, down=scale.down(found), across=scale.across, most=float(scale.most))
        if scale
        else heat_map(found)
    )
    labels = tuple(drawing.text(value, down) for value in heat.down)
    wide, high = (f"{scale.step * cells:,} px" if scale else "" for cells in (heat.width, heat.height))
    grid = Grid(
        tuple(heading(field) for field in fields),
        tuple(
            tuple(drawing.text(value, field) for value, field in zip(cell, fields, strict=True))
            for cell in cells[: MOST_ROWS if title else len(WEEKDAYS) * 24]
        ),
        (False, False, True),
        len(cells),
    )
    return Picture(
        title=title,
        is_page=scale is not None,
        heat=heat,
        across=tuple(drawing.text(value, across) for value in heat.across),
        down=labels,
        shades=tuple(
            _from_to(drawing.text(shade.least, measure), drawing.text(shade.most, measure)) for shade in heat.shades
        ),
        outside=drawing.text(heat.outside, measure) if heat.outside else "",
        grid=grid,
        widest=max((high,) if scale else labels, key=len),
        wide=wide,
        high=high,
    )


def tested(drawing: Drawing) -> str:
    """What training measured of each newest model on its test period; "" where no score has been evaluated yet."""
    names = ("model_name", "model_version", "test_average_precision", "started_on")
    fields = [f"model_metrics[{name}]" for name in names]
    newest: dict[str, str] = {}
    for name, version, precision, _ in drawing.queries.rows(drawing.connection, fields, sort=fields[-1]).rows:
        if precision is not None:
            newest.setdefault(name, f"{precision:.2f} by {name}, version {version}")
    said = "; ".join(newest.values())
    return f"Average precision on the test period of training, where 1 is perfect: {said}." if said else ""


def _from_to(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


_DRAWN_BY: dict[str, Callable[[Drawing, Page, Visual], Block | None]] = {
    "card": _figures,
    "multiRowCard": _figures,
    "funnel": _funnel,
    "lineChart": _chart,
    "clusteredColumnChart": _chart,
    "clusteredBarChart": _bar_chart,
    "tableEx": _table,
    "pivotTable": _heat,
}
"""How each kind of visual is drawn; text boxes and slicers are no blocks."""
