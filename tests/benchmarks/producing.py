"""How many events a second one process sends: simulated ones, beside one constant value, in the same run.

``python tests/benchmarks/producing.py [BOOTSTRAP_SERVERS]``; without servers it runs a broker of its own. With
``made`` in their place it sends nothing: it measures the making alone, in processor time and beside a plain loop in
turns, so that a busy machine says something too.
"""

import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path
from statistics import median

from lakehouse.embedded_kafka.broker import Broker
from producers.events import EVENTS
from producers.kafka import Sender, ensure_topics
from producers.record import Record
from producers.simulator.simulator import simulate

EVENTS_SENT = 1_000_000
ROUNDS = 3
SLICE = 20_000
CONSTANT = (
    b'{"user_id":"u000123","session_id":"s00012345","element_id":"btn_add_to_cart",'
    b'"page_url":"https://shop.example/product/shoes/1023","category":"shoes","price":129.99,'
    b'"timestamp":"2026-10-15T10:00:00.123Z","x_coord":1003,"y_coord":540}'
)


def sending(servers: str, records: Iterator[Record]) -> float:
    began = time.perf_counter()
    with Sender(servers) as sender:
        for topic, key, value, _ in records:
            sender.send(topic, key, value)
    assert sender.delivery.total == EVENTS_SENT
    return EVENTS_SENT / (time.perf_counter() - began)


def shoppers() -> Iterator[Record]:
    return islice(simulate(7, EVENTS_SENT), EVENTS_SENT)


def made() -> None:
    events, rates, ratios = shoppers(), [], []
    for _ in range(15):
        began = time.process_time()
        deque(islice(events, SLICE), maxlen=0)
        between = time.process_time()
        number = 0
        for step in range(20 * SLICE):
            number = (number * 1_103_515_245 + step) & 0x7FFFFFFF
        loop = 20 * SLICE / (time.process_time() - between)
        rates.append(SLICE / (between - began))
        ratios.append(rates[-1] / loop)
    print(f"made: {median(rates):,.0f} events/s, {max(rates):,.0f} at best; {median(ratios):.4f} of a loop's steps")


def measure(servers: str) -> None:
    ensure_topics(servers, EVENTS, 2)
    began = time.perf_counter()
    size = sum(len(value or b"") for _, _, value, _ in shoppers()) / EVENTS_SENT
    made = EVENTS_SENT / (time.perf_counter() - began)
    print(f"made, not sent: {made:10,.0f} events/s of {size:.0f} bytes")
    for _ in range(ROUNDS):
        constant = sending(servers, repeat(("clicks", b"s00012345", CONSTANT, 0), EVENTS_SENT))
        print(f"one constant:   {constant:10,.0f} events/s of {len(CONSTANT)} bytes")
        print(f"simulated:      {sending(servers, shoppers()):10,.0f} events/s")


if __name__ == "__main__":
    if sys.argv[1:] == ["made"]:
        made()
    elif len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            broker = Broker(Path(folder))
            try:
                measure(broker.start().bootstrap_servers or "")
            finally:
                broker.stop()
