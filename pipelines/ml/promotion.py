"""Promote a challenger to champion: a new version must beat the champion significantly; the first, the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lakehouse.errors import DataError
from pipelines.ml.bootstrap import Comparison
from pipelines.ml.model_version import CHALLENGER, CHAMPION, LIVE_BECAUSE, REPLACED, TAKEN_BACK_BECAUSE, Version
from pipelines.ml.registry import Registry


@dataclass(frozen=True)
class Decision:
    """Whether a version goes live, why, and the figures that decided it."""

    promoted: bool
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)


def decide_first(average_precision: float, baselines: Mapping[str, Mapping[str, float]]) -> Decision:
    """For the first version: its average precision has to be higher than that of each baseline."""
    precisions = {name.replace("_", " "): metrics["average_precision"] for name, metrics in baselines.items()}
    figures = {"average_precision": average_precision}
    figures |= {f"average_precision_of_{name}": metrics["average_precision"] for name, metrics in baselines.items()}
    unbeaten = [f"{name} ({precision:.3f})" for name, precision in precisions.items() if precision >= average_precision]
    if unbeaten:
        return Decision(
            False,
            f"It is not live: average precision {average_precision:.3f} does not beat {' and '.join(unbeaten)} "
            "on the test period.",
            figures,
        )
    beaten = ", ".join(f"{name} ({precision:.3f})" for name, precision in precisions.items())
    return Decision(
        True,
        f"It is the first {CHAMPION}: average precision {average_precision:.3f} on the test period beats {beaten}.",
        figures,
    )


def decide(comparison: Comparison, champion: Version) -> Decision:
    """For a challenger: it has to be more precise than the champion by more than chance, and not worse calibrated."""
    own, before = comparison.average_precisions
    low, high = comparison.precision_interval
    figures = {
        "average_precision": own,
        "average_precision_of_champion": before,
        "difference_low": low,
        "difference_high": high,
        "calibration_error": comparison.calibration_errors[0],
        "calibration_error_of_champion": comparison.calibration_errors[1],
        "calibration_difference_low": comparison.calibration_interval[0],
        "calibration_difference_high": comparison.calibration_interval[1],
    }
    against = (
        f"average precision {own:.3f}, where version {champion.number} has {before:.3f} on the same test period "
        f"(difference {low:+.3f} to {high:+.3f}, 95 %)"
    )
    stays = f"Version {champion.number} stays the {CHAMPION}."
    if not comparison.is_more_precise:
        return Decision(False, f"It is not live: {against}, which chance explains. {stays}", figures)
    if comparison.is_worse_calibrated:
        error, error_before = comparison.calibration_errors
        return Decision(
            False,
            f"It is not live: {against}, but its calibration error is higher "
            f"({error:.3f}, {error_before:.3f} before). {stays}",
            figures,
        )
    return Decision(True, f"It is the new {CHAMPION}: {against}.", figures)


def promote(registry: Registry, version: Version, reason: str) -> Version | None:
    """Makes a version the champion; returns the champion before it, if there was one.

    The version keeps the reason, when it went live, and which version it replaced, so that a
    rollback knows.
    """
    before = registry.champion()
    _tag_as_live(registry, version, reason)
    if before is not None and before.number != version.number:
        registry.set_tags(version, **{REPLACED: before.number})
    registry.set_alias(version, CHAMPION)
    challenger = registry.version_with_alias(CHALLENGER)
    if challenger is not None and challenger.number == version.number:
        registry.delete_alias(CHALLENGER)
    return before


def roll_back(registry: Registry, reason: str) -> tuple[Version, Version]:
    """Makes the version live again that the champion replaced; returns the champion before, and the one now.

    Raises DataError where the champion replaced none.
    """
    champion = registry.live()
    number = champion.tags.get(REPLACED)
    if number is None:
        raise DataError(
            f"Version {champion.number} of {registry.model} replaced no other, so there is none to go back to.",
            "`clickstream models list` shows the versions, `clickstream models promote` makes any of them live.",
        )
    before = registry.version(number)
    registry.set_tags(champion, taken_back_at=_now(), **{TAKEN_BACK_BECAUSE: reason})
    # What it had replaced when it went live stays as it is: another rollback goes one further back.
    _tag_as_live(registry, before, reason)
    registry.set_alias(before, CHAMPION)
    return champion, before


def _tag_as_live(registry: Registry, version: Version, reason: str) -> None:
    registry.set_tags(version, went_live_at=_now(), **{LIVE_BECAUSE: reason})
    if TAKEN_BACK_BECAUSE in version.tags:
        registry.delete_tag(version, TAKEN_BACK_BECAUSE)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
