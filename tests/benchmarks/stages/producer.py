"""Simulated events into Kafka, from one process, until all are acknowledged."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

from confluent_kafka import Producer

from producers.events import EVENTS
from producers.kafka import ensure_topics
from tests.benchmarks.inputs import Plan, events, kafka, send
from tests.benchmarks.meter import measured
from tests.benchmarks.stage import COMPACT, OURS, Contender, Rounds, Stage


def ours(plan: Plan) -> Rounds:
    with kafka(plan.folder / "kafka") as servers:
        while True:
            with measured(plan.events) as result:
                send(servers, events(plan.events))
            yield result


def compact(plan: Plan) -> Rounds:
    with kafka(plan.folder / "kafka") as servers:
        while True:
            ensure_topics(servers, EVENTS, 2)
            with measured(plan.events) as result:
                _send_plainly(servers, plan.events)
            yield result


def _send_plainly(servers: str, count: int) -> None:
    """Dictionaries through json.dumps into a producer that is told nothing but to wait for all replicas."""
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 50, "compression.type": "lz4"})
    for topic, key, value, _ in events(count):
        made = json.dumps(json.loads(value or b"")).encode()
        while True:
            try:
                producer.produce(topic, made, key)
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
            COMPACT,
            compact,
            "the same events, each parsed and written again by the json module, as a program that "
            "builds dictionaries would; a retry may send an event twice",
        ),
        Contender("simulated, not sent", simulated_only, "what the simulator alone takes"),
    ),
    prepare=_prepare,
    at_least=100_000,
)
