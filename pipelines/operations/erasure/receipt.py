"""Say what an erasure did, as a receipt that names nobody: where, how many rows, which versions, when the files go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lakehouse.atomic_files import write_json
from pipelines.operations.erasure.models import LearntFrom
from pipelines.runtime.settings import Settings

NOT_COVERED = (
    "Kafka keeps its records until their topic's retention ends. What comes of these people again loses its bytes.",
    "Files that were written elsewhere (exports, reports, copies, backups) are not known here.",
    "Models are not trained again: those listed may have learnt from these people, from numbers that name nobody.",
)


@dataclass(frozen=True)
class TableReceipt:
    """What was done to a table: rows taken out, its versions before and after, and files of older versions."""

    table: str
    rows: int
    version_before: int
    version_after: int
    files_deleted: int = 0
    files_kept: tuple[str, ...] = ()
    files_kept_because: str = ""
    log_files_cleaned: int = 0


@dataclass(frozen=True)
class Receipt:
    """One erasure. ``people`` are the keyed hashes of their ids, and ``found_after`` files that still have an id.

    ``not_found`` is how many of their ids no table has anything of.
    """

    erased_at: str
    people: tuple[str, ...]
    dry_run: bool
    tables: tuple[TableReceipt, ...] = ()
    models: tuple[LearntFrom, ...] = ()
    found_after: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_found: int = 0
    not_covered: tuple[str, ...] = field(default=NOT_COVERED)

    @property
    def files_go_at(self) -> str:
        """When the last file is gone: now, or with the first `clickstream maintain` after Delta's safe hours."""
        at = datetime.fromisoformat(self.erased_at)
        if any(one.files_kept for one in self.tables):
            from pipelines.operations.maintain import SAFE_HOURS  # which imports Spark

            at += timedelta(hours=SAFE_HOURS)
        return at.isoformat(timespec="seconds")

    def as_json(self) -> dict[str, Any]:
        """The receipt as it is kept."""
        return {**asdict(self), "files_go_at": self.files_go_at, "sentence": " ".join(self.sentences())}

    def sentences(self) -> Iterator[str]:
        """The receipt in words."""
        rows = sum(one.rows for one in self.tables)
        where = ", ".join(f"{one.table} {one.rows:,}" for one in self.tables if one.rows)
        many = len(self.people) or 1
        who = "1 person" if many == 1 else f"{many:,} people"
        if self.dry_run:
            yield f"{rows:,} rows of {who} would go{f': {where}' if where else ''}. Nothing was changed."
        else:
            yield f"{rows:,} rows of {who} are gone{f': {where}' if where else ''}."
            yield from self._files()
        if self.models:
            names = ", ".join(f"{one.model} {one.version}" for one in self.models)
            yield f"Models that may have learnt from them: {names}."
        yield from self.notes

    def _files(self) -> Iterator[str]:
        deleted = sum(one.files_deleted for one in self.tables)
        yield f"{deleted:,} files of older versions were deleted."
        for one in self.tables:
            if one.files_kept:
                yield (
                    f"{len(one.files_kept):,} files of {one.table} are kept, because {one.files_kept_because}: let it "
                    f"run and erase again, or they go with the first `clickstream maintain` from {self.files_go_at} on."
                )
        if self.found_after:
            yield f"Files that still have the id: {', '.join(self.found_after)}. Look at them and delete them."


def keep(settings: Settings, receipt: Receipt) -> Path:
    """Writes the receipt into the state folder."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    path = settings.erasure_home / "receipts" / f"{stamp}.json"
    write_json(path, receipt.as_json())
    return path
