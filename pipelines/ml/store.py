"""Examine the sqlite file of the MLflow store without MLflow, and correct the addresses of a store that was moved.

MLflow's own errors name a cure for all cases alike, "upgrade the database", and importing it takes seconds.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
import sys
from contextlib import closing
from functools import cache
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lakehouse.errors import OutsideError
from pipelines.runtime.settings import Settings

LOCKED_SECONDS = 20.0
"""How long a store may be locked by another program, as MLflow itself waits."""

_REVISION = re.compile(r"""^(down_revision|revision)\s*(?::[^=]+)?=\s*["']([0-9a-z]+)["']""", re.MULTILINE)
_ADDRESSES = (("runs", "artifact_uri"), ("model_versions", "source"), ("model_versions", "storage_location"))
"""The columns that hold the address of a run's files or of a model's."""


def tracking_uri(settings: Settings) -> str:
    """The MLflow tracking and registry URI of an installation."""
    return f"sqlite:///{store_file(settings)}"


def store_file(settings: Settings) -> Path:
    """The sqlite file of the MLflow store."""
    return settings.mlflow_home / "mlflow.db"


def artifacts_folder(settings: Settings) -> Path:
    """The folder of the runs' files, the models among them."""
    return settings.mlflow_home / "artifacts"


def has_store(settings: Settings) -> bool:
    """Whether the installation has an MLflow store."""
    return store_file(settings).exists()


def remove_unfinished(settings: Settings) -> None:
    """Remove a store that was being created when its process was killed: it holds no run and no version."""
    file = store_file(settings)
    for draft in settings.mlflow_home.glob(f"{file.name}.*.new*"):
        draft.unlink(missing_ok=True)
    if file.exists() and not _has_files(artifacts_folder(settings)):
        try:
            with closing(_read_only(file, LOCKED_SECONDS)) as store:
                tables = {row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                held = [name for name in ("runs", "model_versions", "registered_models") if name in tables]
                unfinished = revision_of(store) != newest_revision() and not any(
                    store.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall()  # noqa: S608 - three fixed names
                    for name in held
                )
                unfinished = unfinished and revision_of(store) in {None, *known_revisions()}
        except sqlite3.Error:
            return
        if unfinished:
            for path in (file, file.with_name(f"{file.name}-journal")):
                path.unlink(missing_ok=True)


def find_problem(settings: Settings, seconds: float | None = None) -> OutsideError | None:
    """What keeps the store from being read, with the cure; None where nothing does, or where there is no store.

    Another program may hold the store for so many ``seconds``, by default for LOCKED_SECONDS.
    """
    file = store_file(settings)
    if not file.exists():
        return None
    try:
        with closing(_read_only(file, LOCKED_SECONDS if seconds is None else seconds)) as store:
            damage = [row[0] for row in store.execute("PRAGMA quick_check(1)")]
            if damage != ["ok"]:
                return _damaged(settings, damage[0])
            revision = revision_of(store)
    except sqlite3.Error as error:
        return locked(settings) if is_locked(error) else _damaged(settings, str(error))
    return _revision_problem(settings, revision)


def _revision_problem(settings: Settings, revision: str | None) -> OutsideError | None:
    if revision is None:
        return _damaged(settings, "it has no tables")
    if revision == newest_revision():
        return None
    if revision in known_revisions():
        return _older(settings, revision)
    return OutsideError(
        f"The MLflow store {store_file(settings)} was written by a newer MLflow than {installed('mlflow')}, "
        f"which is installed here: its schema is {revision}.",
        "Install that newer MLflow. An upgrade of the store does not help.",
    )


def is_locked(error: BaseException) -> bool:
    """Whether an error of sqlite, or one that quotes it, says that another program holds the store."""
    return "database is locked" in str(error) or "database table is locked" in str(error)


class LockedStoreError(OutsideError):
    """Another program holds the store, for example a training that writes it."""


def locked(settings: Settings) -> LockedStoreError:
    """The error for a store that another program holds."""
    return LockedStoreError(
        f"The MLflow store {store_file(settings)} is locked: another program is writing it.",
        "Let it finish, or end what has the file open, for example a database browser; then run this again.",
    )


def _damaged(settings: Settings, why: str) -> OutsideError:
    file = store_file(settings)
    return OutsideError(
        f"The MLflow store {file} is damaged: {' '.join(why.split()).rstrip('.')}.",
        f"Restore it from a backup. Without one, move it away: `clickstream train` then makes a new store; "
        f"the files of earlier models stay in {artifacts_folder(settings)}.",
    )


def _older(settings: Settings, revision: str) -> OutsideError:
    file, command = store_file(settings), Path(sys.executable).with_name("mlflow")
    return OutsideError(
        f"The MLflow store {file} was written by an older MLflow than {installed('mlflow')}: its schema is {revision}.",
        f"Copy that file, then run `{command} db upgrade {shlex.quote(tracking_uri(settings))}`.",
    )


def _read_only(file: Path, seconds: float) -> sqlite3.Connection:
    # Not mode=ro: a transaction that a killed process left is rolled back by the next reader, which writes.
    return sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=seconds)


def revision_of(store: sqlite3.Connection) -> str | None:
    """The schema's revision that a store says it has; None where it says nothing."""
    try:
        row = store.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    return str(row[0]) if row else None


@cache
def _revisions() -> dict[str, str]:
    """The schema's revisions that the installed MLflow knows, each with the one before it."""
    package = find_spec("mlflow")
    folder = Path(package.origin).parent if package and package.origin else Path()
    found = {}
    for path in (folder / "store" / "db_migrations" / "versions").glob("*.py"):
        names = dict(_REVISION.findall(path.read_text(encoding="utf-8")))
        if "revision" in names:
            found[names["revision"]] = names.get("down_revision", "")
    return found


def known_revisions() -> set[str]:
    """The schema's revisions that the installed MLflow knows."""
    return set(_revisions())


def newest_revision() -> str:
    """The schema's revision that the installed MLflow reads and writes."""
    (newest,) = _revisions().keys() - set(_revisions().values())
    return newest


def correct_addresses(settings: Settings, models: tuple[str, ...]) -> int:
    """Point a store that was moved, or copied, to the files beside it; gives how many addresses were another folder's.

    MLflow keeps absolute addresses. An address whose file is only where it says, as in an object store, stays.
    """
    own = artifacts_folder(settings).as_uri()
    with closing(_read_only(store_file(settings), LOCKED_SECONDS)) as store, store:
        marks = ", ".join("?" * len(models))
        rows = store.execute(
            f"SELECT experiment_id, artifact_location FROM experiments WHERE name IN ({marks})",  # noqa: S608
            models,
        ).fetchall()
        moved = {old for _, old in rows if old and old != own and _is_store_folder(old)}
        changed = 0
        for old in moved:
            store.execute("UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (own, old))
            for table, column in _ADDRESSES:
                found = store.execute(
                    f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE ?",  # noqa: S608 - fixed names
                    (f"{old}/%",),
                ).fetchall()
                for (address,) in found:
                    new = own + address[len(old) :]
                    if path_of(new).exists() or not path_of(address).exists():
                        store.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, address))  # noqa: S608
                        changed += 1
        return changed or len(moved)


def path_of(address: str) -> Path:
    """The path of a ``file:`` address, or of one that is a path."""
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else Path(address)


def is_local(address: str) -> bool:
    """Whether an address is one of this machine's files."""
    return urlsplit(address).scheme in ("", "file")


def _is_store_folder(address: str) -> bool:
    return address.startswith("file:") and path_of(address).parts[-2:] == ("mlflow", "artifacts")


def missing_files(settings: Settings, model: str, number: str) -> Path | None:
    """Where a version's files should be, and are not; None where they are there, or in another store than a folder.

    Those of a store that was moved are looked for beside it, where the next command finds them.
    """
    query = "SELECT source FROM model_versions WHERE name = ? AND version = ?"
    with closing(_read_only(store_file(settings), LOCKED_SECONDS)) as store:
        row = store.execute(query, (model, number)).fetchone()
    if row is None or not is_local(str(row[0])):
        return None
    path = path_of(str(row[0]))
    beside = artifacts_folder(settings).joinpath(*path.parts[-3:])
    return None if path.is_dir() or beside.is_dir() else path


def experiment_is_deleted(settings: Settings, model: str) -> bool:
    """Whether the experiment of a model is in MLflow's trash."""
    query = "SELECT 1 FROM experiments WHERE name = ? AND lifecycle_stage = 'deleted'"
    with closing(_read_only(store_file(settings), LOCKED_SECONDS)) as store:
        return bool(store.execute(query, (model,)).fetchall())


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))
