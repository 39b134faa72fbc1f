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
FREE = 0.3
MONTH_DAYS = 30
BESIDE_GB, LEAST_GB = 1.2, 4.0
MACHINE_CORES = 16
EXECUTOR_CORES = 4
PLANNED = (1_000, 1_000_000)
ONE_MACHINE, CLUSTER = "one machine, by `clickstream up`", "a Spark cluster: docs/how-to/run-on-a-cluster.md"


@dataclass(frozen=True)
class Plan:
    """What an installation needs; disk in GB of 10^9 bytes, after so many days. Each sum is that of its parts."""

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
    memory_parts_gb: dict[str, float]
    kafka_disk_parts_gb: dict[str, float]
    lake_disk_parts_gb: dict[str, float]


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
        *_shown(found.memory_parts_gb),
        ("disk of Kafka", f"{found.kafka_disk_gb:,.1f} GB"),
        *_shown(found.kafka_disk_parts_gb),
        ("disk of the lake", f"{found.lake_disk_gb:,.1f} GB"),
        *_shown(found.lake_disk_parts_gb),
        ("into Kafka a day", f"{found.ingress_gb_per_day:,.1f} GB"),
        (f"core hours a month of {MONTH_DAYS} days", f"{found.core_hours_per_month:,}"),
    ):
        grid.add_row(what, value)
    out.print(grid)
    out.print("Assumptions", style="bold")
    for one in taken:
        out.print(f"- {one}", soft_wrap=True)


def _shown(parts: dict[str, float]) -> list[tuple[str, str]]:
    return [(f"  {what}", f"{size:,.1f} GB") for what, size in parts.items()]


def plan_for(events_per_second: int, days: int) -> Plan:
    """The plan for so many events a second, kept for so many days. More of either never needs less of anything."""
    rates, rate = measured_rates(), events_per_second
    is_cluster = _cores_of_one_process(rate) > MACHINE_CORES
    cores = _cores_of_cluster(rate) if is_cluster else _cores_of_one_process(rate)
    executors = ceil(cores / EXECUTOR_CORES) if is_cluster else 0
    in_all = rate * DAY * days
    memory = _memory(rate, executors)
    disk = rates["disk_bytes_per_event"]
    replaced = rate * DAY * min(days, REPLACED_DAYS)
    lake = {
        **{f"events in {layer}": disk[layer] * in_all / 1e9 for layer in ("bronze", "silver", "gold")},
        f"replaced files of bronze and silver, {REPLACED_DAYS} days": (disk["bronze"] + disk["silver"])
        * replaced
        / 1e9,
        f"replaced files of gold, {REPLACED_DAYS} days": disk["gold"] * EVENTS_PER_SESSION * replaced / 1e9,
    }
    record, copies = rates["event_bytes"] + KAFKA_OVERHEAD_BYTES, 3 if is_cluster else 1
    kafka = {
        f"records of {KAFKA_DAYS} days, {copies} {'copy' if copies == 1 else 'copies'}": (
            rate * DAY * KAFKA_DAYS * record * copies / 1e9
        )
    }
    lake, kafka = _with_free(lake), _with_free(kafka)
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
        memory_gb=round(sum(memory.values()), 1),
        kafka_disk_gb=round(sum(kafka.values()), 1),
        lake_disk_gb=round(sum(lake.values()), 1),
        ingress_gb_per_day=round(rate * DAY * record / 1e9, 1),
        core_hours_per_month=cores * 24 * MONTH_DAYS,
        memory_parts_gb=memory,
        kafka_disk_parts_gb=kafka,
        lake_disk_parts_gb=lake,
    )


def _memory(rate: int, executors: int) -> dict[str, float]:
    """Memory by what takes it, in GB; on one machine never less than it needs for the smallest installation."""
    rates = measured_rates()
    batch = rate * TRIGGER_SECONDS * CATCH_UP / 1e6 * rates["memory_gb_per_million_rows_in_a_batch"]
    jobs = {"the jobs": rates["process_memory_gb"], "rows of a batch": round(batch, 1)}
    if executors:
        spark = executors * EXECUTOR_CORES * rates["spark_memory_gb_per_core"]
        return {"the executors": round(max(spark, sum(jobs.values()) + BESIDE_GB), 1)}
    least = LEAST_GB - sum(jobs.values())
    return {**jobs, "Kafka and the system": round(max(BESIDE_GB, least), 1)}


def _with_free(parts: dict[str, float]) -> dict[str, float]:
    """The parts of a disk as they are shown, so that they add up, with what is left free."""
    shown = {what: round(size, 1) for what, size in parts.items()}
    return {**shown, f"{FREE:.0%} more, free": round(sum(shown.values()) * FREE, 1)}


def assumptions(events_per_second: int) -> list[str]:
    """What the figures rest on: what was measured, and what was not."""
    rates = measured_rates()
    alone, spark, disk = rates["in_process"], rates["spark"], rates["disk_bytes_per_event"]
    silver, gold = "silver_cpu_seconds_per_million", "gold_cpu_seconds_per_million"
    least, most = PLANNED
    warning = ""
    if events_per_second < least:
        warning = f"Below {least:,} events a second the smallest machine is planned, and only its disk gets smaller.\n"
    elif events_per_second > most:
        warning = f"Above {most:,} events a second nothing was thought through: take care.\n"
    text = f"""
{warning}\
Rates were measured on {rates["measured_on"]} on {rates["machine"]}; other cores are faster or slower.
Kafka to bronze takes {alone["bronze_cpu_seconds_per_million"]} CPU seconds a million events, \
{rates["bronze_measured"]}; to silver \
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
(180,000 simulated events, compacted). Files that were replaced stay {REPLACED_DAYS} days: each event of these days \
once more in bronze and silver, and {EVENTS_PER_SESSION} times in gold. Of each disk {FREE:.0%} more is free.
Memory is that of the jobs and of a batch's rows as measured; {BESIDE_GB} GB for Kafka and the system are \
assumed, and one machine has {LEAST_GB:.0f} GB at least. A month has {MONTH_DAYS} days.
No prices: multiply the core hours, the GB of memory and of disk by those of your provider.
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
