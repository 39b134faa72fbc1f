"""Predict purchases as well as events allow: the Bayes-optimal predictor, the upper limit for any model.

It is the forward filter of a hidden Markov model, with the model's true parameters: it sees every event, and
knows how users behave, but not a user's hidden mood and patience.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from producers.simulator.behaviour import (
    KINDS,
    SEEN,
    SLOTS,
    Behaviour,
    Floats,
    apportion,
    landings,
    median_seconds,
    place_of,
)
from producers.simulator.parameters import (
    DEVICES,
    HISTORIES,
    LONGEST_SECONDS,
    PATIENCES,
    SLOWER,
    SPREAD,
    STYLES,
    Act,
    CategoryKind,
    Mood,
    Patience,
    Place,
)
from producers.simulator.shop import REFERRERS, referrers

_CLICKS = range(Act.CLICK_FILTER, Act.BUY + 1)
_CDF = NormalDist().cdf


class ForwardFilter:
    """The forward algorithm, event by event; a belief is an array of probabilities by kind and style."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._shares = behaviour.shares
        self._will_buy = np.array(behaviour.will_buy).reshape(len(KINDS), len(Mood), SEEN)
        self._passes: dict[tuple[int, int, int], Floats] = {}
        self._moods = {
            history: np.array([np.bincount(behaviour.moods(style, history), minlength=len(Mood)) for style in STYLES])
            for history in HISTORIES
        }
        brings = {style: referrers(style) for style in STYLES}
        self._brings = {
            referrer: np.array([brings[style].count(referrer) for style in STYLES]) for referrer, *_ in REFERRERS
        }
        self._returns = np.array([returns for _, returns, _ in STYLES.values()])
        kinds = [DEVICES[device] * PATIENCES[patience] for device, patience in KINDS]
        self.at_first: Floats = np.outer(kinds, apportion(often for often, *_ in STYLES.values()))
        """The belief about a new user."""

    def start(self, belief: Floats, history: str, cart: int, referrer: str, place: int) -> None:
        """Start a session with its first event."""
        lands = np.array([landings(mood, cart).get(place, 0.0) for mood in Mood])
        self._category_is_known = history != "new" or place != Place.HOME
        self._belief = (belief * self._brings[referrer])[:, :, None] * self._moods[history] * lands
        self._normalise()

    def update(self, kind: int, before: int, act: int, after: int, milliseconds: int) -> None:
        """Update the belief with the next event; the position of a click tells the device."""
        slow = SLOWER.get(Act(act), 1.0)
        pace = np.array([[_likely(milliseconds, mood, patience, slow) for mood in Mood] for _, patience in KINDS])
        if act in _CLICKS:
            pace *= [[device is KINDS[kind][0]] for device, _ in KINDS]
        key = before % SEEN, act, after % SEEN
        passes = self._passes.get(key)
        if passes is None:
            passes = self._passes[key] = self._pass(*key)
        self._belief = (self._belief * pace[:, None, :]) @ passes
        self._category_is_known |= place_of(after) != Place.HOME
        self._normalise()

    def predict(self, state: int) -> float:
        """The probability of a purchase, given the events so far."""
        seen = state % SEEN
        will_buy = self._will_buy[:, :, seen]
        if not self._category_is_known:  # the front page, and what is done there, says nothing about it
            will_buy = (will_buy + self._will_buy[:, :, seen ^ 1]) / len(CategoryKind)
        return float((self._belief.sum(axis=1) * will_buy).sum())

    def end(self, state: int) -> Floats:
        """End the session; returns the belief for the user's next session."""
        leaves = self._pass(state % SEEN, Act.LEAVE, -1).sum(axis=2)
        return np.asarray((self._belief * leaves[:, None, :]).sum(axis=2) * self._returns)

    def _normalise(self) -> None:
        self._belief /= self._belief.sum()

    def _pass(self, before: int, act: int, after: int) -> Floats:
        passes = np.zeros((len(KINDS), len(Mood), len(Mood)))
        for kind in range(len(KINDS)):
            for mood in Mood:
                for (does, to, _), slots in self._shares((kind * len(Mood) + mood) * SEEN + before):
                    if does == act and (to if to < 0 else to % SEEN) == after:
                        passes[kind, mood, to % (len(Mood) * SEEN) // SEEN] += slots / SLOTS
        return passes


def _likely(milliseconds: int, mood: Mood, patience: Patience, slow: float) -> float:
    """The likelihood of a pause: lognormal, cut off, plus up to a second that is uniform."""
    median = median_seconds(mood, patience, slow)
    return _shorter(milliseconds, median) - _shorter(milliseconds - SLOTS, median) + 1e-12


def _shorter(milliseconds: int, median: float) -> float:
    if milliseconds <= 0:
        return 0.0
    seconds = milliseconds / 1_000
    return _CDF(math.log(seconds / median) / SPREAD) if seconds < LONGEST_SECONDS else 1.0
