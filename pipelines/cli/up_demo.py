"""Let `clickstream up` show itself: an embedded Kafka, a simulated shop, a first model, and a view of what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from gold.sessions import TABLE as SESSIONS
from lakehouse.errors import UsageError
from lakehouse.supervision import Standing
from pipelines.cli.live_view import Looker, live_view
from pipelines.cli.simulated_shop import SimulatedShop
from pipelines.ml import live_note
from pipelines.ml.promotion import promote_if_none
from pipelines.ml.registry import open_registry
from pipelines.ml.targets import IN_SESSION
from pipelines.query.delta_reader import opened, size
from pipelines.runtime.job import Job
from pipelines.runtime.kafka_endpoint import running_kafka
from pipelines.runtime.periodic import Periodic
from pipelines.runtime.settings import Settings
from pipelines.runtime.topics import ensure_topics
from pipelines.train import run_train

HISTORY = 2_000
"""How many sessions of the last two weeks come first, for a model to learn from."""

TRIGGER_SECONDS = 1.0
"""At most so many seconds between two micro-batches: who looks on wants to see something."""

_BROKER_SECONDS = 8.0
_MOST_OF_THEM = 0.9
_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Shown:
    """How a run of all streams is shown, with which settings, and what is done beside them."""

    settings: Settings
    on_poll: Callable[[Mapping[str, Standing]], object]
    tasks: Callable[[Job], list[Periodic]] = lambda _: []


@contextmanager
def demonstrated(settings: Settings, rate: float, say: Callable[[str], None]) -> Iterator[Shown]:
    """Within, an embedded Kafka runs and a simulated shop sends its events there; both end with it.

    Raises UsageError where an external Kafka is configured: made-up events have no place among real ones.
    """
    if settings.kafka.bootstrap_servers:
        raise UsageError(
            f"An external Kafka is configured ({settings.kafka.bootstrap_servers}), and gets no made-up events.",
            "Unset CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS, or send them yourself with `clickstream produce simulate`.",
        )
    stream = settings.stream.model_copy(
        update={"trigger_seconds": min(settings.stream.trigger_seconds, TRIGGER_SECONDS)}
    )
    settings = settings.model_copy(update={"stream": stream})
    with running_kafka(settings, say, _BROKER_SECONDS) as servers:
        say(f"Kafka runs at {servers}")
        ensure_topics(settings, servers)
        shop = SimulatedShop(settings, servers, rate, 0 if _has_model(settings) else HISTORY, say)
        looker = Looker(settings, lambda: shop.sent)
        with shop.is_open(), live_view(looker, say):
            yield Shown(settings, lambda _: None, _tasks)


def _tasks(job: Job) -> list[Periodic]:
    trained: list[str] = []

    def learn() -> str:
        if trained or _has_model(job.settings):
            return ""
        said = first_model(job)
        trained.extend([said] if said else [])
        return said

    return [Periodic("train", _LOOK_SECONDS, learn)]


def first_model(job: Job) -> str:
    """Trains a model once there is enough to learn from, and lets it score; does nothing before, and says nothing."""
    sessions, _ = size(opened(SESSIONS, job.settings.lake_root))
    if sessions < _MOST_OF_THEM * HISTORY:
        return ""
    result = run_train(job)
    registry = open_registry(job.settings, IN_SESSION)
    if promote_if_none(registry, result.version, "The demo needs one that scores."):
        return f"version {result.version.number} is live all the same, to have something that scores."
    return result.decision.reason


def _has_model(settings: Settings) -> bool:
    return live_note.read_note(settings, IN_SESSION.model) is not None
