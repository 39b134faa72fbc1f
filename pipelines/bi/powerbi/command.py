"""Run `clickstream powerbi`: write the Power BI project of the gold tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lakehouse.errors import UsageError
from pipelines.bi.powerbi.project import NAME, project_files, thin_report_files, write_project
from pipelines.bi.powerbi.sources import SourceKind, for_windows, gold_source
from pipelines.runtime.catalog import GOLD
from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import load_settings
from producers.shop.settings import current_shop


def powerbi(
    folder: Annotated[Path, typer.Option("--out", help="The folder to write: new, empty, or one made by this.")],
    source: Annotated[SourceKind, typer.Option(help="How Power BI reads gold.")] = SourceKind.folder,
    path: Annotated[
        str | None,
        typer.Option(
            help="Where gold is, as Power BI reaches it: C:\\lake\\gold, \\\\server\\share\\gold, "
            "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/lake/gold, https://HOST/delta-sharing, "
            "HOST:10000 of `clickstream serve sql`, or http://HOST:10000/cliservice of another Thrift Server. "
            "Without it, this installation's own folder.",
        ),
    ] = None,
    incremental: Annotated[
        bool,
        typer.Option("--incremental", help="Refresh the tables of sessions and scores part by part in the service."),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            help="Write the report alone, on a model that is published: WORKSPACE/MODEL, or WORKSPACE/MODEL#ID.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a project that was changed since.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a Power BI project of the gold tables, from their declarations; starts no Spark."""
    tables, currency, root = tuple(GOLD.values()), current_shop().currency, ""
    if model is None:
        gold = gold_source(source, _own_gold(source) if path is None else path)
        root = gold.root
        files = project_files(tables, gold, currency, incremental=incremental)
    elif path is None and not incremental:
        files = thin_report_files(tables, model, currency)
    else:
        raise UsageError(
            "A published model has its own place and its own refresh.",
            "Leave out --path and --incremental with --model.",
        )
    write_project(folder, files, force=force)
    if as_json:
        print_json({"folder": str(folder), "project": f"{NAME}.pbip", "files": list(files)})
        return
    out.print(f"{len(files)} files. Open this one in Power BI Desktop: {folder / f'{NAME}.pbip'}")
    if (seen := for_windows(root)) != root:
        out.print(f"GoldRoot is {root}. Windows sees WSL's folders by another name: give --path, as in {seen}")


def _own_gold(source: SourceKind) -> str:
    if source is not SourceKind.folder:
        raise UsageError(f"--source {source} needs --path.", "Say where gold is; --help shows how each is spelled.")
    root = load_settings().lake_root
    if "://" in root:
        raise UsageError(f"The lake is {root}, which is no folder.", "Give --source and --path as Power BI reaches it.")
    return str(Path(root) / "gold")


if __name__ == "__main__":
    call(powerbi)
