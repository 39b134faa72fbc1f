"""Moments of a command's life that show in the file system: when each opens and closes, from an empty folder on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gold.pipeline_metrics import TABLE as METRICS
from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from pipelines.gold_builder import incremental_tables
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.quarantine import QUARANTINE

_COMMIT = r"\d{20}\.json"


@dataclass(frozen=True)
class Trace:
    """Files by which a moment shows: a folder below the installation's, and a pattern of whole names in it.

    A ``*`` in the folder stands for one name.
    """

    folder: str
    names: str = ".*"

    def found(self, root: Path) -> set[str]:
        """The paths that are there now."""
        pattern, found = re.compile(self.names), set()
        for folder in _folders(root, self.folder):
            with suppress(OSError), os.scandir(folder) as entries:
                found |= {f"{folder}/{entry.name}" for entry in entries if pattern.fullmatch(entry.name)}
        return found


def _folders(root: Path, folder: str) -> Iterator[str]:
    if "*" in folder:
        yield from map(str, root.glob(folder))
    else:
        yield f"{root}/{folder}"


@dataclass(frozen=True)
class Moment:
    """A moment: it opens with a new file of ``opens``, and is over with a new one of ``closes``.

    ``gone`` opens it when a file of ``opens`` disappears. ``spread`` is a time in seconds after it opens, at random
    within which the kill comes. ``freezes_at`` is the event at which the command stops itself, where its own Python
    passes the moment too quickly to be seen.
    """

    name: str
    opens: Trace
    closes: Trace | None = None
    gone: bool = False
    spread: float = 0.0
    freezes_at: str = ""


class Observer:
    """Watches for one moment, from what is there when it is made."""

    def __init__(self, root: Path, moment: Moment) -> None:
        self._root, self._moment = root, moment
        self._opened = moment.opens.found(root)
        self._closed = moment.closes.found(root) if moment.closes else set()

    def is_open(self) -> bool:
        """Whether the moment has opened."""
        found = self._moment.opens.found(self._root)
        return bool(self._opened - found if self._moment.gone else found - self._opened)

    def was_hit(self) -> bool:
        """Whether what a dead command left shows that the moment had not closed yet."""
        closes = self._moment.closes
        return closes is None or not closes.found(self._root) - self._closed


def _log(table: str) -> str:
    return f"lake/{table.replace('.', '/')}/_delta_log"


def made(table: str) -> list[Moment]:
    """The moments in the creation of a table, in their order."""
    layer, _, short = table.partition(".")
    log, first = _log(table), Trace(_log(table), "0{20}\\.json")
    return [
        Moment(f"{table}: the folder", Trace(f"lake/{layer}", re.escape(short)), first),
        Moment(f"{table}: a log without a commit", Trace(f"lake/{layer}/{short}", "_delta_log"), first),
        Moment(f"{table}: the first commit being written", Trace(log, r".*0{20}\.json.*tmp.*"), first),
        Moment(f"{table}: the first commit", first, Trace(log, "0{19}1\\.json")),
    ]


def written(table: str) -> list[Moment]:
    """The moments in a write of a table that exists, in their order."""
    new, log = Trace(_log(table), _COMMIT), f"/{_log(table)}"
    before, after = f"os.link {log}/{_COMMIT}$", f"open {log}$"
    data = Trace(f"lake/{table.replace('.', '/')}", r".*\.parquet")
    return [
        Moment(f"{table}: data without a commit", data, new, freezes_at=before),
        Moment(f"{table}: a commit being written", Trace(_log(table), r"\..*\.json.*tmp.*"), new, freezes_at=before),
        Moment(f"{table}: a commit", new, freezes_at=after),
    ]


def planned(stream: str) -> list[Moment]:
    """The moments in the life of a stream's checkpoint, in their order."""
    folder = "state/checkpoints/gold/*" if stream == "gold" else f"state/checkpoints/{stream.replace('.', '/')}"
    above, _, own = folder.rpartition("/")
    steps = [
        ("the checkpoint's folder", Trace(above, ".*" if own == "*" else re.escape(own)), "stream.json"),
        ("bound", Trace(folder, r"stream\.json"), "metadata"),
        ("the query's id", Trace(folder, "metadata"), None),
        ("the first batch planned", Trace(f"{folder}/offsets", "0"), None),
        ("the first batch done", Trace(f"{folder}/commits", "0"), None),
    ]
    return [
        Moment(f"{stream}: {name}", opens, Trace(folder, re.escape(end)) if end else None) for name, opens, end in steps
    ]


def _metrics(stream: str) -> Moment:
    return Moment(f"{stream}: its metrics", Trace("state/metrics", re.escape(f"{stream}.jsonl")))


STORE = [
    Moment("the store: its folder", Trace("state/mlflow"), Trace("state/mlflow", r"mlflow\.db")),
    Moment("the store: its schema", Trace("state/mlflow", r"mlflow\.db"), spread=6),
    Moment("the store: a transaction", Trace("state/mlflow", r"mlflow\.db-journal"), spread=0.5),
    Moment("the store: a run", Trace("state/mlflow/artifacts"), spread=1),
    Moment("the store: a model's files", Trace("state/mlflow/artifacts/*/artifacts", "model"), spread=1),
    Moment("the store: a model handed over", Trace("state/scratch/mlflow"), spread=0.5),
]
GOLD = [table.name for table in incremental_tables()]
SILVER = [*(f"silver.{event}" for event in EVENTS), QUARANTINE.name, DUPLICATES.name]
BRONZE = [f"bronze.{event}" for event in EVENTS]


def _of_streams(streams: list[str], tables: list[str]) -> list[Moment]:
    return [
        *(moment for table in tables for moment in made(table)),
        *(moment for stream in streams for moment in planned(stream)),
        *(moment for table in tables for moment in written(table)),
        *map(_metrics, streams),
    ]


_INGEST = _of_streams(BRONZE, BRONZE) + made(METRICS.name)
_REFINE = _of_streams(SILVER[: len(EVENTS)], SILVER)
_AGGREGATE = [
    *_of_streams(["gold"], GOLD),
    Moment("gold: the backfill's end", Trace("state/checkpoints/gold/*", r"resume\.json")),
    Moment("gold: a refresh", Trace("state/checkpoints/gold/*", r"refresh\.json")),
]
_SCORE = [moment for table in (LOG.name, PREDICTIONS.name) for part in (made, written) for moment in part(table)]
_BROKER = [
    Moment("broker: its folder", Trace("state", "kafka"), Trace("state/kafka", r"ports\.json")),
    Moment("broker: its ports", Trace("state/kafka", r"ports\.json"), Trace("state/kafka/data")),
    Moment("broker: its settings", Trace("state/kafka", r"server\.properties"), Trace("state/kafka/data"), spread=1),
    Moment("broker: the data's folder", Trace("state/kafka", "data"), Trace("state/kafka/data", r"meta\.properties")),
    Moment(
        "broker: formatted", Trace("state/kafka/data", r"meta\.properties.*"), Trace("state/kafka", r"broker\.json")
    ),
    Moment("broker: the server's start", Trace("state/kafka/logs", r"java\.out"), spread=0.1),
    Moment("broker: its note", Trace("state/kafka", r"broker\.json"), spread=2),
    Moment("broker: its own log", Trace("state/kafka/data", "__cluster_metadata-0"), spread=1),
]
_TOPICS = [Moment(f"topic {event}: made", Trace("state/kafka/data", f"{event}-0"), spread=0.05) for event in EVENTS]
_DEMO = [
    *_BROKER,
    Moment("demo: its start is noted", Trace("state", r"demo\.json")),
    *_TOPICS,
    *_INGEST,
    *_REFINE,
    *_AGGREGATE,
    *STORE,
    *_SCORE,
]

_REBUILT = [
    Moment("gold: the checkpoint removed", Trace("state/checkpoints/gold/*", "metadata"), gone=True),
    *(moment for table in SILVER for moment in written(table)),
]
_RECOVERED = [
    moment
    for stream in (*BRONZE, *SILVER[: len(EVENTS)])
    for moment in (
        Moment(
            f"{stream}: the checkpoint moved aside",
            Trace(f"state/checkpoints/{stream.partition('.')[0]}", rf"{stream.partition('.')[2]}\.aside-\d+"),
        ),
        Moment(f"{stream}: where it resumes", Trace(f"state/checkpoints/{stream.replace('.', '/')}", r"resume\.json")),
    )
]


@dataclass(frozen=True)
class Case:
    """A command that is killed: its words, what must be there before, its moments, and how often it is chosen."""

    command: tuple[str, ...]
    stage: str
    moments: tuple[Moment, ...]
    weight: int = 1
    own_broker: bool = False


CASES = {
    "ingest": Case(("ingest",), "empty", tuple(_INGEST), 4),
    "refine": Case(("refine",), "bronze", tuple(_REFINE), 4),
    "aggregate": Case(("aggregate",), "silver", tuple(_AGGREGATE), 5),
    "run": Case(("run",), "empty", (*_INGEST, *_REFINE, *_AGGREGATE), 2),
    "train": Case(("train", "--max-depth", "3"), "gold", tuple(STORE), 4),
    "score": Case(("score",), "model", tuple(_SCORE), 3),
    "evaluate": Case(("evaluate",), "demo", tuple(made("gold.model_metrics")), 1, own_broker=True),
    "rebuild silver": Case(("rebuild", "silver"), "scored", tuple(_REBUILT), 2),
    "rebuild gold": Case(
        ("rebuild", "gold"), "scored", tuple(moment for table in GOLD for moment in written(table)), 2
    ),
    "maintain": Case(
        ("maintain",), "scattered", tuple(moment for table in (*BRONZE, *SILVER) for moment in written(table)), 1
    ),
    "quarantine replay": Case(
        ("quarantine", "replay"), "narrow", (*written("silver.interactions"), *written(QUARANTINE.name)), 2
    ),
    "recover": Case(("recover", "--apply"), "damaged", tuple(_RECOVERED), 2),
    "broker start": Case(("broker", "start"), "empty", tuple(_BROKER), 3, own_broker=True),
    "produce": Case(("produce", "simulate", "--sessions", "60"), "broker", tuple(_TOPICS), 1, own_broker=True),
    "demo": Case(("demo", "--sessions", "200"), "empty", tuple(_DEMO), 2, own_broker=True),
}
