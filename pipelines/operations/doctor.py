"""Examine this machine: what the pipeline needs and does not find, with a hint for each."""

from __future__ import annotations

import importlib
import os
import pwd
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rich.table import Table
from rich.text import Text

from lakehouse.atomic_files import read_json
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import LakehouseError, OutsideError, UsageError
from lakehouse.jvm import find_java, require_java_for_spark
from lakehouse.object_store import endpoint, is_s3, require_store
from lakehouse.session import read_defaults
from lakehouse.spark_environment import JAVA_FOLDER, ivy_folder, java_folder_options, require_user_name
from lakehouse.spark_jars import PACKAGES, with_kept_jars
from pipelines.ml import store
from pipelines.ml.model_version import CHAMPION
from pipelines.ml.targets import IN_SESSION
from pipelines.ml.version_list import list_versions
from pipelines.runtime import topics
from pipelines.runtime.console import call, out, print_json
from pipelines.runtime.kafka_endpoint import broker_of, reachable
from pipelines.runtime.lake_store import JARS, are_jars_there, s3_defaults
from pipelines.runtime.pseudonym_version import find_other_pseudonyms
from pipelines.runtime.settings import Settings, load_settings
from producers import kafka
from producers.contract.pseudonyms import current_pseudonyms
from producers.events import EVENTS
from producers.shop.settings import conf_folder

DISTRIBUTION = "clickstream-lakehouse"
_REINSTALL = "Run `make setup`."

_GIB = 1024**3
_NEEDS_DISK, _WANTS_DISK = 1 * _GIB, 5 * _GIB
_NEEDS_MEMORY = 3.6 * _GIB  # what a machine sold with 4 GB shows
_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

State = Literal["ok", "note", "missing"]
_STYLES: dict[State, str] = {"ok": "green", "note": "yellow", "missing": "bold red"}


@dataclass(frozen=True)
class Finding:
    """One thing that was examined; only ``missing`` keeps the pipeline from running."""

    check: str
    state: State
    found: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding with the keys of ``--json``, where the hint is called ``cure``."""
        return {"check": self.check, "state": self.state, "found": self.found, "cure": self.hint}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")] = False) -> None:
    """Show what is missing on this machine, with a hint for each."""
    findings = examine(load_settings())
    if as_json:
        print_json([finding.as_json() for finding in findings])
    else:
        out.print(_table(findings))
    missing = [finding.check for finding in findings if finding.state == "missing"]
    if missing:
        raise OutsideError(
            f"This machine cannot run the pipeline yet: {', '.join(missing)}.", "The list above has a hint for each."
        )


def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which the pipeline needs it."""
    lake = settings.lake_root.removeprefix("file://")
    checks: list[Callable[[], Finding]] = [
        check_python,
        check_user,
        check_java,
        lambda: check_java_folder(settings),
        check_packages,
        check_memory,
        (lambda: check_store_of(lake)) if is_s3(lake) else (lambda: check_folder("lake", lake)),
        lambda: check_folder("state", str(settings.state_root)),
        lambda: check_pseudonyms(settings),
        lambda: check_kafka(settings),
        lambda: check_topics(settings),
        lambda: check_kafka_jars(settings),
        lambda: check_store(settings),
        lambda: check_spark_jars(settings),
        *([check_s3_jars] if is_s3(lake) else []),
    ]
    return [check() for check in checks]


def check_python() -> Finding:
    """Whether this Python is one that the project runs on."""
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = _metadata("Requires-Python") or ">=3.11,<3.14"
    fits = version in SpecifierSet(wanted)
    return (
        Finding("Python", "ok", version)
        if fits
        else Finding(
            "Python", "missing", f"{version}, needs {wanted}", f"Install a Python {wanted}, then run `make setup`."
        )
    )


def check_user() -> Finding:
    """Whether this user has the name that Spark needs."""
    try:
        require_user_name()
    except OutsideError as error:
        return Finding("user", "missing", error.message, error.hint)
    return Finding("user", "ok", pwd.getpwuid(os.getuid()).pw_name)


def check_java() -> Finding:
    """Whether there is a Java that Spark and Kafka can use."""
    try:
        java = find_java()
        require_java_for_spark()
    except LakehouseError as error:
        return Finding("Java", "missing", error.message, error.hint)
    return Finding("Java", "ok", f"{java.says} ({java.path})")


def check_java_folder(settings: Settings) -> Finding:
    """Whether Java can unpack its libraries into a folder of temporary files."""
    try:
        elsewhere = java_folder_options(settings.logs / "tmp", make=False)
    except OutsideError as error:
        return Finding("temporary files", "missing", error.message, error.hint)
    if elsewhere:
        found = f"no programs run from {JAVA_FOLDER}: Java takes {settings.logs / 'tmp'}"
        return Finding("temporary files", "note", found, "Nothing to do, as long as that folder is not cleaned.")
    return Finding("temporary files", "ok", str(JAVA_FOLDER))


def check_packages() -> Finding:
    """Whether every package that this project requires is there, fits and can be imported."""
    try:
        requirements = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    except metadata.PackageNotFoundError:
        return Finding("packages", "missing", f"{DISTRIBUTION} is not installed", _REINSTALL)
    wanted = [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    wrong = [problem for each in wanted for problem in _problems(each)]
    if wrong:
        return Finding("packages", "missing", "; ".join(wrong), _REINSTALL)
    pinned = [f"{each.name} {metadata.version(each.name)}" for each in wanted if "==" in str(each.specifier)]
    return Finding("packages", "ok", ", ".join(pinned))


def _problems(requirement: Requirement) -> Iterator[str]:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        yield f"{requirement.name} is not installed"
        return
    if version not in requirement.specifier:
        yield f"{requirement.name} is {version}, needs {requirement.specifier}"
        return
    module = _module_of(requirement.name)
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a broken package raises anything
        yield f"{requirement.name} cannot be imported ({type(error).__name__}: {error})"


def _module_of(distribution: str) -> str:
    """The module that a distribution is imported by: pydantic_settings, and delta for delta-spark."""
    own = distribution.lower().replace("-", "_")
    tops = {
        Path(file.parts[0]).stem
        for file in metadata.files(distribution) or []
        if file.suffix == ".py" and len(file.parts) <= 2  # noqa: PLR2004 - the package and its module
    }
    names = sorted(top for top in tops if top.isidentifier() and not top.startswith("_"))
    return own if own in names or not names else names[0]


def check_memory() -> Finding:
    """Whether Spark's driver, Kafka and Python fit into the memory."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return Finding("memory", "note", "unknown", "Make sure that there are 4 GB.")
    limits = [int(text) for path in _CGROUPS if (text := _text(path)).isdigit()]
    usable = min([total, *limits])
    found = f"{usable / _GIB:.1f} GiB"
    if usable < _NEEDS_MEMORY:
        return Finding("memory", "missing", found, "Give this machine or container at least 4 GB of memory.")
    return Finding("memory", "ok", found)


def check_folder(name: str, place: str) -> Finding:
    """Whether a folder can be written or created, and its disk has room."""
    if "://" in place:
        return Finding(
            name, "note", f"{place} is not a folder of this machine", "Jobs check its store when they start."
        )
    folder = Path(place)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    setting = f"CLICKSTREAM_{name.upper()}"
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        hint = f"Make {folder} writable, or set {setting} to another folder."
        return Finding(name, "missing", f"{place} cannot be written: {error.strerror}", hint)
    found = f"{place}, {free / _GIB:.1f} GiB free"
    hint = f"Make room on its disk, or set {setting} to a folder on another one."
    if free < _NEEDS_DISK:
        return Finding(name, "missing", found, hint)
    if folder == Path(place) and free >= _WANTS_DISK and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        hint = f"It holds what users did: `chmod 700 {shlex.quote(place)}` closes it, where no one else reads it."
        return Finding(name, "note", f"{found}, open to other users of this machine", hint)
    return Finding(name, "ok", found) if free >= _WANTS_DISK else Finding(name, "note", found, hint)


def check_store_of(lake: str) -> Finding:
    """Whether the bucket of a lake in S3 is there, and lets this process in."""
    try:
        require_store(lake)
    except LakehouseError as error:
        return Finding("lake", "missing", error.message, error.hint)
    return Finding("lake", "ok", f"{lake}, at {endpoint() or 'Amazon S3'}")


def check_pseudonyms(settings: Settings) -> Finding:
    """Whether the key of pseudonyms is there where they are asked for, and is the one that silver was written with."""
    try:
        keyed = bool(current_pseudonyms().version)
        lake = LocalLake(settings.lake_root, settings.locks)
        other = find_other_pseudonyms(lake) if LocalLake.is_local(lake.root) else None
    except LakehouseError as error:
        return Finding("pseudonyms", "missing", error.message, error.hint)
    if other is not None:
        return Finding("pseudonyms", "missing", other.message, other.hint)
    return Finding("pseudonyms", "ok", "their key is set" if keyed else "not asked for: user ids stay as they are")


def check_kafka(settings: Settings) -> Finding:
    """Whether the external Kafka takes connections, or whether the embedded one runs."""
    servers = settings.kafka.bootstrap_servers
    if servers:
        if reachable(servers):
            return Finding("Kafka", "ok", f"external, at {servers}")
        hint = "Start it, or fix CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS; unset it to use the embedded Kafka."
        return Finding("Kafka", "missing", f"external, nothing answers at {servers}", hint)
    status = broker_of(settings).status()
    if status.running:
        return Finding("Kafka", "ok", f"embedded, at {status.bootstrap_servers}")
    if status.pid is not None:
        hint = "Wait a moment; if that does not help, run `clickstream broker stop`, then `start`."
        return Finding("Kafka", "note", f"embedded, pid {status.pid} does not answer", hint)
    return Finding("Kafka", "note", "embedded, not running", "Start it with `clickstream broker start`.")


def check_topics(settings: Settings) -> Finding:
    """Whether the topics that are there keep every record, with the broker's time."""
    servers = settings.kafka.bootstrap_servers or broker_of(settings).status().bootstrap_servers
    if not servers or not reachable(servers):
        return Finding("topics", "note", "unknown, no Kafka answers", "Ask again once it does.")
    try:
        there = kafka.topics_there(servers, EVENTS, settings.kafka.client)
        topics.refuse_many_partitions(settings, kafka.topic_ids(servers, there, settings.kafka.client))
        flaws = kafka.topic_flaws(servers, there, settings.kafka.client)
        problems = topics.find_problems(settings, servers)
    except UsageError as error:
        return Finding("topics", "missing", error.message, error.hint)
    except LakehouseError as error:
        return Finding("topics", "note", error.message, error.hint)
    if not there:
        return Finding("topics", "note", "none yet", "`clickstream produce` creates them.")
    bad: list[kafka.TopicFlaw | topics.TopicProblem] = [*problems]
    bad += [flaw for flaw in flaws if flaw.kind not in settings.kafka.tolerate]
    if bad:
        return Finding("topics", "missing", " ".join(one.problem for one in bad), " ".join(one.hint for one in bad))
    tolerated = "".join(f"; tolerated: {flaw.problem}" for flaw in flaws)
    return Finding("topics", "ok", f"{', '.join(there)} keep every record, with the broker's time{tolerated}")


def check_kafka_jars(settings: Settings) -> Finding:
    """Whether the embedded Kafka can start without a network."""
    if settings.kafka.bootstrap_servers:
        return Finding("Kafka's jars", "ok", "not needed with an external Kafka")
    jars = read_json(broker_of(settings).class_path_file).get("jars", [])
    if jars and all(os.access(jar, os.R_OK) for jar in jars):
        return Finding("Kafka's jars", "ok", f"{len(jars)} jars are here")
    return Finding("Kafka's jars", "note", "not here yet", "The first `clickstream broker start` may need the network.")


def check_store(settings: Settings) -> Finding:
    """Whether the MLflow store can be read, and the live model's files are there."""
    check, model = "MLflow store", IN_SESSION.model
    if not store.has_store(settings):
        return Finding(check, "note", "none yet", "`clickstream train` creates it.")
    if problem := store.find_problem(settings, seconds=2):
        return Finding(check, "missing", problem.message, problem.hint)
    versions = list_versions(settings, IN_SESSION)
    live = next((version for version in versions if CHAMPION in version.aliases), None)
    found = f"{store.store_file(settings)}, {f'version {live.number} of {len(versions)}' if live else 'none'} is live"
    if live is not None and (lost := store.missing_files(settings, model, live.number)):
        hint = "Restore them from a backup, or run `clickstream train`; `clickstream models list` shows the others."
        return Finding(check, "missing", f"{found}; its files are gone: there is no {lost}", hint)
    if store.experiment_is_deleted(settings, model):
        hint = "`clickstream train` restores it, with its runs."
        return Finding(check, "note", f"{found}; the experiment {model} was deleted", hint)
    return Finding(check, "ok", found)


def check_spark_jars(settings: Settings) -> Finding:
    """Whether Spark finds the jars of Delta and Kafka without a network."""
    conf = read_defaults(conf_folder() / "spark-defaults.conf")
    if PACKAGES not in conf:
        return Finding("Spark's jars", "note", f"{conf_folder()} names none", "A Spark without Delta cannot be used.")
    wanted, check = [artifact.strip() for artifact in conf[PACKAGES].split(",")], "Spark's jars"
    if PACKAGES not in with_kept_jars(conf, JARS):
        return Finding(check, "ok", f"{', '.join(wanted)}, as `make setup` has resolved them")
    cache = ivy_folder(settings.logs) / "jars"
    lacking = [each for each in wanted if not (cache / _ivy_name(each)).is_file()]
    if lacking:
        found = f"not in {cache}: {', '.join(lacking)}"
        return Finding(check, "note", found, "The first start of a Spark job needs the network.")
    return Finding(check, "note", f"in {cache}", "Each start resolves them again: `make setup` spares it that.")


def check_s3_jars() -> Finding:
    """Whether Spark finds the jars by which it reaches S3 without a network."""
    wanted = [one.strip() for one in s3_defaults()[PACKAGES].split(",") if "hadoop-aws" in one]
    if are_jars_there(s3_defaults()):
        return Finding("S3's jars", "ok", f"{', '.join(wanted)}, as the first job has resolved them")
    return Finding("S3's jars", "note", "not fetched yet", "The first job on this lake fetches them, by the network.")


def _ivy_name(artifact: str) -> str:
    group, name, version = artifact.split(":")
    return f"{group}_{name}-{version}.jar"


def _metadata(field: str) -> str | None:
    try:
        return metadata.metadata(DISTRIBUTION)[field]
    except metadata.PackageNotFoundError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _table(findings: list[Finding]) -> Table:
    table = Table(title="This machine", title_justify="left")
    for column in ("check", "state", "found", "hint"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        table.add_row(
            finding.check,
            Text(finding.state, style=_STYLES[finding.state]),
            Text(finding.found),
            Text(finding.hint),
        )
    return table


if __name__ == "__main__":
    call(doctor)
