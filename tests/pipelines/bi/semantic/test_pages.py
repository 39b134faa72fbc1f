"""A page shows what gold has."""

from __future__ import annotations

from lakehouse.table import Column, Table
from pipelines.bi.semantic.build import semantic_model
from pipelines.bi.semantic.pages import pages
from pipelines.runtime.catalog import GOLD
from tests.support.pages import DOCS


def shown_on(page_name, tables):
    model = semantic_model(tables)
    page = next(page for page in pages(model) if page.name == page_name)
    return {field for visual in page.visuals for fields in visual.roles.values() for field in fields}


def test_reasons_are_shown_beside_the_predictions():
    assert "session_predictions[path]" in shown_on("about_to_buy", tuple(GOLD.values()))


def test_how_the_scores_turned_out_is_shown_once_gold_has_it():
    others = [table for table in GOLD.values() if table.name != "gold.model_metrics"]
    assert not [field for field in shown_on("model_quality", others) if field.startswith("model_metrics")]
    metrics = Table(
        name="gold.model_metrics",
        doc="One row per model_version.",
        columns=(
            Column("model_version", "STRING", "The version.", True),
            Column("average_precision", "DOUBLE", "Of the test period."),
        ),
        key=("model_version",),
    )
    shown = shown_on("model_quality", [*others, metrics])
    assert {"model_metrics[model_version]", "model_metrics[average_precision]"} <= shown


def test_the_docs_name_every_page_in_order():
    titles = [page.title for page in pages(semantic_model(tuple(GOLD.values())))]
    told = " ".join((DOCS / "how-to" / "power-bi.md").read_text(encoding="utf-8").split())
    assert f"pages: {', '.join(titles)}." in told
