"""Put a keyed hash in place of a user's id, so that what is analysed names nobody. Standard library only.

conf/shop.toml says whether (``pseudonymise``); the key comes from the environment alone, or from a file that it names.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from functools import cache

from lakehouse.errors import UsageError
from lakehouse.paths import absolute
from producers.shop.settings import current_shop, shop_file

KEY = "CLICKSTREAM_PSEUDONYM_KEY"
"""The variable that holds the key."""

KEY_FILE = "CLICKSTREAM_PSEUDONYM_KEY_FILE"
"""The variable that names a file with the key."""

SHORTEST_KEY = 32
"""Characters of a key: with fewer, it could be found by trying."""

_KEYS_NAME = "\0the name of the key"
"""What a key is known by is its hash of this, which is no user's id: no id holds U+0000."""


@dataclass(frozen=True)
class Pseudonyms:
    """What stands for users' ids: their HMAC-SHA-256 by one key, or without a key the ids themselves."""

    key: bytes = field(default=b"", repr=False)

    def of(self, user_id: str) -> str:
        """What stands for an id: 64 hexadecimal digits."""
        if not self.key:
            return user_id
        return hmac.digest(self.key, user_id.encode("utf-8", "surrogatepass"), "sha256").hex()

    @property
    def version(self) -> str:
        """Sixteen digits that differ with the key, and do not tell it; empty where ids stay as they are."""
        return self.of(_KEYS_NAME)[:16] if self.key else ""


PLAIN = Pseudonyms()
"""Ids as they are."""


def current_pseudonyms() -> Pseudonyms:
    """What stands for users' ids in silver and above by the present settings.

    Raises UsageError where the key is missing, too short, or cannot be read; the message has nothing of it.
    """
    if not current_shop().pseudonymise:
        return PLAIN
    return _by_key(os.environ.get(KEY, ""), os.environ.get(KEY_FILE, ""))


@cache
def _by_key(given: str, file: str) -> Pseudonyms:
    where = KEY
    if not given and file:
        where = f"the file of {KEY_FILE} ({file})"
        try:
            given = absolute(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
            raise UsageError(
                f"The key of pseudonyms is in {file}, which cannot be read: {why}.", f"Fix the file, or {KEY_FILE}."
            ) from None
    key = given.strip()
    if not key:
        raise UsageError(
            f"User ids are to be pseudonymised ({shop_file()}), and there is no key for it.",
            f"Set {KEY_FILE} to a file that holds one, or {KEY} itself; `openssl rand -hex 32` makes one.",
        )
    if len(key) < SHORTEST_KEY:
        raise UsageError(
            f"The key of pseudonyms, in {where}, has fewer than {SHORTEST_KEY} characters: it could be guessed.",
            "Make one, for example with `openssl rand -hex 32`.",
        )
    return Pseudonyms(key.encode())
