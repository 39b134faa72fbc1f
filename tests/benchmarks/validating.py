"""Microseconds per row of validation, beside json.loads alone, in one run: python tests/benchmarks/validating.py."""

import json
import random
import statistics
import time

import pyarrow as pa

from producers.contract.validation import validate_record
from producers.events import EVENTS
from silver.validation.batch import INSTANT, validate_batch

ROWS, BATCH, REPEATS = 20_000, 10_000, 5
ARRIVED_AT = 1_792_065_600_000_000  # 2026-10-15T12:00:00Z


def click(number: int, chance: random.Random) -> dict[str, object]:
    return {
        "user_id": f"u-{chance.randrange(100_000):06}",
        "session_id": f"s-{number // 10:08}",
        "element_id": chance.choice(["btn_buy", "nav_home", "img_product"]),
        "page_url": f"https://shop.example/p/{chance.randrange(5_000)}",
        "category": chance.choice(["shoes", "bags", None]),
        "price": round(chance.uniform(1, 500), 2),
        "timestamp": f"2026-10-15T10:{number // 60 % 60:02}:{number % 60:02}.{chance.randrange(1000):03}Z",
        "x_coord": chance.randrange(1920),
        "y_coord": round(chance.uniform(0, 4000), 1),
    }


def interaction(number: int, chance: random.Random) -> dict[str, object]:
    event = click(number, chance)
    for name in ("element_id", "x_coord", "y_coord"):
        del event[name]
    return event | {"interaction_type": "add_to_cart", "details": {"product_id": f"p-{number}", "qty": 2}}


def shuffled(event: dict[str, object], chance: random.Random) -> dict[str, object]:
    names = list(event)
    chance.shuffle(names)
    return {name: event[name] for name in names}


def spoilt(event: dict[str, object], chance: random.Random) -> dict[str, object]:
    return event | chance.choice(
        [{"user_id": ""}, {"price": -5.0}, {"timestamp": "yesterday"}, {"page_url": 3}, {"session_id": None}]
    )


def batches(values: list[bytes]) -> list[pa.RecordBatch]:
    return [
        pa.record_batch(
            {
                "topic": pa.array(["clicks"] * len(part)),
                "topic_id": pa.array(["t"] * len(part)),
                "partition": pa.array([0] * len(part), pa.int32()),
                "offset": pa.array(range(len(part)), pa.int64()),
                "arrived_at": pa.array([ARRIVED_AT] * len(part), INSTANT),
                "value": pa.array(part, pa.binary()),
            }
        )
        for part in (values[start : start + BATCH] for start in range(0, len(values), BATCH))
    ]


def fastest(work: object) -> float:
    """Processor time, for other work may share the machine."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times) / ROWS * 1e6


def measure(title: str, name: str, values: list[bytes]) -> None:
    event, work = EVENTS[name], batches(values)
    micros = fastest(lambda: [validate_batch(event, batch) for batch in work])
    loaded = fastest(lambda: [json.loads(value) for value in values])
    size = statistics.mean(map(len, values))
    print(f"{title:32} {size:5.0f} bytes   validate_batch {micros:6.2f} µs/row   json.loads {loaded:6.2f} µs/row")


def main() -> None:
    chance = random.Random(7)
    clicks = [click(number, chance) for number in range(ROWS)]
    named = [event | {"event_id": f"e-{number:012}"} for number, event in enumerate(clicks)]
    unknown = [event | {"utm_source": "newsletter", "utm_medium": "mail", "lang": "de"} for event in clicks]
    nested = [event | {"experiment": {"name": "cta", "arm": 2}} for event in clicks]
    spoiled = [spoilt(event, chance) if chance.random() < 0.1 else event for event in clicks]
    objects = [interaction(number, chance) for number in range(ROWS)]
    measure("clean", "clicks", [json.dumps(event).encode() for event in clicks])
    measure(
        "clean, compact, any key order",
        "clicks",
        [json.dumps(shuffled(event, chance), separators=(",", ":")).encode() for event in clicks],
    )
    measure("with event_id", "clicks", [json.dumps(event).encode() for event in named])
    measure("10 % bad", "clicks", [json.dumps(event).encode() for event in spoiled])
    measure("three unknown keys", "clicks", [json.dumps(event).encode() for event in unknown])
    measure("an unknown object", "clicks", [json.dumps(event).encode() for event in nested])
    measure("details an object", "interactions", [json.dumps(event).encode() for event in objects])
    values = [json.dumps(event).encode() for event in clicks]
    alone = fastest(lambda: [validate_record(EVENTS["clicks"], value, ARRIVED_AT) for value in values])
    print(f"{'clean, the reference implementation':32} {'':12} {alone:18.2f} µs/row")


if __name__ == "__main__":
    main()
