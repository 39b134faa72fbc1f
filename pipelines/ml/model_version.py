"""Describe a registered model version as plain data, so that listing versions needs no MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lakehouse.errors import DataError
from pipelines.ml.targets import PredictionTarget

CHAMPION = "champion"
"""The alias of the version that is live."""

CHALLENGER = "challenger"
"""The alias of the newest version, until it is live."""

REPLACED, LIVE_BECAUSE, TAKEN_BACK_BECAUSE = "replaced", "live_because", "taken_back_because"
"""The tags that promotions and rollbacks keep with a version."""


@dataclass(frozen=True)
class Version:
    """A registered version: its number, its training run, and the probability from which on it predicts a buyer.

    ``tags`` are the registry's tags of it. ``made_at`` is when it was registered, in UTC.
    """

    number: str
    run_id: str
    threshold: float
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    made_at: datetime | None = field(default=None, compare=False)
    aliases: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls, number: object, run_id: str, made_at_millis: int, tags: Mapping[str, str], aliases: tuple[str, ...] = ()
    ) -> Version:
        """A version from what MLflow keeps of it."""
        made_at = datetime.fromtimestamp(made_at_millis / 1000, UTC)
        return cls(str(number), run_id, float(tags.get("threshold", 0.5)), dict(tags), made_at, aliases)

    @property
    def why(self) -> str:
        """Why it is live or not: what training decided, and what people did since."""
        decided, live, back = (self.tags.get(name, "") for name in ("reason", LIVE_BECAUSE, TAKEN_BACK_BECAUSE))
        sentences = [
            decided,
            f"Made live: {live}" if live not in ("", decided) else "",
            f"Taken back: {back}" if back else "",
        ]
        return " ".join(sentence for sentence in sentences if sentence)

    @property
    def unseen_from(self) -> str:
        """The instant from which on it has learnt from no session, as ISO 8601; if unknown, when it was registered."""
        return self.tags.get("test_from") or (self.made_at or datetime.now(UTC)).isoformat()


def no_champion(target: PredictionTarget) -> DataError:
    """The error for a target whose model has no champion."""
    return DataError(
        f"No version of {target.model} has the alias {CHAMPION}.",
        "Run `clickstream train` first; `clickstream models list` says why a version is not live.",
    )
