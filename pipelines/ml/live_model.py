"""Follow which version is live, and have its tree at hand, without Java and without MLflow."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.errors import LakehouseError, OutsideError
from pipelines.ml.decision_tree import DecisionTree
from pipelines.ml.live_note import read_note, write_note
from pipelines.ml.model_package import load_tree, model_folder
from pipelines.ml.model_version import CHAMPION, Version, no_champion
from pipelines.ml.targets import IN_SESSION, PredictionTarget
from pipelines.ml.version_list import list_versions
from pipelines.runtime.console import err
from pipelines.runtime.settings import Settings


@dataclass(frozen=True)
class LiveModel:
    """The version that is live, its tree, and what it predicts."""

    version: Version
    tree: DecisionTree
    target: PredictionTarget = IN_SESSION


def champion(settings: Settings, target: PredictionTarget = IN_SESSION) -> Version | None:
    """The version that is live; None where none is, or where there is no store.

    Raises OutsideError where the store cannot be read.
    """
    return next((version for version in list_versions(settings, target) if CHAMPION in version.aliases), None)


def last_champion(settings: Settings, target: PredictionTarget = IN_SESSION) -> Version | None:
    """As champion; where the store cannot be read, the version that was live last, if that is noted."""
    try:
        return champion(settings, target)
    except OutsideError:
        noted = read_note(settings, target.model)
        if noted is None:
            raise
        return noted[0]


class ChampionFollower:
    """Follows the champion. Where the store or a version cannot be read, the version in use goes on, with a warning."""

    def __init__(self, settings: Settings, target: PredictionTarget = IN_SESSION) -> None:
        self._settings = settings
        self._target = target
        self._last_warning = ""
        self._live: LiveModel | None = None

    def of(self, target: PredictionTarget) -> ChampionFollower:
        """One that follows the champion of another target in the same installation."""
        return ChampionFollower(self._settings, target)

    @property
    def in_use(self) -> LiveModel | None:
        """The version in use, with its tree; None where none is yet."""
        return self._live

    @property
    def live(self) -> LiveModel:
        """The version in use, with its tree. Raises what ``start`` raises, where none is in use yet."""
        return self._live or self.start()

    def start(self) -> LiveModel:
        """Takes the version that is live, as ``find``.

        Raises DataError where none is.
        """
        if (found := self.find()) is None:
            raise no_champion(self._target)
        return found

    def find(self) -> LiveModel | None:
        """Takes the version that is live, if one is; where the store cannot be read, the one that was live last.

        Raises OutsideError where neither the store nor a note of it, or not the version's files, can be read.
        """
        settings, target = self._settings, self._target
        try:
            version = champion(settings, target)
        except OutsideError as error:
            noted = read_note(settings, target.model)
            if noted is None:
                raise
            version = noted[0]
            err.print(f"score: goes on with version {version.number}, which was live last. {error}")
        else:
            if version is None:
                return None
            write_note(settings, target.model, version, model_folder(settings, version))
        self._live = LiveModel(version, load_tree(settings, target, version), target)
        return self._live

    def follow(self) -> bool:
        """Takes the version that is live now, where it can be loaded; returns whether it is another one than before."""
        if self._live is None:
            return self._begin()
        before = self._live.version
        try:
            version = champion(self._settings, self._target)
            if version is None or version == before:
                return False
            self._live = LiveModel(version, load_tree(self._settings, self._target, version), self._target)
        except LakehouseError as error:
            self._warn_once(f"goes on with version {before.number}.", error)
            return False
        self._last_warning = ""
        return True

    def _begin(self) -> bool:
        """Takes the first version; returns whether there is one. A sentence says what stands against it, once."""
        try:
            return self.find() is not None
        except LakehouseError as error:
            self._warn_once(f"{self._target.name} is not scored.", error)
            return False

    def _warn_once(self, what: str, error: LakehouseError) -> None:
        if str(error) != self._last_warning:
            self._last_warning = str(error)
            err.print(f"score: {what} {error}")
