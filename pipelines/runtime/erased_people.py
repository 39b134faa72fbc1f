"""Keep who was erased, as keyed hashes of their ids, so that what Kafka still holds of them does not come back."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.atomic_files import read_json, write_json
from lakehouse.errors import OutsideError, UsageError
from lakehouse.paths import absolute
from pipelines.runtime.settings import Settings

_PROOF = "the list of erased people"
_SHORTEST_KEY = 16


class ErasedPeople:
    """The list of who was erased: of each id its HMAC-SHA-256, which nobody without the key can make or compare."""

    def __init__(self, key: bytes, hashes: Iterable[str]) -> None:
        self._key = key
        self.hashes = frozenset(hashes)
        self._known: dict[str, bool] = {}

    def hash_of(self, user_id: str) -> str:
        """The keyed hash of an id."""
        return hmac.new(self._key, user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def holds(self, user_id: str) -> bool:
        """Whether someone of this id was erased."""
        if user_id not in self._known:
            if len(self._known) > 1_000_000:  # noqa: PLR2004 - enough for a batch, and no more memory than 0.2 GB
                self._known.clear()
            self._known[user_id] = self.hash_of(user_id) in self.hashes
        return self._known[user_id]


def erased_people(settings: Settings) -> ErasedPeople | None:
    """The list; None where nobody was erased.

    Raises OutsideError where it was made with another key, UsageError where the key cannot be read.
    """
    found = _read(settings)
    if not found["people"]:
        return None
    return ErasedPeople(_checked_key(settings, found), found["people"])


def with_key(settings: Settings, *, make: bool) -> ErasedPeople:
    """The list, also where it is empty; with ``make`` a key is made where there is none, for its owner alone."""
    found = _read(settings)
    if found["proof"]:
        return ErasedPeople(_checked_key(settings, found), found["people"])
    return ErasedPeople(_key(settings) or (_make_key(settings) if make else b"none yet"), ())


def add_people(settings: Settings, user_ids: Iterable[str]) -> ErasedPeople:
    """Puts people on the list, and gives it."""
    people = with_key(settings, make=True)
    found, now = _read(settings)["people"], datetime.now(UTC).isoformat(timespec="seconds")
    for user_id in user_ids:
        found.setdefault(people.hash_of(user_id), now)
    _write(settings, people, found)
    return ErasedPeople(people._key, found)  # noqa: SLF001


def remove_people(settings: Settings, user_ids: Iterable[str]) -> int:
    """Takes people off the list, so that what comes of them from now on stays; gives how many were on it."""
    people = with_key(settings, make=False)
    found = _read(settings)["people"]
    gone = {people.hash_of(user_id) for user_id in user_ids} & found.keys()
    if gone:
        _write(settings, people, {one: at for one, at in found.items() if one not in gone})
    return len(gone)


def erasures(settings: Settings) -> int:
    """A number that changes with each begin and each end of an erasure: who read before it may have read of people."""
    return int(read_json(_counted(settings)).get("erasures", 0))


def count_erasure(settings: Settings) -> None:
    """Changes that number."""
    write_json(_counted(settings), {"erasures": erasures(settings) + 1})


def _counted(settings: Settings) -> Path:
    return settings.erasure_home / "counted.json"


def _file(settings: Settings) -> Path:
    return settings.erasure_home / "people.json"


def _read(settings: Settings) -> dict[str, dict[str, str]]:
    file = _file(settings)
    found = read_json(file)
    if file.exists() and not {"proof", "people"} <= found.keys():
        raise OutsideError(f"The list of erased people cannot be read: {file}.", "Put it back from a backup.")
    return {"proof": found.get("proof", {}), "people": dict(found.get("people", {}))}


def _write(settings: Settings, people: ErasedPeople, found: dict[str, str]) -> None:
    write_json(_file(settings), {"proof": {"hmac": people.hash_of(_PROOF)}, "people": found})


def _checked_key(settings: Settings, found: dict[str, dict[str, str]]) -> bytes:
    key = _key(settings)
    if key is None or not hmac.compare_digest(ErasedPeople(key, ()).hash_of(_PROOF), found["proof"].get("hmac", "")):
        raise OutsideError(
            f"The list of erased people ({_file(settings)}) was made with another key.",
            f"Give it in CLICKSTREAM_ERASURE__KEY or CLICKSTREAM_ERASURE__KEY_FILE, or put {_own(settings)} back.",
        )
    return key


def _own(settings: Settings) -> Path:
    return settings.erasure_home / "key"


def _key(settings: Settings) -> bytes | None:
    given = settings.erasure.key.get_secret_value()
    file = absolute(settings.erasure.key_file) if settings.erasure.key_file else _own(settings)
    if not given and (settings.erasure.key_file or file.exists()):
        try:
            given = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"The key of erasures in {file} cannot be read.", "Fix the name or the file.") from None
    if not given:
        return None
    if len(given.strip()) < _SHORTEST_KEY:
        raise UsageError(
            f"The key of erasures has fewer than {_SHORTEST_KEY} characters: ids could be guessed from their hashes.",
            "Make one, for example with `openssl rand -hex 32`.",
        )
    return given.strip().encode()


def _make_key(settings: Settings) -> bytes:
    key, file = secrets.token_hex(32), _own(settings)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(key)
        out.flush()
        os.fsync(out.fileno())
    return key.encode()
