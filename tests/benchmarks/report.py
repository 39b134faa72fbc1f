"""Write the docs' tables and chart from a result: no figure in them is typed by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.stage import COMPACT, COURSE, DUCKDB, OURS, SPARK

ROOT = Path(__file__).resolve().parents[2]
RESULT = Path(__file__).with_name("results.json")
GROWTH = Path(__file__).with_name("growth.json")
CHART = Path("docs") / "pictures" / "benchmarks.svg"

BATCHES = ("batch", "batch_long")
"""The stages that are one: seconds after a history, and after ten times as much."""

COLOURS = {OURS: "#1b6e4f", SPARK: "#c2703d", COMPACT: "#4d6fa8", DUCKDB: "#8a6fb0", COURSE: "#9a9a9a"}

Result = dict[str, Any]


def write_docs(root: Path = ROOT) -> None:
    """Writes the tables into docs/benchmarks.md and README.md, and the chart."""
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    _replace(root / "docs" / "benchmarks.md", "speed", speed(result))
    _replace(root / "README.md", "speed", overview(result))
    if GROWTH.exists():
        _replace(root / "docs" / "benchmarks.md", "growth", growth(json.loads(GROWTH.read_text(encoding="utf-8"))))
    chart(result, root / CHART)


def _replace(file: Path, name: str, text: str) -> None:
    """Replaces what stands between the two marks of a name."""
    begin, end = marks(name)
    before, found, rest = file.read_text(encoding="utf-8").partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise SystemExit(f"{file.name} has no marks {begin} and {end}")
    file.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def marks(name: str) -> tuple[str, str]:
    """The lines between which a file has what is written here."""
    return f"<!-- {name}: written by `python -m tests.benchmarks.compare write` -->", f"<!-- end of {name} -->"


def speed(result: Result) -> str:
    """Every stage with all contenders, for docs/benchmarks.md."""
    parts = [_about(result)]
    stages = result["stages"]
    for name, stage in stages.items():
        if name == BATCHES[0] and BATCHES[1] in stages:
            parts.append(_batches(stage, stages[BATCHES[1]]))
        elif name not in BATCHES:
            parts.append(_stage(stage))
    return "\n\n".join(parts)


def _about(result: Result) -> str:
    about, stages = result["machine"], result["stages"].values()
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    days = sorted({stage["measured_on"] for stage in stages})
    priority = ", with priority on a shared machine" if all(stage["has_priority"] for stage in stages) else ""
    return (
        f"Measured on {' and '.join(days)}{priority}: {about['processor']}, {about['cores']} cores, "
        f"{about['memory_gb']} GB, {about['system']}, Python {about['python']}, Java {about['java']}, {packages}."
    )


def _stage(stage: Result) -> str:
    lines = [
        f"### {stage['title']}",
        "",
        f"{stage['doc']} {stage['plan']['events']:,} events. {_goal(stage)}",
        "",
        "| | events/s | seconds, median (all rounds) | CPU seconds | memory | |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in stage["contenders"].items():
        lines.append(
            f"| {_name(name)} | {_rate(one):,.0f} | {_seconds(one)} | {one['cpu_seconds']:.1f} | {_memory(one)} "
            f"| {one['note']} |"
        )
    if split := _split(stage):
        lines += ["", split]
    return "\n".join(lines)


def _batches(short: Result, long: Result) -> str:
    before = short["plan"]["history"]
    lines = [
        f"### {short['title']}",
        "",
        f"{short['doc']} {_goal(short)} {_goal(long)}".replace(
            "The goal", f"After {before:,} events the goal", 1
        ).replace(" The goal", f" After {before * 10:,} the goal", 1),
        "",
        f"| | seconds after {before:,} events | after {before * 10:,} | times as long | CPU seconds | memory | |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in short["contenders"].items():
        other = long["contenders"].get(name)
        if other:
            ratio = other["seconds"] / one["seconds"]
            lines.append(
                f"| {_name(name)} | {_seconds(one)} | {_seconds(other)} | {ratio:.2f} | {other['cpu_seconds']:.1f} "
                f"| {_memory(other)} | {one['note']} |"
            )
    for stage, when in ((short, "shorter"), (long, "longer")):
        if split := _split(stage, f"Of the seconds after the {when} history"):
            lines += ["", split]
    return "\n".join(lines)


def _split(stage: Result, words: str = "Of the seconds of this project") -> str:
    """Where the time goes, by what the rounds have noted in seconds."""
    ours = stage["contenders"].get(OURS)
    parts = {name: value for name, value in (ours or {"more": {}})["more"].items() if name.endswith(" s")}
    if not ours or not parts:
        return ""
    listed = ", ".join(f"{name.removesuffix(' s')} {value:.1f}" for name, value in parts.items())
    return f"{words} ({ours['seconds']:.1f}): {listed}."


def _goal(stage: Result) -> str:
    ours = stage["contenders"][OURS]
    if (least := stage["at_least"]) is not None:
        is_met, goal = _rate(ours) >= least, f"at least {least:,.0f} events/s"
    else:
        is_met, goal = ours["seconds"] <= stage["at_most"], f"at most {stage['at_most']:g} s"
    return f"The goal, {goal}, is {'met' if is_met else '**not met**'}."


def _rate(one: Result) -> float:
    return float(one["events"] / one["seconds"])


def _seconds(one: Result) -> str:
    rounds = [each["seconds"] for each in one["rounds"]]
    return f"{one['seconds']:.2f} ({min(rounds):.2f} to {max(rounds):.2f}, {len(rounds)})"


def _memory(one: Result) -> str:
    return f"{one['peak_bytes'] / 2**30:.1f} GB"


def _name(name: str) -> str:
    return f"**{name}**" if name == OURS else name


RIVALS = (OURS, SPARK, COMPACT, DUCKDB, COURSE)


def overview(result: Result) -> str:
    """One line per stage, for the README."""
    lines = [f"| | {' | '.join(_name(name) for name in RIVALS)} |", "|---" * (len(RIVALS) + 1) + "|"]
    for stage in result["stages"].values():
        cells = [_short(stage, stage["contenders"].get(name)) for name in RIVALS]
        lines.append(f"| {stage['title']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _short(stage: Result, one: Result | None) -> str:
    if one is None:
        return ""
    return f"{one['seconds']:.1f} s" if stage["at_least"] is None else f"{_rate(one):,.0f}/s"


def growth(found: Result) -> str:
    """What a history of so many million events costs, and the exponents."""
    sizes = list(found["sizes"].values())
    names = list(dict.fromkeys(name for size in sizes for name in size["figures"]))
    millions = [f"{size['millions']:g}" for size in sizes]
    lines = [
        f"| millions of events | {' | '.join(millions)} | exponent |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for name in names:
        cells = [f"{size['figures'][name]:,.3g}" if name in size["figures"] else "" for size in sizes]
        lines.append(f"| {name} | {' | '.join(cells)} | {_exponent(sizes, name)} |")
    return "\n".join([f"Measured on {found['measured_on']}. {found['doc']}", "", *lines])


def _exponent(sizes: list[Result], name: str) -> str:
    """The power of the number of events with which a figure grows, from the smallest size to the largest."""
    from math import log

    having = [(size["millions"], size["figures"][name]) for size in sizes if size["figures"].get(name)]
    if len(having) < 2:
        return ""
    (small, first), (large, last) = having[0], having[-1]
    return f"{log(last / first) / log(large / small):.2f}"


def chart(result: Result, file: Path) -> None:
    """Draws one panel per stage: bars of events a second or of seconds, and a line at the goal."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    stages = list(result["stages"].values())
    columns = 2
    rows = -(-len(stages) // columns)
    with mpl.rc_context(
        {"svg.hashsalt": "benchmarks", "font.size": 9, "svg.fonttype": "none", "font.family": "sans-serif"}
    ):
        figure, panels = plt.subplots(rows, columns, figsize=(10, 1.9 * rows), squeeze=False, layout="constrained")
        for panel in panels.flat:
            panel.set_visible(False)
        for panel, stage in zip(panels.flat, stages, strict=False):
            _panel(panel, stage)
        figure.savefig(file, metadata={"Date": None, "Creator": None})
        plt.close(figure)


def _panel(panel: Any, stage: Result) -> None:
    is_rate = stage["at_least"] is not None
    bars = list(_bars(stage, is_rate=is_rate))
    panel.set_visible(True)
    names, values, _ = zip(*bars, strict=True)
    places = range(len(bars))
    drawn = panel.barh(places, values, color=[COLOURS.get(name, "#c9c9c9") for name in names])
    panel.bar_label(drawn, [label for _, _, label in bars], padding=3)
    panel.axvline(stage["at_least"] if is_rate else stage["at_most"], color="#333333", linestyle=":", linewidth=1)
    panel.set_yticks(places, names)
    panel.invert_yaxis()
    panel.margins(x=0.2)
    panel.locator_params(axis="x", nbins=4)
    panel.set_title(stage["title"], loc="left", fontsize=9, fontweight="bold")
    panel.set_xlabel(
        "events a second; dotted: the goal, to be passed" if is_rate else "seconds; dotted: the goal, to be kept"
    )
    panel.spines[["top", "right"]].set_visible(False)
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 or not value else f"{value:g}")


def _bars(stage: Result, *, is_rate: bool) -> Iterator[tuple[str, float, str]]:
    for name, one in stage["contenders"].items():
        value = _rate(one) if is_rate else one["seconds"]
        yield name, value, f"{value:,.0f}" if is_rate else f"{value:.1f}"
