"""List the models that may have learnt from a person: their training's sessions began while the person's did."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.ml.model_version import Version
from pipelines.ml.store import has_store, store_file
from pipelines.ml.targets import TARGETS
from pipelines.ml.version_list import list_versions
from pipelines.runtime.settings import Settings


@dataclass(frozen=True)
class LearntFrom:
    """A version of a model, what it is called now, and the version of gold.training_examples that it was made of."""

    model: str
    version: str
    aliases: tuple[str, ...]
    table_version: str


def models_of(settings: Settings, span: tuple[datetime, datetime] | None) -> list[LearntFrom]:
    """The versions whose training and test sessions began between dates that overlap with the person's sessions.

    One whose dates cannot be read is listed.
    """
    if span is None or not has_store(settings):
        return []
    return [
        LearntFrom(target.model, version.number, version.aliases, version.tags.get("table_version", ""))
        for target in TARGETS.values()
        for version in list_versions(settings, target)
        if _overlaps(settings, version, span)
    ]


def _overlaps(settings: Settings, version: Version, span: tuple[datetime, datetime]) -> bool:
    # Read from the store's file: opening it by MLflow may write, and a dry run changes nothing.
    try:
        with closing(sqlite3.connect(f"{store_file(settings).as_uri()}?mode=ro", uri=True)) as store:
            params = dict(store.execute("SELECT key, value FROM params WHERE run_uuid = ?", (version.run_id,)))
        first, last = (_instant(params[name]) for name in ("first_session", "last_session"))
    except (sqlite3.Error, KeyError, ValueError):
        return True
    return first <= span[1] and span[0] <= last


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
