"""Publish each new score of an open session to Kafka, after gold has it, so that the shop can act; at least once.

The scores are read from the commits of gold.prediction_log, whichever job made them. How far they are published is in a
file of the state folder, written once Kafka has acknowledged them. So a kill in between costs repeats, and no score.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from bronze.raw_events import BRONZE
from gold.prediction_log import TABLE as LOG
from gold.shared.timeline import SESSION
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.appended_rows import appended_rows
from lakehouse.atomic_files import read_json, write_json
from lakehouse.delta_log import newest_version
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import LakehouseError, MissingTableError, OutsideError, UsageError
from lakehouse.locks import WriterLock
from pipelines.ml.score_message import COLUMNS, instant, message
from pipelines.ml.targets import IN_SESSION
from pipelines.runtime.console import describe_error, err
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.settings import Settings
from producers.kafka import CLOCK_TOPIC, Sender, ensure_output_topic

LOOK_SECONDS = 0.2
"""How often the publisher looks for new scores."""

MOST_SECONDS_BETWEEN_TRIES = 30.0
"""The longest pause before a publication that failed is tried again."""

LAST_TRY_SECONDS = 12.0
"""How long the end of a job waits for what is still to be published; the next start publishes the rest."""

_WAIT_SECONDS = 3.0
_FLUSH_SECONDS = 6.0
_MOST_LISTED = 5_000


@dataclass(frozen=True)
class Published:
    """How far the log is published: which table, its version, and when the newest of these scores was given."""

    table_id: str = ""
    version: int = -1
    scored_at: str = ""


def published(settings: Settings) -> Published | None:
    """How far the log is published; None where no score ever was to be published."""
    known = read_json(_note(settings))
    return Published(known["table_id"], known["version"], known["scored_at"]) if known else None


def _note(settings: Settings) -> Any:
    return settings.state_root / "published" / "scores.json"


class ScorePublisher:
    """Publishes what the log has beyond the note. One process at a time does, by a lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lake = LocalLake(settings.lake_root, settings.locks)
        self._topic = settings.scores.topic
        self._has_topic = False

    def start(self) -> None:
        """Notes where publication begins, at its very first start: what is in the log already is no news."""
        if published(self._settings) is None:
            try:
                table = self._lake.open(LOG)
            except MissingTableError:
                self._keep(Published())
            else:
                self._keep(Published(str(table.metadata().id), int(table.version())))

    def publish(self) -> int:
        """Sends the new scores of open sessions, and notes that once Kafka has them all; gives their number.

        Raises OutsideError where Kafka does not take them: they stay new.
        """
        known = published(self._settings) or Published()
        newest = newest_version(self._lake.folder(LOG), known.version)
        if newest < 0 or newest == known.version:
            return 0
        table = self._lake.open(LOG)
        to = Published(str(table.metadata().id), int(table.version()), known.scored_at)
        rows = self._of_open_sessions(self._new_rows(known, to))
        if rows:
            self._send(rows)
            to = Published(to.table_id, to.version, max(known.scored_at, *(instant(one["scored_at"]) for one in rows)))
        self._keep(to)
        return len(rows)

    def _new_rows(self, known: Published, to: Published) -> pa.Table:
        columns = [*COLUMNS]
        if to.table_id == known.table_id or not known.table_id:
            try:
                schema = self._lake.schema(LOG)
                parts = appended_rows(self._lake.folder(LOG), schema, columns, range(known.version + 1, to.version + 1))
                return pa.concat_tables([schema.empty_table().select(columns), *parts])
            except FileNotFoundError:
                pass
        # A clean-up took commits away, or the table is another one: the scores themselves say which are new.
        rows = self._lake.read(LOG, columns)
        if not known.scored_at:
            return rows
        since = pa.scalar(datetime.fromisoformat(known.scored_at), pa.timestamp("us", "UTC"))
        return rows.filter(pc.greater_equal(rows["scored_at"], since))

    def _of_open_sessions(self, rows: pa.Table) -> list[dict[str, Any]]:
        """Those of sessions that gold says are open: nobody can act on the others."""
        rows = rows.filter(pc.equal(rows["question"], IN_SESSION.name)).sort_by("scored_at")
        if not rows.num_rows:
            return []
        examples = self._lake.read(EXAMPLES, [*SESSION, "cut", "is_over"], {"cut_at": _values(rows["cut_at"])})
        found = examples.filter(pc.invert(examples["is_over"])).select([*SESSION, "cut"])
        still_open = {tuple(one.values()) for one in found.to_pylist()}
        return [one for one in rows.to_pylist() if (*(one[name] for name in SESSION), one["cut"]) in still_open]

    def _send(self, rows: list[dict[str, Any]]) -> None:
        kafka = self._settings.kafka
        servers = bootstrap_servers(self._settings)
        if not self._has_topic:
            partitions, replicas = kafka.partitions, kafka.replication_factor
            ensure_output_topic(servers, self._topic, partitions, replicas, kafka.client, wait_seconds=_WAIT_SECONDS)
            self._has_topic = True
        sender = Sender(servers, kafka.client, wait_seconds=_WAIT_SECONDS, flush_seconds=_FLUSH_SECONDS)
        with sender:
            for row in rows:
                told = json.dumps(message(row), ensure_ascii=False, separators=(",", ":"))
                sender.send(self._topic, str(row["session_id"]).encode(), told.encode())
        if failed := sender.delivery.failed:
            self._has_topic = False
            raise OutsideError(
                f"Kafka at {servers} did not take {len(failed):,} of {len(rows):,} scores: {failed[0].reason}.",
                "They are sent again.",
            )

    def _keep(self, to: Published) -> None:
        write_json(_note(self._settings), asdict(to))


def _values(column: pa.ChunkedArray) -> Any:
    different = pc.unique(column)
    if len(different) <= _MOST_LISTED:
        return sorted(different.to_pylist())
    limits = pc.min_max(different)
    return limits["min"].as_py(), limits["max"].as_py()


@contextmanager
def publishing(settings: Settings) -> Iterator[None]:
    """Within, a thread publishes new scores, where a topic is set; the job neither waits for it nor fails with it.

    Raises UsageError where the topic cannot be one for scores.
    """
    if not settings.scores.topic:
        yield
        return
    if settings.scores.topic in {*BRONZE, CLOCK_TOPIC}:
        raise UsageError(
            f"The topic {settings.scores.topic} has other records, and cannot take scores.",
            "Name another one in CLICKSTREAM_SCORES__TOPIC, such as purchase_scores.",
        )
    if not LocalLake.is_local(settings.lake_root):
        err.print("publish: scores are published from a lake in a folder alone; those of this lake are not.")
        yield
        return
    publisher = ScorePublisher(settings)
    publisher.start()
    ended = threading.Event()
    thread = threading.Thread(target=_run, args=(publisher, settings, ended), name="publish-scores", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LAST_TRY_SECONDS)


def _run(publisher: ScorePublisher, settings: Settings, ended: threading.Event) -> None:
    """Publishes until the job has ended, and then what it committed last, while no other process does so."""
    with ExitStack() as held:
        pause, said, holds = 0.0, "", False
        while True:
            # What the job commits before it ends is published by the round that begins after that.
            is_last = ended.wait(pause)
            try:
                holds = holds or _takes_lock(settings, held)
                count = publisher.publish() if holds else 0
                pause = LOOK_SECONDS if holds else 1.0
                if said and count:
                    err.print(f"publish: it works again; {count:,} scores that waited are published.")
                    said = ""
            except Exception as error:  # noqa: BLE001 - a job does not fail for what it publishes
                pause = min(max(2 * pause, 1.0), MOST_SECONDS_BETWEEN_TRIES)
                why = _sentence(error)
                if why != said:
                    err.print(
                        f"publish: gold has its scores, Kafka does not have all of them yet. {why}", soft_wrap=True
                    )
                    said = why
            if is_last:
                return


def _takes_lock(settings: Settings, held: ExitStack) -> bool:
    """Whether this process publishes; where another one does, that publishes whatever is scored, by whichever job."""
    try:
        held.callback(WriterLock(settings.locks, "published_scores").release)
    except OutsideError:
        return False
    return True


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, LakehouseError) else str(describe_error(error))


class _HasSettings(Protocol):
    @property
    def settings(self) -> Settings: ...


_First = TypeVar("_First", bound="Settings | _HasSettings")
_More = ParamSpec("_More")
_Result = TypeVar("_Result")


def publishes_scores(
    run: Callable[Concatenate[_First, _More], _Result],
) -> Callable[Concatenate[_First, _More], _Result]:
    """Lets a job, whose first argument has the settings or is them, publish the scores that it commits."""

    @functools.wraps(run)
    def wrapped(first: _First, /, *args: _More.args, **options: _More.kwargs) -> _Result:
        with publishing(first if isinstance(first, Settings) else first.settings):
            return run(first, *args, **options)

    return wrapped
