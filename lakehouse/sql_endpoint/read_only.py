"""Make SQL sessions read-only: check each query's analyzed plan before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession

_SPARK = ("org.apache.spark.sql.catalyst.plans.logical.", "org.apache.spark.sql.execution.")
_SHOWS = ("Show", "Describe", "Explain", "SetNamespace", "SetCatalogAndNamespace")
"""Prefixes of the commands that at most change a session's current database."""

_NO_FILES = frozenset(
    {"LocalRelation", "OneRowRelation", "Range", "CTERelationRef", "UnionLoopRef", "LogicalRDD", "CommandResult"}
)
"""Plan nodes whose rows are in no file: constants, parts of the query, and Delta's metadata of a table."""

_OF_SQL = """
    Aggregate AsOfJoin CTERelationDef CollectMetrics Deduplicate Distinct Except Expand Filter Generate GlobalLimit
    Intersect Join LateralJoin LocalLimit Offset PipeOperator Pivot Project RebalancePartitions Repartition
    RepartitionByExpression ResolvedHint Sample Sort Subquery SubqueryAlias Tail Union UnionLoop Unpivot View Window
    WithCTE
"""
_OF_DELTA = "AppendColumns DeserializeToObject MapElements MapGroups MapPartitions SerializeFromObject TypedFilter"
_QUERIES = frozenset(f"{_OF_SQL} {_OF_DELTA}".split())
"""Plan nodes of queries, and of those by which Delta reads its log. Any other node may do more than read."""

_RUNS_PROGRAMS = ("reflect", "java_method", "try_reflect")
"""SQL functions that call any method of Java by its name."""

_ASK = "Ask with SELECT, SHOW or DESCRIBE."


class _NewSession:
    """A Scala function that Spark calls for each new session; it returns the check."""

    def __init__(self, check: _Check) -> None:
        self._check = check

    def apply(self, _: Any) -> _Check:
        return self._check

    class Java:
        implements = ("scala.Function1",)


class _Check:
    """A Scala function that Spark calls with each analyzed query; the client gets the error that it raises."""

    def __init__(self, jvm: Any, folder: str) -> None:
        self._jvm = jvm
        self._folder = folder
        self._command = jvm.org.apache.spark.sql.catalyst.trees.TreePattern.COMMAND()

    def apply(self, plan: Any) -> None:
        try:
            refusal = self._refusal(plan)
        except Py4JError:
            refusal = f"This query cannot be checked, so it is not run. {_ASK}"
        if refusal:
            error = self._jvm.java.lang.UnsupportedOperationException(refusal)
            raise Py4JJavaError(refusal, error)

    def _refusal(self, plan: Any) -> str | None:
        if plan.containsPattern(self._command):
            return (
                None if self._only_shows(plan) else f"This endpoint only reads, and {plan.nodeName()} does more. {_ASK}"
            )
        for part in (plan, *_each(plan.subqueriesAll())):
            for node in _nodes(part):
                name = str(node.nodeName())
                if node.children().isEmpty():
                    if not self._may_read(name, node):
                        return f"This endpoint reads the tables that it lists, and no other files. {_ASK}"
                elif name not in _QUERIES:
                    return f"This endpoint only reads, and {name} may do more. {_ASK}"
        return None

    def _only_shows(self, plan: Any) -> bool:
        name = str(plan.getClass().getName())
        if name == "org.apache.spark.sql.execution.command.SetCommand":
            asked = plan.kv()
            return bool(asked.isEmpty() or asked.get().productElement(1).isEmpty())
        return name.startswith(_SPARK) and name.rpartition(".")[2].startswith(_SHOWS)

    def _may_read(self, name: str, leaf: Any) -> bool:
        if name in _NO_FILES:
            return True
        if name != "LogicalRelation":
            return False
        paths = [str(path.toString()) for path in _each(leaf.relation().location().rootPaths())]
        return all(path.startswith(f"{self._folder}/") for path in paths)

    class Java:
        implements = ("scala.Function1",)


def make_read_only(spark: SparkSession, folder: str) -> None:
    """From now on a new session of this Spark may only read the files in ``folder``.

    The present session is not restricted: it defines the tables. A query that is not allowed is refused with a
    sentence. Python decides, so while Python hangs or has ended every query is refused.
    """
    gateway: Any = spark.sparkContext._gateway  # noqa: SLF001
    jvm: Any = spark._jvm  # noqa: SLF001
    java_spark: Any = spark._jsparkSession  # noqa: SLF001
    java_spark.sessionState()  # this session's rules are made now, without the one below
    ensure_callback_server_started(gateway)  # type: ignore[no-untyped-call]
    # The client gets the sentence, and not Python's stack trace.
    gateway.callback_server_parameters.propagate_java_exceptions = True
    path = jvm.org.apache.hadoop.fs.Path(folder)
    files = path.getFileSystem(java_spark.sessionState().newHadoopConf())
    check = _Check(jvm, str(files.makeQualified(path).toString()))
    java_spark.extensions().injectCheckRule(_NewSession(check))
    registry = jvm.org.apache.spark.sql.catalyst.analysis.FunctionRegistry.builtin()
    for name in _RUNS_PROGRAMS:
        registry.dropFunction(jvm.org.apache.spark.sql.catalyst.FunctionIdentifier(name))


def _each(sequence: Any) -> Iterator[Any]:
    for number in range(sequence.size()):
        yield sequence.apply(number)


def _nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for child in _each(plan.children()):
        yield from _nodes(child)
