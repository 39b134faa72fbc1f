"""Render the report as HTML, from the pages of the semantic layer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lakehouse.table import Table
from pipelines.bi.html.blocks import Block, Drawing, Figure, tested
from pipelines.bi.html.formats import writers
from pipelines.bi.html.gold_snapshot import GoldSnapshot, Versions, open_snapshot, versions
from pipelines.bi.html.queries import GoldQueries, measure_of
from pipelines.bi.semantic.build import semantic_model
from pipelines.bi.semantic.layout import Page
from pipelines.bi.semantic.measures.measure import Measure
from pipelines.bi.semantic.measures.trends import TRENDS
from pipelines.bi.semantic.pages import pages

GENERATOR = "clickstream report"
"""What the file names as its generator: one that does may be written over."""

FRESHNESS = "<!--freshness-->"
"""Where a live page says how fresh gold is, which changes while nothing else does."""

PAGE = "page_performance[page]"
"""The field whose values are pages' addresses."""

_SCORED = "`clickstream train` and then `clickstream score`"

_FIXES = {
    "session_predictions": _SCORED,
    "next_session_predictions": "`clickstream models list --target next_session`, which says why no version that was "
    "trained is live; without one, `clickstream train --target next_session` and then `clickstream score`",
    "prediction_log": _SCORED,
    "model_metrics": "`clickstream evaluate`",
}
"""What fills the tables that `clickstream run` may leave empty."""


@dataclass(frozen=True)
class Section:
    """A page as the template takes it: what it is, its figures, its blocks in rows, and what the figures mean."""

    name: str
    title: str
    says: str
    claim: str
    cards: tuple[Figure, ...]
    rows: tuple[tuple[Block, ...], ...]
    meanings: tuple[Measure, ...]


class Report:
    """The report over gold tables."""

    def __init__(self, tables: Sequence[Table], currency: str = "") -> None:
        model = semantic_model(tables, currency)
        self.pages = pages(model)
        self._writers = writers(model)
        self._currency = currency
        self._queries = GoldQueries(tables)
        self._columns = self._queries.needed(self.pages)
        self._tables = [table for table in tables if table.short_name in self._columns]
        environment = Environment(
            loader=PackageLoader("pipelines.bi.html"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["with_commands"] = _with_commands
        self._template = environment.get_template("report.html")
        self._script = environment.get_template("live.js").render()

    def versions(self, root: str) -> Versions:
        """Which versions of the tables that it shows there are now."""
        return versions(self._tables, root)

    def open(self, root: str) -> GoldSnapshot:
        """What it needs of gold, in DuckDB.

        Raises OutsideError where there is no gold.
        """
        return open_snapshot(self._tables, self._columns, root)

    def html(self, gold: GoldSnapshot, *, made_at: datetime, live_seconds: int = 0) -> str:
        """The whole page; it asks for itself again every ``live_seconds``, or never."""
        site = _only_site(gold)
        drawing = Drawing(
            self._queries,
            gold.connection,
            self._writers | {PAGE: lambda page: self._writers[PAGE](page.removeprefix(site) or "/")},
            lambda names, otherwise: why_empty(gold.rows, names, otherwise),
            self._currency,
        )
        [first, last] = gold.connection.execute("SELECT min(started_on), max(started_on) FROM sessions").fetchall()[0]
        where = f" at {site.partition('//')[2]}" if site else ""
        span = f"Sessions of {first} to {last}{where}." if first else "No sessions yet."
        return self._page(made_at, live_seconds, sections=[_section(drawing, page) for page in self.pages], span=span)

    def error_page(self, sentence: str, *, made_at: datetime, live_seconds: int) -> str:
        """A page that says why there is no report, and looks again."""
        return self._page(made_at, live_seconds, sections=[], span=sentence)

    def _page(self, made_at: datetime, live_seconds: int, *, sections: Sequence[Section], span: str) -> str:
        return self._template.render(
            generator=GENERATOR,
            made_at=made_at,
            span=span,
            sections=sections,
            live_seconds=live_seconds,
            freshness=FRESHNESS,
            script=self._script,
            script_digest=b64encode(sha256(self._script.encode()).digest()).decode(),
        )


def why_empty(rows: Mapping[str, int | None], names: Sequence[str], otherwise: str = "") -> str:
    """Why there is nothing to show of some tables, and how to fix it; ``otherwise`` where all of them have rows."""
    for name in names:
        if not rows[name]:
            what = f"gold.{name} has no rows yet." if rows[name] == 0 else f"There is no table gold.{name} yet."
            return f"{what} Run {_FIXES.get(name, '`clickstream run`')}."
    return otherwise or "Nothing to show: no row of gold belongs here."


def _with_commands(sentence: str) -> Markup:
    """A sentence as HTML: what stands between backticks is to be typed."""
    words, code = Markup("{}"), Markup("<code>{}</code>")
    return Markup().join(
        (code if number % 2 else words).format(part) for number, part in enumerate(sentence.split("`"))
    )


def _said_once(rows: Sequence[Sequence[Block]]) -> tuple[tuple[Block, ...], ...]:
    """The rows; where none of them has anything to show, for one reason, it is said once."""
    blocks = [block for row in rows for block in row]
    if len(blocks) > 1 and len({block.empty for block in blocks}) == 1 and blocks[0].kind == "empty":
        return ((replace(blocks[0], title="; ".join(block.title for block in blocks)),),)
    return tuple(tuple(row) for row in rows)


def _unsaid(block: Block, cards: Sequence[Block]) -> Block:
    """A list of figures without the changes of figures that have a card."""
    said = {TRENDS[figure.name].change.name for card in cards for figure in card.figures if figure.name in TRENDS}
    return replace(block, figures=tuple(figure for figure in block.figures if figure.name not in said))


def _only_site(gold: GoldSnapshot) -> str:
    """Where all pages are, as in https://shop.example: a page is then told by its path; "" where there are several."""
    sites = gold.connection.execute(
        "SELECT DISTINCT regexp_extract(page, '^https?://[^/]+') FROM page_performance WHERE page IS NOT NULL"
    ).fetchall()
    return str(sites[0][0]) if len(sites) == 1 else ""


def _section(drawing: Drawing, page: Page) -> Section:
    """A page: its text, its cards together, and the rest in the rows that it is laid out in."""
    [says] = [visual.text for visual in page.visuals if visual.kind == "textbox"]
    shown = [visual for visual in page.visuals if visual.kind not in {"textbox", "slicer"}]
    cards = [drawing.block(page, visual) for visual in shown if visual.kind == "card"]
    others = [visual for visual in shown if visual.kind != "card"]
    # The cards say how they moved, so a list of changes would say the same again: what else it has is a card.
    cards += [_unsaid(drawing.block(page, visual), cards) for visual in others if visual.kind == "multiRowCard"]
    rows = [
        [visual for visual in row if visual.kind != "multiRowCard"]
        for _, row in groupby(others, key=lambda visual: visual.y)
    ]
    fields = [field for visual in shown for role in visual.roles.values() for field in role]
    measures = {measure: None for measure in map(measure_of, fields) if measure}
    return Section(
        page.name,
        page.title,
        says,
        tested(drawing) if page.name == "model_quality" else "",
        tuple(figure for card in cards for figure in card.figures),
        _said_once([[drawing.block(page, visual) for visual in row] for row in rows if row]),
        tuple(measures),
    )
