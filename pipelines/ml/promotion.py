"""Who goes live: a new version has to beat what is live by more than chance, or, the first one, what needs no tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.ml.evaluation import Comparison
from pipelines.ml.registry import CHAMPION, Version


@dataclass(frozen=True)
class Decision:
    """Whether a version goes live, why, and the figures that decided it."""

    promoted: bool
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)


def decide_first(average_precision: float, baselines: Mapping[str, Mapping[str, float]]) -> Decision:
    """For the first version: its average precision has to be higher than that of each baseline."""
    rivals = {name.replace("_", " "): one["average_precision"] for name, one in baselines.items()}
    figures = {"average_precision": average_precision}
    figures |= {f"average_precision_of_{name}": one["average_precision"] for name, one in baselines.items()}
    unbeaten = [f"{name} ({one:.3f})" for name, one in rivals.items() if one >= average_precision]
    if unbeaten:
        return Decision(
            False,
            f"It is not live: average precision {average_precision:.3f} does not beat {' and '.join(unbeaten)} "
            "on the test period.",
            figures,
        )
    beaten = ", ".join(f"{name} ({one:.3f})" for name, one in rivals.items())
    return Decision(
        True,
        f"It is the first {CHAMPION}: average precision {average_precision:.3f} on the test period beats {beaten}.",
        figures,
    )


def decide(found: Comparison, champion: Version) -> Decision:
    """For a challenger: it has to be more precise than the champion by more than chance, and not worse calibrated."""
    own, before = found.average_precisions
    low, high = found.precision_interval
    figures = {
        "average_precision": own,
        "average_precision_of_champion": before,
        "difference_low": low,
        "difference_high": high,
        "calibration_error": found.calibration_errors[0],
        "calibration_error_of_champion": found.calibration_errors[1],
        "calibration_difference_low": found.calibration_interval[0],
        "calibration_difference_high": found.calibration_interval[1],
    }
    against = (
        f"average precision {own:.3f}, where version {champion.number} has {before:.3f} on the same test period "
        f"(difference {low:+.3f} to {high:+.3f}, 95 %)"
    )
    if not found.is_more_precise:
        reason = f"It is not live: {against}, which chance explains. Version {champion.number} stays the {CHAMPION}."
        return Decision(False, reason, figures)
    if found.is_worse_calibrated:
        off, was_off = found.calibration_errors
        return Decision(
            False,
            f"It is not live: {against}, but its probabilities are further from what happens "
            f"({off:.3f} in the mean, {was_off:.3f} before). Version {champion.number} stays the {CHAMPION}.",
            figures,
        )
    return Decision(True, f"It is the new {CHAMPION}: {against}.", figures)
