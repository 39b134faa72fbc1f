"""The registered versions, for people: which is live and why, another one made live, two of them compared."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table as Grid

from lakehouse.errors import UsageError
from pipelines.ml.evaluation import Comparison
from pipelines.ml.registry import Registry, open_registry
from pipelines.ml.targets import QUESTIONS, QuestionName
from pipelines.ml.training_data import training_data
from pipelines.runtime.console import call, out, print_json, progress_bar
from pipelines.runtime.job import open_job
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import load_settings
from pipelines.train import AskedQuestion, compared

app = typer.Typer(no_args_is_help=True, help="The registered models: which version is live, and why.")

Number = Annotated[str, typer.Argument(help="A version's number, as `clickstream models list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why: it is kept with the version.")]


def _registry(question: QuestionName) -> Registry:
    return open_registry(load_settings(), QUESTIONS[question.value])


@app.command("list")
def list_versions(question: AskedQuestion = QuestionName.in_session, as_json: AsJson = False) -> None:
    """List the versions, newest first: which is live, what each is worth, and why it is or is not live."""
    registry = _registry(question)
    versions = registry.versions()
    if as_json:
        print_json([{"model": registry.model, **asdict(one)} for one in versions])
        return
    grid = Grid("version", "alias", "made", "average precision", "why", box=None, padding=(0, 2))
    for one in versions:
        made = f"{one.made_at:%Y-%m-%d %H:%M}" if one.made_at else ""
        worth = one.tags.get("average_precision", "")
        grid.add_row(one.number, ", ".join(one.aliases), made, f"{float(worth):.3f}" if worth else "", escape(one.why))
    out.print(f"{registry.model}: {registry.question.asks}")
    out.print(grid)


@app.command()
def promote(version: Number, reason: Reason = "By hand.", question: AskedQuestion = QuestionName.in_session) -> None:
    """Make a version live, whatever it is worth; scoring takes it up with its next batch."""
    registry = _registry(question)
    with registry.alone():
        chosen = registry.version(version)
        before = registry.promote(chosen, reason)
    instead = f" in place of version {before.number}" if before and before.number != chosen.number else ""
    out.print(f"Version {chosen.number} of {registry.model} is live{instead}.")


@app.command()
def rollback(reason: Reason = "By hand.", question: AskedQuestion = QuestionName.in_session) -> None:
    """Make the version live again that the champion replaced."""
    registry = _registry(question)
    with registry.alone():
        was, now = registry.roll_back(reason)
    out.print(f"Version {now.number} of {registry.model} is live again in place of version {was.number}.")


@app.command()
def compare(
    one: Number,
    other: Number,
    where: Annotated[str, typer.Option(help="Only on rows for which this SQL condition holds.")] = "true",
    question: AskedQuestion = QuestionName.in_session,
    as_json: AsJson = False,
) -> None:
    """Compare two versions on the same rows: the newest test period that there is."""
    asked = QUESTIONS[question.value]
    if one == other:
        raise UsageError(f"Version {one} is the same as version {other}.", "Name two different versions.")
    registry = _registry(question)
    first, second = registry.version(one), registry.version(other)
    with progress_bar("compare") as say:
        job = open_job("compare")
        say("reading the test period")
        with training_data(job, asked, where) as data:
            since = max(first.judged_from, second.judged_from, key=datetime.fromisoformat)
            pair = (registry.load(first), registry.load(second))
            found, rows = compared(*pair, data, since, job.settings.model.seed)
    if as_json:
        print_json({"one": one, "other": other, "rows": rows, **asdict(found)})
        return
    out.print(_words(one, other, rows, found))


def _words(one: str, other: str, rows: int, found: Comparison) -> str:
    precisions, errors = found.average_precisions, found.calibration_errors
    low, high = found.precision_interval
    verdict = (
        f"Version {one} ranks better."
        if found.is_more_precise
        else f"Version {other} ranks better."
        if high < 0
        else "Chance explains the difference."
    )
    return (
        f"On {rows:,} rows of the test period: version {one} has average precision {precisions[0]:.3f} and is off by "
        f"{errors[0]:.3f} in the mean, version {other} has {precisions[1]:.3f} and {errors[1]:.3f}. The difference "
        f"lies between {low:+.3f} and {high:+.3f} (95 %). {verdict}"
    )


if __name__ == "__main__":
    call(app)
