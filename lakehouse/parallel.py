"""Work on several tables in parallel, each after those that it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import SimpleQueue

from pyspark import InheritableThread
from pyspark.sql import SparkSession

from lakehouse.table import Table, dependency_sorter

MAX_PARALLEL_TABLES = 3
"""How many tables: small queries mostly cost planning, which Spark does in one thread for each query."""


def run_in_parallel(spark: SparkSession, tables: Sequence[Table], work: Callable[[Table], None]) -> None:
    """Does the work for each table once it is done for those that the table reads; earlier ones first.

    After an error no further table is started. The first error is raised once the tables at work are done.
    """
    by_name = {table.name: table for table in tables}
    order, names = dependency_sorter(tables), [table.name for table in tables]
    results: SimpleQueue[tuple[str, BaseException | None]] = SimpleQueue()
    waiting: list[str] = []
    errors: list[BaseException] = []
    at_work = 0

    def run(table: Table) -> None:
        try:
            work(table)
        except BaseException as error:  # noqa: BLE001
            results.put((table.name, error))
        else:
            results.put((table.name, None))

    while order.is_active():
        waiting = sorted([*waiting, *order.get_ready()], key=names.index)
        while waiting and at_work < MAX_PARALLEL_TABLES and not errors:
            # A daemon, as a process that is told to end does not wait for it.
            InheritableThread(target=run, args=(by_name[waiting.pop(0)],), session=spark, daemon=True).start()
            at_work += 1
        if not at_work:
            break
        name, error = results.get()
        at_work -= 1
        if error is not None:
            errors.append(error)
        else:
            order.done(name)
    if errors:
        raise errors[0]
