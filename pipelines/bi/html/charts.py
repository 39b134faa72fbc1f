"""Compute charts as plain geometry, for pictures that CSS colours and a browser stretches.

Lengths are per cent of the picture's width and height, from its top left. Text stands beside the pictures as HTML,
so that it keeps its size on any screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

TICKS = 4
"""Into how many steps an axis of values is divided, about."""

MIDDLE = (45.0, 55.0)
"""Between which per cent of its width a third category is named below a chart; elsewhere names might meet."""

LONG_GAP = 14
"""How many days without data are shortened at the least, where they also outnumber all the days that have data."""

DOTS = 62
"""Up to how many categories a line has a dot at each."""

STRAY = 0.01
"""Which share of all may lie outside of an axis where that makes it less than half as long."""

LONGEST_AXIS = 400
"""How many cells an axis has at most."""

LEVELS = 6
"""How many shades a heat map has."""


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where, and what is written there."""

    at: float
    label: str


@dataclass(frozen=True)
class Point:
    """A value of a line or a column: where it is, and what a pointer over it reads."""

    x: float
    y: float
    reads: str


@dataclass(frozen=True)
class Line:
    """One series of a chart: its path, its points, and the path to a last point that is not whole yet."""

    name: str
    path: str
    points: tuple[Point, ...]
    tail: str = ""


@dataclass(frozen=True)
class Gap:
    """Days without data that an axis shortens: where, and between which two days."""

    at: float
    days: int
    after: date
    before: date


@dataclass(frozen=True)
class Chart:
    """Lines or columns over the same axes; columns are ``width`` wide, lines have none."""

    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    gaps: tuple[Gap, ...] = ()
    width: float = 0
    has_dots: bool = False
    running: str = ""


@dataclass(frozen=True)
class Shade:
    """One level of a heat map: the path of its cells, and which values they hold, as text."""

    level: int
    path: str
    least: float
    most: float


@dataclass(frozen=True)
class Heat:
    """A heat map: how many cells it is wide and high, its shades, and its axes' labels in order."""

    width: int
    height: int
    shades: tuple[Shade, ...]
    across: tuple[Any, ...]
    down: tuple[Any, ...]
    outside: float


def steps(most: float, least: float = 0) -> list[float]:
    """Round numbers from 0 up to at least the most, in equal steps of 1, 2 or 5 times a power of ten.

    No step is shorter than ``least``: between whole numbers there is nothing to mark.
    """
    if most <= 0:
        return [0, 1]
    rough = max(most / TICKS, least)
    power = 10 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * (1 - 1e-9))
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


@dataclass(frozen=True)
class _Spread:
    """Where the categories stand, as numbers of equal steps from the first one; and the gaps that were shortened."""

    steps: tuple[float, ...]
    gaps: tuple[Gap, ...] = ()


def _spread(categories: Sequence[Any]) -> _Spread:
    """Days by their distance, but for long gaps; numbers by theirs; anything else one beside the other."""
    if len(categories) > 1 and all(isinstance(category, float) for category in categories):
        unit = min(other - one for one, other in pairwise(categories))
        return _Spread(tuple(round((category - categories[0]) / unit, 6) for category in categories))
    if not all(isinstance(category, date) for category in categories):
        return _Spread(tuple(range(len(categories))))
    short = max(2, len(categories) // 8)
    steps, gaps = [0.0], []
    for day, next_day in pairwise(categories):
        empty = (next_day - day).days - 1
        is_long = empty > max(LONG_GAP, len(categories))
        if is_long:
            gaps.append(Gap(steps[-1] + short / 2, empty, day, next_day))
        steps.append(steps[-1] + (short if is_long else empty + 1))
    return _Spread(tuple(steps), tuple(gaps))


def _placed(spread: _Spread, slot: float = 0) -> tuple[list[float], tuple[Gap, ...]]:
    """The categories' places and the gaps' in per cent, ``slot`` per cent wide and wholly inside of the picture."""
    last = spread.steps[-1]

    def place(step: float) -> float:
        return slot / 2 + step / last * (100 - slot) if last else 50.0

    gaps = tuple(replace(gap, at=round(place(gap.at), 2)) for gap in spread.gaps)
    return [place(step) for step in spread.steps], gaps


def _labels(places: Sequence[float], names: Sequence[str]) -> tuple[Tick, ...]:
    """The first and the last of the categories, and the one in the middle where there is one."""
    middle = min(range(len(places)), key=lambda index: abs(places[index] - 50))
    chosen = {0, len(places) - 1} | ({middle} if MIDDLE[0] <= places[middle] <= MIDDLE[1] else set())
    return tuple(Tick(places[index], names[index]) for index in sorted(chosen))


@dataclass(frozen=True)
class Values:
    """How values are written: each, the marks of an axis by their step, and the shortest step that makes sense."""

    write: Callable[[float], str]
    marks: Callable[[float], Callable[[float], str]]
    least: float = 0


def _up(most: float, values: Values) -> tuple[tuple[Tick, ...], float]:
    marks = steps(most, values.least)
    write = values.marks(marks[1])
    return tuple(Tick(100 - 100 * mark / marks[-1], write(mark)) for mark in marks), marks[-1]


def _highest(series: dict[str, list[float | None]]) -> float:
    return max((value for values in series.values() for value in values if value is not None), default=0)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def line_chart(
    categories: Sequence[Any],
    names: Sequence[str],
    series: dict[str, list[float | None]],
    values: Values,
    running: str = "",
) -> Chart:
    """A line for each series, broken where it has no value and at long gaps; ``names`` are the categories as text.

    ``running`` is the name of the last category where it is not over: what leads there is drawn apart.
    """
    up, top = _up(_highest(series), values)
    places, gaps = _placed(_spread(categories))
    after_gaps = {gap.before for gap in gaps}
    drawn = []
    for name, found in series.items():
        path: list[str] = []
        points: list[Point] = []
        is_broken, tail = True, ""
        for place, key, category, value in zip(places, categories, names, found, strict=True):
            is_broken = is_broken or key in after_gaps
            if value is None:
                is_broken = True
                continue
            y = 100 - 100 * max(value, 0) / top
            here = f"{_number(place)} {_number(y)}"
            if category == running:
                tail = "" if is_broken or not points else f"M{_number(points[-1].x)} {_number(points[-1].y)}L{here}"
            else:
                path.append(f"{'M' if is_broken else 'L'}{here}")
            points.append(Point(round(place, 2), round(y, 2), _reads(category, name, values.write(value), running)))
            is_broken = False
        drawn.append(Line(name, "".join(path), tuple(points), tail))
    return Chart(tuple(drawn), _labels(places, names), up, gaps, has_dots=len(categories) <= DOTS, running=running)


def _reads(category: str, name: str, value: str, running: str) -> str:
    return f"{category}{' (not over)' if category == running else ''}: {name} {value}"


def column_chart(
    categories: Sequence[Any],
    names: Sequence[str],
    series: dict[str, list[float | None]],
    values: Values,
    running: str = "",
) -> Chart:
    """A column for each category and series, the series beside each other; that of ``running`` is not over."""
    up, top = _up(_highest(series), values)
    spread = _spread(categories)
    slot = 100 / (spread.steps[-1] + 1)
    width = slot * 0.8 / len(series)
    middles, gaps = _placed(spread, slot)
    drawn = []
    for position, (name, found) in enumerate(series.items()):
        points = tuple(
            Point(
                round(middle - slot * 0.4 + position * width, 3),
                round(100 - 100 * max(value, 0) / top, 2),
                _reads(category, name, values.write(value), running),
            )
            for middle, category, value in zip(middles, names, found, strict=True)
            if value is not None
        )
        drawn.append(Line(name, "", points))
    return Chart(tuple(drawn), _labels(middles, names), up, gaps, width=round(width, 3), running=running)


def heat_map(
    cells: Sequence[tuple[Any, Any, float]],
    *,
    down: tuple[Any, ...] = (),
    across: tuple[Any, ...] = (),
    most: float = 0,
) -> Heat:
    """Cells of (down, across, value), shaded by their value; numbers have their gaps, and stray ones are left out.

    The shades' limits are the squares of equal steps, so that the many small values can be told apart. Maps that are
    to be compared are given their axes, and the most by which all are shaded.
    """
    down = down or _axis([(cell[0], cell[2]) for cell in cells])
    across = across or _axis([(cell[1], cell[2]) for cell in cells])
    rows = {value: place for place, value in enumerate(down)}
    columns = {value: place for place, value in enumerate(across)}
    inside = [cell for cell in cells if cell[0] in rows and cell[1] in columns]
    most = most or max((value for *_, value in inside), default=0)
    by_level: dict[int, list[tuple[Any, Any, float]]] = {}
    for cell in inside:
        level = level_of(cell[2], most)
        by_level.setdefault(level, []).append(cell)
    shades = tuple(
        Shade(
            level,
            "".join(f"M{columns[x]} {rows[y]}h1v1h-1z" for y, x, _ in found),
            min(value for *_, value in found),
            max(value for *_, value in found),
        )
        for level, found in sorted(by_level.items())
    )
    outside = sum(value for *_, value in cells) - sum(value for *_, value in inside)
    return Heat(len(across), len(down), shades, across, down, outside)


@dataclass(frozen=True)
class Scale:
    """What maps beside each other have in common: the distance of cells, the axis across, and the most in a cell."""

    step: int
    across: tuple[int, ...]
    most: float

    def down(self, cells: Sequence[tuple[Any, Any, float]]) -> tuple[int, ...]:
        """The axis from the top of a page down to the last of its own cells."""
        return _from_zero(_axis([(cell[0], cell[2]) for cell in cells]), self.step)


def scale_of(maps: Sequence[Sequence[tuple[Any, Any, float]]]) -> Scale:
    """The scale that all maps fit on, each of which begins at the page's top left."""
    cells = [cell for one in maps for cell in one]
    step = math.gcd(*(value for cell in cells for value in cell[:2])) or 1
    across = _from_zero(_axis([(cell[1], cell[2]) for cell in cells]), step)
    return Scale(step, across, max((cell[2] for cell in cells), default=0))


def _from_zero(axis: Sequence[int], step: int) -> tuple[int, ...]:
    return tuple(range(min(0, axis[0]), min(axis[-1], step * (LONGEST_AXIS - 1)) + 1, step))


def level_of(value: float, most: float) -> int:
    """Which shade a value has where the darkest one ends at the most."""
    return min(max(math.ceil(math.sqrt(value / most) * LEVELS), 1), LEVELS)


def _axis(weighed: Sequence[tuple[Any, float]]) -> tuple[Any, ...]:
    """The values of an axis in order; between numbers those that are missing too, without a few far out."""
    values = sorted({value for value, _ in weighed})
    if not all(isinstance(value, int) for value in values) or len(values) == 1:
        return tuple(values)
    step = math.gcd(*(value - values[0] for value in values[1:]))
    allowed = sum(weight for _, weight in weighed) * STRAY
    weights: dict[int, float] = {}
    for value, weight in weighed:
        weights[value] = weights.get(value, 0) + weight
    last, left = len(values) - 1, 0.0
    while last > 0 and left + weights[values[last]] <= allowed:
        left += weights[values[last]]
        last -= 1
    full, short = values[-1] - values[0], values[last] - values[0]
    end = values[last] if 2 * short < full else values[-1]
    return tuple(range(values[0], min(end, values[0] + step * (LONGEST_AXIS - 1)) + 1, step))
