"""Tables side by side: each after those that it reads, and an error of one is raised once the others have ended."""

from __future__ import annotations

import threading

import pytest

from lakehouse.parallel import MAX_PARALLEL_TABLES, run_in_parallel
from lakehouse.table import Column, Table

pytestmark = pytest.mark.spark


def table(name, *reads):
    sources = {one.short_name: one for one in reads}
    return Table(f"gold.{name}", "One row per n.", (Column("n", "INT", "A number."),), key=("n",), reads=sources)


A = table("a")
B, C = table("b", A), table("c", A)
D = table("d", B, C)
OTHERS = [table(f"other_{number}") for number in range(5)]


def test_tables_follow_what_they_read_within_the_limit(spark):
    guard, ended, at_work, most = threading.Lock(), [], set(), 0
    together = threading.Barrier(MAX_PARALLEL_TABLES)

    def work(one):
        nonlocal most
        with guard:
            assert {source.name for source in one.reads.values()} <= set(ended)
            at_work.add(one.name)
            most = max(most, len(at_work))
        if one in OTHERS[:MAX_PARALLEL_TABLES]:
            together.wait(60)  # as many at once as may be: none of them ends before the last has begun
        with guard:
            at_work.remove(one.name)
            ended.append(one.name)

    run_in_parallel(spark, [*OTHERS, A, B, C, D], work)
    assert sorted(ended) == sorted(one.name for one in [*OTHERS, A, B, C, D])
    assert most == MAX_PARALLEL_TABLES


def test_after_an_error_no_table_starts_and_running_ones_end(spark):
    failed, ended = threading.Event(), []

    def work(one):
        if one is A:
            failed.set()
            raise OSError("the disk is full")
        failed.wait(60)
        ended.append(one.name)

    slow = OTHERS[0]
    with pytest.raises(OSError, match="the disk is full"):
        run_in_parallel(spark, [slow, A, B, C, D], work)
    assert ended in ([slow.name], [])
    assert not {"gold.b", "gold.c", "gold.d"} & set(ended)
