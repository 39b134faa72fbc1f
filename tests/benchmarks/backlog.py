"""How long a backlog takes from Kafka to gold, each job started cold, beside a consumer that only parses its JSON.

Run: .venv/bin/python -m tests.benchmarks.backlog [EVENTS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from confluent_kafka import Consumer

from lakehouse.embedded_kafka.broker import Broker
from producers.events import EVENTS
from producers.kafka import Sender, ensure_topics
from producers.simulator.simulator import simulate

JOBS = ("ingest", "refine", "aggregate")


def send(servers: str, count: int) -> float:
    """Sends simulated events; gives the seconds until all are acknowledged."""
    ensure_topics(servers, EVENTS, 2)
    began = time.monotonic()
    with Sender(servers) as sender:
        for topic, key, value, _ in islice(simulate(7, count), count):
            sender.send(topic, key, value)
    assert sender.delivery.total == count
    return time.monotonic() - began


def parsed(servers: str, count: int) -> float:
    """The seconds that one process takes to read them all and to parse each one, keeping nothing."""
    began = time.monotonic()
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "benchmark", "auto.offset.reset": "earliest"})
    consumer.subscribe([*EVENTS])
    left = count
    while left:
        for message in consumer.consume(10_000, timeout=30):
            json.loads(message.value())
            left -= 1
    consumer.close()
    return time.monotonic() - began


def main(count: int) -> None:
    """Prints seconds and events a second of each step."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {**os.environ, "CLICKSTREAM_LAKE": str(home / "lake"), "CLICKSTREAM_STATE": str(home / "state")}
        broker = Broker(home / "state" / "kafka")
        try:
            servers = broker.start().bootstrap_servers or ""
            sent = send(servers, count)
            print(f"sent:             {sent:7.1f} s, {count / sent:9,.0f} events/s", flush=True)
            plain = parsed(servers, count)
            print(f"parsed alone:     {plain:7.1f} s, {count / plain:9,.0f} events/s", flush=True)
            total = 0.0
            for job in JOBS:
                began = time.monotonic()
                done = subprocess.run(
                    [sys.executable, "-m", f"pipelines.{job}", "--json"],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                seconds = time.monotonic() - began
                total += seconds
                rows = json.loads(done.stdout)["rows"]
                print(f"{job + ':':17} {seconds:7.1f} s, {rows / seconds:9,.0f} rows/s of {rows:,}", flush=True)
            print(f"backlog to gold:  {total:7.1f} s, {count / total:9,.0f} events/s")
            print(f"{total / plain:.1f} times as long as parsing alone")
        finally:
            broker.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
