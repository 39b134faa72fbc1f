"""List, promote, roll back and compare the registered model versions, for the person who decides which one is live."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Grid

from lakehouse.errors import UsageError
from pipelines.ml.options import TargetOption
from pipelines.ml.targets import TARGETS, TargetName
from pipelines.ml.version_list import list_versions as read_versions
from pipelines.runtime.console import call, out, print_json, progress_bar
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import load_settings

if TYPE_CHECKING:
    from pipelines.ml.bootstrap import Comparison
    from pipelines.ml.registry import Registry

app = typer.Typer(no_args_is_help=True, help="The registered models: which version is live, and why.")

Number = Annotated[str, typer.Argument(help="A version's number, as `clickstream models list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why: it is kept with the version.")]


def _registry(target: TargetName) -> Registry:
    from pipelines.ml.registry import open_registry

    return open_registry(load_settings(), TARGETS[target.value])


@app.command("list")
def list_versions(target: TargetOption = TargetName.in_session, as_json: AsJson = False) -> None:
    """List the versions, newest first: which is live, its average precision, and why it is or is not live."""
    predicted = TARGETS[target.value]
    versions = read_versions(load_settings(), predicted)
    if as_json:
        print_json([{"model": predicted.model, **asdict(version)} for version in versions])
        return
    out.print(f"{predicted.model}: {predicted.description}")
    if not versions:
        option = "" if target is TargetName.in_session else f" --target {target.value}"
        out.print(f"It has no version yet: `clickstream train{option}` trains the first.")
        return
    grid = Grid("version", "alias", "made", "average precision", "why", box=None, padding=(0, 2))
    for version in versions:
        made = f"{version.made_at:%Y-%m-%d %H:%M}" if version.made_at else ""
        precision = version.tags.get("average_precision", "")
        shown = f"{float(precision):.3f}" if precision else ""
        grid.add_row(version.number, ", ".join(version.aliases), made, shown, version.why)
    out.print(grid)


@app.command()
def promote(version: Number, reason: Reason = "By hand.", target: TargetOption = TargetName.in_session) -> None:
    """Make a version the champion, whatever its metrics; scoring uses it from its next batch on."""
    from pipelines.ml import promotion

    registry = _registry(target)
    with registry.alone():
        chosen = registry.version(version)
        before = promotion.promote(registry, chosen, reason)
    instead = f" in place of version {before.number}" if before and before.number != chosen.number else ""
    out.print(f"Version {chosen.number} of {registry.model} is live{instead}.")


@app.command()
def rollback(reason: Reason = "By hand.", target: TargetOption = TargetName.in_session) -> None:
    """Make the version live again that the champion replaced."""
    from pipelines.ml.promotion import roll_back

    registry = _registry(target)
    with registry.alone():
        before, now = roll_back(registry, reason)
    out.print(f"Version {now.number} of {registry.model} is live again in place of version {before.number}.")


@app.command()
def compare(
    one: Number,
    other: Number,
    where: Annotated[str, typer.Option(help="Only on rows for which this SQL condition holds.")] = "true",
    target: TargetOption = TargetName.in_session,
    as_json: AsJson = False,
) -> None:
    """Compare two versions on the same rows: the newest test period that there is."""
    if one == other:
        raise UsageError(f"Version {one} is the same as version {other}.", "Name two different versions.")
    registry = _registry(target)
    first, second = registry.version(one), registry.version(other)
    from pipelines.ml.evaluation import compare_models
    from pipelines.ml.training_data import training_data
    from pipelines.runtime.job import open_job

    with progress_bar("compare") as report_progress:
        job = open_job("compare")
        report_progress("reading the test period")
        with training_data(job, TARGETS[target.value], where) as data:
            since = max(first.unseen_from, second.unseen_from, key=datetime.fromisoformat)
            pair = (registry.load(first), registry.load(second))
            comparison, rows = compare_models(*pair, data, since, job.settings.model.seed)
    if as_json:
        print_json({"one": one, "other": other, "rows": rows, **asdict(comparison)})
        return
    out.print(_describe(one, other, rows, comparison))


def _describe(one: str, other: str, rows: int, comparison: Comparison) -> str:
    precisions, errors = comparison.average_precisions, comparison.calibration_errors
    low, high = comparison.precision_interval
    conclusion = (
        f"Version {one} ranks better."
        if comparison.is_more_precise
        else f"Version {other} ranks better."
        if high < 0
        else "Chance explains the difference."
    )
    return (
        f"On {rows:,} rows of the test period, version {one} has average precision {precisions[0]:.3f} and "
        f"calibration error {errors[0]:.3f}; version {other} has {precisions[1]:.3f} and {errors[1]:.3f}. "
        f"The difference in average precision lies between {low:+.3f} and {high:+.3f} (95 %). {conclusion}"
    )


if __name__ == "__main__":
    call(app)
