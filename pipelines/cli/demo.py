"""Run the whole pipeline once on a small input, to show on an empty machine what it does."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import typer
from pyspark.sql import functions as F
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from gold.data_quality import ALL
from gold.data_quality import TABLE as QUALITY
from gold.next_session_predictions import TABLE as FOLLOWING
from gold.session_predictions import TABLE as PREDICTIONS
from gold.sessions import TABLE as SESSIONS
from lakehouse.atomic_files import read_json, write_json
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import DataError, OutsideError
from lakehouse.signals import Stop, stopping
from lakehouse.table import Table
from pipelines.aggregate import run_aggregate
from pipelines.cli.produce import send_into
from pipelines.cli.simulated_shop import DIRTY, TWICE
from pipelines.evaluate import print_outcomes, run_evaluate
from pipelines.ml.outcomes import Outcome
from pipelines.ml.promotion import promote_if_none
from pipelines.ml.registry import open_registry
from pipelines.ml.targets import IN_SESSION, NEXT_SESSION, PredictionTarget
from pipelines.ml.training import TrainingResult
from pipelines.run import STEPS
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.console import call, err, out
from pipelines.runtime.job import Job, open_job
from pipelines.runtime.kafka_endpoint import running_kafka
from pipelines.runtime.settings import Settings, load_settings
from pipelines.score import run_score
from pipelines.train import run_train
from producers.record import Record
from producers.simulator.simulator import simulate

LAST_HOUR = 0.1
"""The share of the sessions that come in the last hour, after training: enough for figures of how good the model is."""

TEST_PERIOD = (
    "How good it is in its test period alone, the newest sessions before the last hour, which it has not learnt from"
)
"""Of which rows the figures are that training gives."""

LAST_HOUR_SCORES = (
    "How its scores of the last hour turned out, given before the sessions closed: other sessions, so other figures"
)
"""Of which rows the figures are that evaluating gives."""

_HALF_AN_HOUR = timedelta(minutes=30)


def demo(
    sessions: Annotated[int, typer.Option(min=1, help="How many sessions to simulate.")] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same users.")] = 7,
) -> None:
    """Run everything once, small: Kafka, all tables, a model, predictions, and a summary."""
    settings = load_settings()
    with stopping() as stop:
        _run(settings, sessions, seed, stop)
    if stop.is_set():
        _print_step("stopped; run it again to continue")


def _run(settings: Settings, sessions: int, seed: int, stop: Stop) -> None:
    began = time.monotonic()
    with running_kafka(settings, _print_step) as servers:
        _print_step(f"Kafka runs at {servers}")
        until = _until(settings)
        before, *halves = _by_time(_simulated(settings, sessions, seed, until), until)
        _send(settings, before, "before the last hour")
        with err.status("starting Spark (the first time it fetches its jars)"):
            job = open_job("demo", settings, short=True)
        # It lives through the last hour: sessions close, and scores are given, by the hour's own time.
        first, second = until - 2 * _HALF_AN_HOUR, until - _HALF_AN_HOUR
        if not _refresh(replace(job, clock=lambda: first), stop):
            return
        trained, _ = _learn(job, IN_SESSION)
        following, why = _learn(job, NEXT_SESSION)
        if trained is not None:
            _print_step(f"score: {run_score(replace(job, clock=lambda: first)).scored:,} sessions")
        for records, at in zip(halves, (replace(job, clock=lambda: second), job), strict=True):
            _send(settings, records, "in half an hour that follows")
            if not _refresh(at, stop, scores=trained is not None):
                return
        outcomes = [] if trained is None else run_evaluate(job)
    none_follow = "" if _count(job, FOLLOWING) else why_none_follow(following, why)
    summary(job, trained, outcomes, time.monotonic() - began, none_follow)


def _refresh(job: Job, stop: Stop, *, scores: bool = False) -> bool:
    """Runs the jobs from Kafka to gold, and to scores of what that changes; returns whether there is more to do."""
    for name, step in (*STEPS[:-1], ("aggregate", partial(run_aggregate, scores=scores, say=_print_step))):
        at = time.monotonic()
        rows = sum(one.rows for one in step(job).values())
        if stop.is_set():
            return False
        _print_step(f"{name}: {rows:,} rows in {time.monotonic() - at:.1f} s")
    return True


def _print_step(text: str) -> None:
    err.print(Text.assemble(("· ", "dim"), text), soft_wrap=True)


def _until(settings: Settings) -> datetime:
    """When the simulation ends: now; in a second run when it did in the first, which then sends the same events."""
    mark = settings.state_root / "demo.json"
    if (earlier := read_json(mark).get("until")) is not None:
        _print_step("the demo has run here before: the same events are sent again, and each is a duplicate")
        return datetime.fromisoformat(earlier)
    until = datetime.now(UTC).replace(microsecond=0)
    write_json(mark, {"until": until.isoformat()})
    return until


def _simulated(settings: Settings, sessions: int, seed: int, until: datetime) -> list[Record]:
    records = simulate(seed, sessions, until, dirty=DIRTY, duplicates=TWICE, last_hour=LAST_HOUR, truth=settings.truth)
    found = list(records)
    _print_step(f"{len(found):,} events of {sessions:,} sessions simulated, {DIRTY:.0%} of them broken on purpose")
    return found


def _by_time(records: Iterable[Record], until: datetime) -> tuple[list[Record], ...]:
    """The records of before the last hour, of its first half, and of its second."""
    parts: tuple[list[Record], ...] = ([], [], [])
    limits = [(until - halves * _HALF_AN_HOUR).timestamp() * 1_000_000 for halves in (2, 1)]
    for record in records:
        parts[bisect_right(limits, record[3])].append(record)
    return parts


def _send(settings: Settings, records: list[Record], when: str) -> None:
    delivery = send_into(settings, records)
    if failed := delivery.failed:
        raise OutsideError(f"{len(failed)} events were not acknowledged: {failed[0].reason}.", "Run it again.")
    _print_step(f"{delivery.total:,} events {when} sent")


def _learn(job: Job, target: PredictionTarget) -> tuple[TrainingResult | None, str]:
    """A model, and why it is live or not; None and why where there is too little to learn from."""
    at = time.monotonic()
    try:
        with err.status("training"):
            result = run_train(job, target=target)
    except DataError as error:
        _print_step(f"train, {target.name}: {error}")
        return None, str(error)
    registry = open_registry(job.settings, target)
    _print_step(f"train: version {result.version.number} of {registry.model} in {time.monotonic() - at:.1f} s")
    if target == IN_SESSION and promote_if_none(registry, result.version, "The demo needs one that scores."):
        _print_step(
            "train: made live all the same, as `clickstream models promote` does, to have something that scores"
        )
    return result, result.decision.reason


def why_none_follow(trained: TrainingResult | None, why: str) -> str:
    """Why no session has a score of its user's next one, and what to do; empty where a version is live."""
    if trained is not None and trained.decision.promoted:
        return ""
    more = "`clickstream produce simulate`, then `clickstream run --train`, give it more to learn from"
    live = ""
    if trained is not None:
        live = f"; `clickstream models promote {trained.version.number} --target {NEXT_SESSION.name}` makes it live now"
    return (
        f"{FOLLOWING.name} has no rows, as no version of {NEXT_SESSION.model} is live. {why} What helps: {more}{live}."
    )


def summary(
    job: Job, trained: TrainingResult | None, outcomes: Sequence[Outcome], seconds: float, none_follow: str
) -> None:
    """What came of it, for a person."""
    out.print()
    out.print(Panel.fit(Text(f"From Kafka to scored sessions in {seconds:.0f} seconds", "bold"), border_style="green"))
    out.print("Every record is kept, quarantined or a duplicate", style="bold")
    out.print(_outcome_grid(job))
    out.print("Rows", style="bold")
    out.print(_rows(job))
    out.print("A session without a valid record has no row in gold.")
    if none_follow:
        out.print(none_follow, soft_wrap=True)
    if trained is not None:
        out.print(Text.assemble(("Who will buy? ", "bold"), trained.decision.reason))
        if not trained.decision.promoted:
            out.print("The demo makes its first model live all the same, as `clickstream models promote` does.")
        out.print(TEST_PERIOD, style="bold")
        out.print(_model(trained))
        for note in trained.record.notes():
            out.print(note)
        if outcomes:
            out.print(LAST_HOUR_SCORES, style="bold")
            print_outcomes(outcomes)
        out.print("The ten sessions most likely to buy, those still open first", style="bold")
        out.print(_likely_buyers(job))
    settings = job.settings
    out.print("Open next", style="bold")
    for command, what in (
        ("clickstream report --out report.html", "all of gold as one page"),
        ("clickstream serve mlflow", "the model, its figures and its rules, in a browser"),
        ('clickstream sql "SELECT * FROM users"', "any question, in SQL"),
        ("clickstream broker start", "Kafka, which the demo stops at its end, and verify asks"),
        ("clickstream verify", "proof that nothing is lost or counted twice"),
        ("clickstream quarantine list", "what broke the contract, and why"),
        ("clickstream evaluate", "what became of the sessions that were scored"),
        ("clickstream tables", "what every table and column means"),
    ):
        out.print(f"  .venv/bin/{command:38} {what}")
    out.print(f"  {settings.lake_root}  the Delta tables, for Power BI, DuckDB, Spark or pandas")


def _count(job: Job, table: Table) -> int:
    if LocalLake.is_local(job.settings.lake_root):
        return job.local_lake.rows(table) if job.local_lake.exists(table) else 0
    return job.lake.read(table).count() if job.lake.exists(table) else 0


def _grid(*titles: str) -> Grid:
    grid = Grid(box=None, padding=(0, 2))
    for title in titles:
        grid.add_column(
            title, justify="left" if title in ("", "event", "user_id", "session_id", "where", "why") else "right"
        )
    return grid


def _outcome_grid(job: Job) -> Grid:
    grid = _grid("event", "received", "kept", "quarantined", "duplicates")
    totals = job.lake.read(QUALITY).where(F.col("rule") == ALL)
    sums = [F.sum(name) for name in ("received", "kept", "quarantined", "duplicates")]
    for row in totals.groupBy("event").agg(*sums).orderBy("event").collect():
        grid.add_row(row[0], *(f"{number:,}" for number in row[1:]))
    return grid


def _rows(job: Job) -> Grid:
    grid = _grid("", "rows", "where")
    for table in TABLES.values():
        grid.add_row(table.name, f"{_count(job, table):,}", job.lake.path(table))
    return grid


def _model(trained: TrainingResult) -> Grid:
    names = ("average_precision", "roc_auc", "precision", "recall", "f1", "brier")
    grid = _grid("", *(name.replace("_", " ") for name in names))

    def row(title: str, metrics: Any) -> None:
        grid.add_row(title, *(f"{metrics[name]:.3f}" if name in metrics else "-" for name in names))

    evaluation = trained.record.evaluation
    row("decision tree", evaluation.metrics)
    for name, metrics in evaluation.baselines.items():
        row(name.replace("_", " "), metrics)
    return grid


def _likely_buyers(job: Job) -> Grid:
    grid = _grid("user_id", "session_id", "probability", "after events", "open", "why")
    sessions = job.lake.read(SESSIONS).select("user_id", "session_id", "is_closed", "bought")
    rows = (
        job.lake.read(PREDICTIONS)
        .join(sessions.where(~F.col("bought")), ["user_id", "session_id"])
        # An open session can still be influenced.
        .orderBy("is_closed", F.desc("probability"), F.desc("cut_at"), "user_id", "session_id")
        .limit(10)
        .collect()
    )
    for row in rows:
        is_open = "no" if row["is_closed"] else "yes"
        probability, cut = f"{row['probability']:.0%}", str(row["cut"])
        grid.add_row(row["user_id"], row["session_id"], probability, cut, is_open, row["path"])
    return grid


if __name__ == "__main__":
    call(demo)
