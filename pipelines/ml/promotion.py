"""Promote a challenger to champion: a new version must beat the champion significantly; the first, the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lakehouse.errors import DataError
from pipelines.ml.baselines import ALL_NEGATIVE, ONE_RULE
from pipelines.ml.bootstrap import Comparison
from pipelines.ml.model_version import CHALLENGER, CHAMPION, LIVE_BECAUSE, REPLACED, TAKEN_BACK_BECAUSE, Version
from pipelines.ml.registry import Registry


@dataclass(frozen=True)
class Decision:
    """Whether a version goes live, why, and the figures that decided it."""

    promoted: bool
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)


FEW_BUYERS = 100
"""Below so many buying sessions, chance moves average precision by more than models differ."""

UNSEEN = "in validation and test period"
"""Of which sessions the figures of a first version are: neither period teaches a ranking."""


def decide_first(comparisons: Mapping[str, Comparison], buying_sessions: int) -> Decision:
    """For the first version, by comparisons with the baselines on sessions that taught neither.

    It has to be better than *nobody buys* and *one rule* by more than chance, and not worse than the logistic
    regression by more than chance. With few buying sessions a single rule is seldom beaten by more than chance, so
    there it must not be better than the tree by more than chance; the reason says how few they are.
    """
    figures = {"buying_sessions": float(buying_sessions)}
    for name, comparison in comparisons.items():
        figures["average_precision"] = comparison.average_precisions[0]
        figures[f"average_precision_of_{name}"] = comparison.average_precisions[1]
        figures[f"difference_to_{name}_low"], figures[f"difference_to_{name}_high"] = comparison.precision_interval
    are_few = buying_sessions < FEW_BUYERS
    must_beat = {ALL_NEGATIVE} if are_few else {ALL_NEGATIVE, ONE_RULE}
    unbeaten = [
        name
        for name, comparison in comparisons.items()
        if (not comparison.is_more_precise if name in must_beat else comparison.is_less_precise)
    ]
    own = figures.get("average_precision", 0.0)
    against = "; ".join(_against(name, comparisons[name]) for name in unbeaten or comparisons)
    few = (
        f" It rests on {buying_sessions:,} buying sessions, few enough for a difference of {_chance(comparisons):.2f} "
        f"to be chance: below {FEW_BUYERS}, a model goes live that no baseline beats by more than chance."
        if are_few
        else f" It rests on {buying_sessions:,} buying sessions."
    )
    if unbeaten:
        return Decision(False, f"It is not live: average precision {own:.3f} {UNSEEN}, where {against}.{few}", figures)
    return Decision(
        True, f"It is the first {CHAMPION}: average precision {own:.3f} {UNSEEN}, where {against}.{few}", figures
    )


def _against(name: str, comparison: Comparison) -> str:
    low, high = comparison.precision_interval
    said = {ALL_NEGATIVE: "nobody buys"}.get(name, name.replace("_", " "))
    remark = "" if low > 0 else ", worse by more than chance" if high < 0 else ", which chance explains"
    return f"{said} has {comparison.average_precisions[1]:.3f} ({low:+.3f} to {high:+.3f}, 95 %{remark})"


def _chance(comparisons: Mapping[str, Comparison]) -> float:
    """Half the width of the widest interval."""
    return max(high - low for low, high in (one.precision_interval for one in comparisons.values())) / 2


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


def promote_if_none(registry: Registry, version: Version, reason: str) -> bool:
    """Makes a version live where none is; returns whether it did."""
    if registry.champion() is not None:
        return False
    with registry.alone():
        promote(registry, version, reason)
    return True


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
