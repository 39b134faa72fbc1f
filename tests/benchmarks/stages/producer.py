"""Simulated events into Kafka, from one process, until all are acknowledged."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from confluent_kafka import Producer

from producers.events import EVENTS
from producers.kafka import ensure_topics
from tests.benchmarks.inputs import Plan, events, kafka, send
from tests.benchmarks.meter import measured
from tests.benchmarks.stage import OURS, Contender, Rounds, Stage


def ours(plan: Plan) -> Rounds:
    with kafka(plan.folder / "kafka") as servers:
        while True:
            with measured(plan.events) as result:
                send(servers, events(plan.events))
            yield result


def plain(plan: Plan) -> Rounds:
    with kafka(plan.folder / "kafka") as servers:
        while True:
            ensure_topics(servers, EVENTS, 2)
            with measured(plan.events) as result:
                _send_plainly(servers, plan.events)
            yield result


def _send_plainly(servers: str, count: int) -> None:
    """The usual loop around confluent-kafka, told to wait for all replicas and to send larger batches."""
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 50, "compression.type": "lz4"})
    for topic, key, value, _ in events(count):
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()


def simulated_only(plan: Plan) -> Rounds:
    while True:
        with measured(plan.events) as result:
            deque(events(plan.events), maxlen=0)
        yield result


def _prepare(plan: Plan) -> None:
    Path(plan.folder).mkdir(parents=True, exist_ok=True)


STAGE = Stage(
    "producer",
    "Simulated events into Kafka, one process",
    "Until the broker has acknowledged all; the broker's CPU seconds and memory are in the figures.",
    (
        Contender(OURS, ours, "idempotent, acknowledged by all replicas; the simulator is part of it"),
        Contender(
            "confluent-kafka alone",
            plain,
            "the same events; a retry may send one twice, and what fails is not counted",
        ),
        Contender("simulated, not sent", simulated_only, "what the simulator alone takes"),
    ),
    prepare=_prepare,
    at_least=100_000,
)
