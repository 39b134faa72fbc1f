"""Know crawlers by their user agent, by the list that the package crawler-user-agents keeps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.metadata import version

LONGEST = 512
"""So many characters of a user agent are looked at: what a crawler calls itself stands there, and more take long."""

_REMEMBERED = 1 << 14


@cache
def list_version() -> str:
    """The list's version."""
    return version("crawler-user-agents")


def is_known_crawler(user_agent: str, exceptions: Sequence[str] = ()) -> bool:
    """Whether a user agent is one of a known crawler; never where it has one of these texts in it."""
    looked_at = user_agent[:LONGEST]
    folded = looked_at.casefold()
    return _is_listed(looked_at) and not any(text.casefold() in folded for text in exceptions)


@lru_cache(maxsize=_REMEMBERED)
def _is_listed(user_agent: str) -> bool:
    from crawleruseragents import is_crawler  # reads its list, which takes 0.1 s

    return bool(is_crawler(user_agent))
