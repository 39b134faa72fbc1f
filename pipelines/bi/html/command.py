"""Run `clickstream report`: write the report as one HTML file, or serve it as a page that follows the jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.errors import UsageError
from pipelines.bi.html.live import live_page, live_server
from pipelines.bi.html.render import GENERATOR, Report
from pipelines.query.export import write_whole
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.local_http import how_to_forward, serve_until_stopped
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import Settings, load_settings
from producers.shop.settings import current_shop

ENDINGS = (".html", ".htm")
"""What a file of the report may end in; it may have no ending."""


def report(
    file: Annotated[
        Path | None, typer.Option("--out", help="The HTML file to write; one made by this may be there already.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Serve it on this machine instead, as gold is at any time, until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port for --live; 0 takes one that is free.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that something else made.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the report as one HTML file: the pages of the Power BI report, drawn from gold; starts no Spark."""
    if live == (file is not None):
        raise UsageError("The report is either written or served.", "Give --out FILE, or --live.")
    settings = load_settings()
    if file is None:
        _serve(settings, port, as_json=as_json)
        return
    if file.suffix.lower() not in {"", *ENDINGS}:
        raise UsageError(
            f"The report is a page of HTML, and {file} does not say so.",
            "Let --out end in .html. A browser prints the page to a PDF.",
        )
    html_report = Report(tuple(GOLD.values()), current_shop().currency)
    gold = html_report.open(settings.lake_root)
    with gold.connection:
        html = html_report.html(gold, made_at=datetime.now(UTC))
    write_whole(file, lambda draft: draft.write_text(html, encoding="utf-8"), force=force or is_report(file))
    if as_json:
        print_json({"file": str(file), "pages": [page.title for page in html_report.pages], "rows": dict(gold.rows)})
        return
    shown = len(html_report.pages)
    out.print(f"{file} is one page, with the {shown} pages of the Power BI report one below the other.", soft_wrap=True)


def is_report(file: Path) -> bool:
    """Whether a file is a report that this command wrote."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return f'<meta name="generator" content="{GENERATOR}">'.encode() in stream.read(1000)


def _serve(settings: Settings, port: int, *, as_json: bool) -> None:
    server = live_server(live_page(settings), port)

    def say(address: str) -> None:
        if as_json:
            print_json({"address": address})
        else:
            out.print(f"The report is at {address} and follows gold; Ctrl-C ends it.")
            out.print(how_to_forward(server.server_address[1]), soft_wrap=True)

    serve_until_stopped(server, say)


if __name__ == "__main__":
    call(report)
