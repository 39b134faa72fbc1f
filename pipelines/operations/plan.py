"""Plan an installation: what so many events a second need, by rates that were measured, with each assumption."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from math import ceil
from typing import Annotated, Any

import typer
from rich.table import Table as Grid

from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import CONF

RATES = CONF / "measured_rates.json"
"""What was measured, when and on which machine."""

DAY = 86_400
EVENTS_PER_SESSION = 6
LARGEST_TOPIC = 0.5
BUSY = 0.6
CATCH_UP = 3
TRIGGER_SECONDS = 5
KAFKA_OVERHEAD_BYTES = 70
KAFKA_DAYS = 7
REPLACED_DAYS = 7
FREE = 1.3
MACHINE_CORES = 16
EXECUTOR_CORES = 4
PLANNED = (1_000, 1_000_000)
ONE_MACHINE, CLUSTER = "one machine, by `clickstream up`", "a Spark cluster: docs/how-to/run-on-a-cluster.md"


@dataclass(frozen=True)
class Plan:
    """What an installation needs; disk in GB of 10^9 bytes, after so many days."""

    events_per_second: int
    days: int
    events_in_all: int
    runs_on: str
    partitions_per_topic: int
    cores: int
    executors: int
    memory_gb: float
    kafka_disk_gb: float
    lake_disk_gb: float
    ingress_gb_per_day: float
    core_hours_per_month: int


def plan(
    events_per_second: Annotated[int, typer.Option(min=1, max=10_000_000, help="At the busiest hour of the day.")],
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How long all events are kept.")] = 365,
    as_json: AsJson = False,
) -> None:
    """Compute partitions, cores, memory and disk for so many events a second, from measured rates; starts no Spark."""
    found, taken = plan_for(events_per_second, days), assumptions(events_per_second)
    if as_json:
        print_json({**asdict(found), "assumptions": taken})
        return
    grid = Grid(box=None, padding=(0, 2), show_header=False)
    for what, value in (
        ("events in all", f"{found.events_in_all:,}"),
        ("runs on", found.runs_on),
        ("Kafka partitions of each topic", f"{found.partitions_per_topic:,}"),
        ("cores", f"{found.cores:,}" + (f", as {found.executors:,} executors" if found.executors else "")),
        ("memory", f"{found.memory_gb:,.1f} GB"),
        ("disk of Kafka", f"{found.kafka_disk_gb:,.1f} GB"),
        ("disk of the lake", f"{found.lake_disk_gb:,.1f} GB"),
        ("into Kafka a day", f"{found.ingress_gb_per_day:,.1f} GB"),
        ("core hours a month", f"{found.core_hours_per_month:,}"),
    ):
        grid.add_row(what, value)
    out.print(grid)
    out.print("Assumptions", style="bold")
    for one in taken:
        out.print(f"- {one}", soft_wrap=True)


def plan_for(events_per_second: int, days: int) -> Plan:
    """The plan for so many events a second, kept for so many days. More of either never needs less of anything."""
    rates, rate = measured_rates(), events_per_second
    is_cluster = _cores_of_one_process(rate) > MACHINE_CORES
    cores = _cores_of_cluster(rate) if is_cluster else _cores_of_one_process(rate)
    executors = ceil(cores / EXECUTOR_CORES) if is_cluster else 0
    in_all = rate * DAY * days
    batch = rate * TRIGGER_SECONDS * CATCH_UP / 1e6 * rates["memory_gb_per_million_rows_in_a_batch"]
    memory = rates["process_memory_gb"] + batch
    if is_cluster:
        memory = max(memory, executors * EXECUTOR_CORES * rates["spark_memory_gb_per_core"])
    disk = rates["disk_bytes_per_event"]
    replaced = rate * DAY * min(days, REPLACED_DAYS)
    lake = (disk["bronze"] + disk["silver"]) * (in_all + replaced) + disk["gold"] * (
        in_all + EVENTS_PER_SESSION * replaced
    )
    record = rates["event_bytes"] + KAFKA_OVERHEAD_BYTES
    return Plan(
        events_per_second=rate,
        days=days,
        events_in_all=in_all,
        runs_on=CLUSTER if is_cluster else ONE_MACHINE,
        partitions_per_topic=max(
            2, ceil(rate * LARGEST_TOPIC * CATCH_UP / (rates["kafka_rows_per_core_second"] * BUSY))
        ),
        cores=cores,
        executors=executors,
        memory_gb=round(memory, 1),
        kafka_disk_gb=round(rate * DAY * KAFKA_DAYS * record * (3 if is_cluster else 1) * FREE / 1e9, 1),
        lake_disk_gb=round(lake * FREE / 1e9, 1),
        ingress_gb_per_day=round(rate * DAY * record / 1e9, 1),
        core_hours_per_month=cores * 730,
    )


def assumptions(events_per_second: int) -> list[str]:
    """What the figures rest on: what was measured, and what was not."""
    rates = measured_rates()
    alone, spark, disk = rates["in_process"], rates["spark"], rates["disk_bytes_per_event"]
    silver, gold = "silver_cpu_seconds_per_million", "gold_cpu_seconds_per_million"
    outside = not PLANNED[0] <= events_per_second <= PLANNED[1]
    text = f"""
Rates were measured on {rates["measured_on"]} on {rates["machine"]}; other cores are faster or slower.
Kafka to bronze takes {alone["bronze_cpu_seconds_per_million"]} CPU seconds a million events; to silver \
{alone[silver]} with a tenth of them bad (by Spark {spark[silver]}); to gold {alone[gold]} (by Spark {spark[gold]}).
A batch into gold costs {rates["gold_batch_cpu_seconds"]} CPU seconds however small it is, and takes \
{rates["gold_batch_seconds"]} s; there is one in {TRIGGER_SECONDS} s at most.
Assumed, not measured: a session has {EVENTS_PER_SESSION} events in as many batches, so gold computes each event \
{EVENTS_PER_SESSION} times; and the rate is that of the busiest hour, all day long.
Cores are busy to {BUSY:.0%}, so that a backlog is caught up with. Beyond {MACHINE_CORES} cores Spark computes silver \
and gold on a cluster; that it scales with its cores is assumed.
The largest topic has {LARGEST_TOPIC:.0%} of the events, and is read {CATCH_UP} times as fast after a pause; one core \
reads {rates["kafka_rows_per_core_second"]:,} of them a second.
An event has {rates["event_bytes"]} bytes and {KAFKA_OVERHEAD_BYTES} more in Kafka, uncompressed, for {KAFKA_DAYS} \
days; one copy on one machine, three on a cluster.
In the lake an event takes {disk["bronze"]} bytes in bronze, {disk["silver"]} in silver and {disk["gold"]} in gold \
(180,000 simulated events, compacted). Replaced files stay {REPLACED_DAYS} days. Of each disk {FREE - 1:.0%} \
more is free.
No prices: multiply the core hours, the GB of memory and of disk by those of your provider.
{f"Outside {PLANNED[0]:,} to {PLANNED[1]:,} events a second nothing was thought through: take care." if outside else ""}
"""
    return text.strip().splitlines()


@cache
def measured_rates() -> dict[str, Any]:
    """What was measured, by name."""
    return dict(json.loads(RATES.read_text(encoding="utf-8")))


def _cores_of_one_process(rate: int) -> int:
    rates = measured_rates()
    fixed: float = rates["gold_batch_cpu_seconds"] / max(TRIGGER_SECONDS, rates["gold_batch_seconds"])
    return max(2, ceil(_cpu(rate, rates["in_process"]) / BUSY + fixed))


def _cores_of_cluster(rate: int) -> int:
    cores = ceil(_cpu(rate, measured_rates()["spark"]) / BUSY)
    return EXECUTOR_CORES * max(2, ceil(cores / EXECUTOR_CORES))


def _cpu(rate: int, costs: dict[str, float]) -> float:
    """CPU seconds a second, without what a batch costs however small it is."""
    per_million = (
        costs["bronze_cpu_seconds_per_million"]
        + costs["silver_cpu_seconds_per_million"]
        + costs["gold_cpu_seconds_per_million"] * EVENTS_PER_SESSION
    )
    return rate * per_million / 1e6


if __name__ == "__main__":
    call(plan)
