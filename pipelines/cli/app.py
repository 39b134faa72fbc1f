"""The command line: one command, everything put together."""

from __future__ import annotations

import typer

from pipelines.aggregate import aggregate
from pipelines.bi.html.command import report
from pipelines.bi.powerbi.command import powerbi
from pipelines.cli import broker, models, produce, serve
from pipelines.cli.contract import contract
from pipelines.cli.demo import demo
from pipelines.cli.sql import sql
from pipelines.cli.tables import check, tables
from pipelines.evaluate import evaluate
from pipelines.ingest import ingest
from pipelines.operations import quarantine
from pipelines.operations.doctor import doctor
from pipelines.operations.maintain import maintain
from pipelines.operations.quality import quality
from pipelines.operations.recover import recover
from pipelines.operations.status import status
from pipelines.operations.verify import verify
from pipelines.query.export import export
from pipelines.rebuild import rebuild
from pipelines.refine import refine
from pipelines.run import run
from pipelines.runtime.console import call
from pipelines.score import score
from pipelines.train import train

app = typer.Typer(
    name="clickstream",
    help="A clickstream lakehouse: Kafka to Delta tables, sessions, and who will buy. --debug shows stack traces.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(doctor)
app.add_typer(broker.app, name="broker", help="The embedded Kafka.")
app.add_typer(produce.app, name="produce", help="Events into Kafka: simulated shoppers, or a real export.")
for job in (ingest, refine, aggregate, train, score, evaluate, run):
    app.command()(job)
app.add_typer(models.app, name="models", help="The registered models: which version is live, and why.")
app.command()(status)
app.command()(verify)
app.command()(quality)
app.command()(rebuild)
app.command()(recover)
app.command()(maintain)
app.add_typer(quarantine.app, name="quarantine", help="What broke the contract: look at it, and send it through again.")
app.command()(contract)
app.command()(tables)
app.command()(check)
app.command()(powerbi)
app.command()(report)
app.command()(sql)
app.command()(export)
app.add_typer(serve.app, name="serve", help="Servers: the MLflow UI, a SQL endpoint over gold.")


def main() -> None:
    """The program ``clickstream``."""
    call(app)


if __name__ == "__main__":
    main()
