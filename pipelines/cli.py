"""The command line: one command, everything put together."""

from __future__ import annotations

import typer

from pipelines import broker, models, produce, quarantine, serve
from pipelines.aggregate import aggregate
from pipelines.console import call
from pipelines.contract import contract
from pipelines.demo import demo
from pipelines.doctor import doctor
from pipelines.evaluate import evaluate
from pipelines.export import export
from pipelines.ingest import ingest
from pipelines.maintain import maintain
from pipelines.powerbi.command import powerbi
from pipelines.quality import quality
from pipelines.rebuild import rebuild
from pipelines.recover import recover
from pipelines.refine import refine
from pipelines.report.command import report
from pipelines.run import run
from pipelines.score import score
from pipelines.sql import sql
from pipelines.status import status
from pipelines.tables import check, tables
from pipelines.train import train
from pipelines.verify import verify

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
