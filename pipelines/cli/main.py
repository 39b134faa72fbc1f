"""The program ``clickstream``: its commands by name, each imported when it is asked for."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from pipelines.runtime.commands import Lazy, lazy_app
from pipelines.runtime.console import call, out

NAME = "clickstream-lakehouse"
"""The name of the package."""

COMMANDS = {
    "demo": Lazy(
        "pipelines.cli.demo:demo", "Run everything once, small: Kafka, all tables, a model, predictions, and a summary."
    ),
    "doctor": Lazy("pipelines.operations.doctor:doctor", "Show what is missing on this machine, with a hint for each."),
    "broker": Lazy("pipelines.cli.broker:app", "The embedded Kafka: start it, stop it, look at it."),
    "produce": Lazy("pipelines.cli.produce:app", "Events into Kafka: simulated shoppers, or a real export."),
    "ingest": Lazy("pipelines.ingest:ingest", "Append Kafka's records to bronze, as they are."),
    "refine": Lazy(
        "pipelines.refine:refine", "Validate bronze's records and write each to silver, quarantine or duplicates."
    ),
    "aggregate": Lazy(
        "pipelines.aggregate:aggregate",
        "Keep gold up to date with silver; score what that changes with the champion, if there is one.",
    ),
    "train": Lazy(
        "pipelines.train:train",
        "Train a decision tree on sessions whose outcome is known; it goes live if it beats the champion.",
    ),
    "score": Lazy(
        "pipelines.score:score",
        "Score every session at its newest cutoff with the champion; --continuous waits for a champion.",
    ),
    "evaluate": Lazy(
        "pipelines.evaluate:evaluate",
        "Compare logged predictions with what then happened; fails where the champion is no longer good.",
    ),
    "run": Lazy(
        "pipelines.run:run",
        "Run all jobs once: ingest, refine, aggregate and score; --train trains the models in between.",
    ),
    "up": Lazy(
        "pipelines.cli.up:up",
        "Run all streams continuously: bronze, silver, gold and its scores, in one Spark application.",
    ),
    "models": Lazy("pipelines.cli.models:app", "The registered models: which version is live, and why."),
    "status": Lazy(
        "pipelines.operations.status:status",
        "Show how each stream stands: last batch, what is still to read, how fresh, what went wrong.",
    ),
    "latency": Lazy(
        "pipelines.operations.latency.command:latency",
        "Measure how long events take to each layer while `clickstream up` runs, by marked sessions; starts no Spark.",
    ),
    "verify": Lazy(
        "pipelines.operations.verify:verify",
        "Prove that every record is in bronze once and accounted for, that tables keep their rules, and gold is right.",
    ),
    "quality": Lazy(
        "pipelines.operations.quality:quality",
        "Compare each day's share of quarantined records with the settings; fail where it is too high.",
    ),
    "rebuild": Lazy("pipelines.rebuild:rebuild", "Rebuild a layer's tables from the layer below, to the same rows."),
    "recover": Lazy(
        "pipelines.operations.recover:recover",
        "Show what is wrong with each table and stream; with --apply, repair it, from what the layer before holds.",
    ),
    "maintain": Lazy(
        "pipelines.operations.maintain:maintain",
        "Compact small files, remove those that nothing needs any more, and rows past retention; streams may run.",
    ),
    "erase": Lazy(
        "pipelines.operations.erasure.command:erase",
        "Erase a person from every table, down to the files; leaves a receipt that names nobody. Starts no Spark.",
    ),
    "plan": Lazy(
        "pipelines.operations.plan:plan",
        "Compute partitions, cores, memory and disk for so many events a second, from measured rates; starts no Spark.",
    ),
    "quarantine": Lazy(
        "pipelines.cli.quarantine:app", "What broke the contract: look at it, and send it through again."
    ),
    "contract": Lazy(
        "pipelines.cli.contract:contract", "Print what an event has to look like: its fields, and the rules they keep."
    ),
    "shop": Lazy("pipelines.cli.shop:app", "Your shop: what its settings make of an address."),
    "tables": Lazy(
        "pipelines.cli.tables:tables", "List the tables: grain, key, columns and lineage, from their declarations."
    ),
    "check": Lazy(
        "pipelines.cli.check:check", "Dry run: every declaration builds the schema that it declares, without data."
    ),
    "powerbi": Lazy(
        "pipelines.bi.powerbi.command:powerbi",
        "Write a Power BI project of the gold tables, from their declarations; starts no Spark.",
    ),
    "report": Lazy(
        "pipelines.bi.html.command:report",
        "Write the report as one HTML file: the pages of the Power BI report, drawn from gold; starts no Spark.",
    ),
    "sql": Lazy(
        "pipelines.cli.sql:sql", "Ask the lake's tables in SQL (DuckDB's); nothing is written, and no Spark is started."
    ),
    "export": Lazy(
        "pipelines.query.export:export", "Write a table to one file, in the order of its key; starts no Spark."
    ),
    "serve": Lazy(
        "pipelines.cli.serve:app", "Servers for people and their tools: the MLflow UI, a SQL endpoint, scores, metrics."
    ),
}


def version() -> str:
    """The version of the package that is installed; where it runs from a checkout alone, what pyproject.toml says."""
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        project = Path(__file__).parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text())["project"]["version"]) if project.exists() else "of no package"


def _version(asked: bool) -> None:
    if asked:
        out.print(f"{NAME} {version()}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


app = lazy_app(
    COMMANDS,
    "A clickstream lakehouse: Kafka to Delta tables, sessions, and who will buy. --debug shows stack traces.",
    _options,
    name="clickstream",
)


def main() -> None:
    """The program ``clickstream``."""
    call(app)


if __name__ == "__main__":
    main()
