"""Read conf/shop.toml: who the shop is. Standard library only.

What is wrong there is one sentence with its fix. The settings are read once per process, from the folder
CLICKSTREAM_CONF or the one that this installation ships with.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from lakehouse.errors import UsageError
from lakehouse.paths import absolute
from lakehouse.shipped_files import wheel_of
from producers.shop.crawlers import list_version
from producers.shop.referrers import list_digest
from producers.toml_entries import WrongEntryError, flag, read_entries, refuse_unknown, text

FILE = "shop.toml"

SHIPPED = Path(__file__).resolve().parents[2] / "conf"
"""The folder of the settings that this installation ships with."""

REFERRER_KINDS = ("search", "social", "email", "paid", "internal", "other")
"""What [referrers] may say of a host. ``direct`` is where there is none."""

LONGEST_CURRENCY = 12
"""The most characters of a currency's name."""

ADDRESS_VERSION = 3
"""Raise it when addresses are parsed in another way, so that silver is rebuilt by it."""

ENVELOPES = ("schema_registry", "connect", "cloud_event", "double_encoding", "gzip")
"""What [envelopes] may have unwrapped."""

_NOT_CRAWLERS = "not_crawlers"
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
_HOST = re.compile(r"[^\s/?#@:*\"']+")
_REFERRER = re.compile(r"[^\s/?#@:*\"'=&]+(\.\*)?")
_PARAMETER = re.compile(r"[^\s?&=#;/]+")
_EXPRESSION = re.compile(r"[\\\[\]{}|]|\*\*")
"""What an address has no use for, and patterns of other kinds have."""
_ADDRESS = re.compile(r"\^?(/[^/?#\s^$]*)+\$?")


@dataclass(frozen=True)
class PageKind:
    """A kind of page, and how the addresses look that are of it."""

    kind: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class BotLimits:
    """From where on a session is suspected bot traffic."""

    events: int = 2_000
    rest_hours: float = 24.0
    page_views: int = 30
    page_views_per_second: float = 1.0
    reused_after_hours: float = 12.0
    sessions_in_24_hours: int = 60


@dataclass(frozen=True)
class Shop:
    """All that conf/shop.toml says."""

    hosts: tuple[str, ...] = ()
    hash_routes: bool = True
    currency: str = ""
    stripped_parameters: tuple[str, ...] = ()
    purchase_elements: tuple[str, ...] = ("btn_buy",)
    cart_elements: tuple[str, ...] = ("btn_add_to_cart", "add_to_cart")
    pages: tuple[PageKind, ...] = ()
    referrers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    bots: BotLimits = BotLimits()
    not_crawlers: tuple[str, ...] = ()
    pseudonymise: bool = False
    envelopes: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def envelopes_of(self, topic: str) -> tuple[str, ...]:
        """What is unwrapped of a topic's values. It is part of the contract's version of that topic alone."""
        return dict(self.envelopes).get(topic, ())

    @cached_property
    def silver_version(self) -> str:
        """Twelve hexadecimal digits that change with all that decides what silver holds."""
        decides = {name: value for name, value in asdict(self).items() if name not in _NOT_OF_SILVER}
        return _digest([ADDRESS_VERSION, list_digest(), list_version(), decides])

    @cached_property
    def silver_entries(self) -> Mapping[str, str]:
        """Twelve hexadecimal digits for each thing that decides what silver holds, by its name for a person."""
        decides = {_ENTRY.get(name, name): value for name, value in asdict(self).items() if name not in _NOT_OF_SILVER}
        by_release = {"how this release reads addresses": ADDRESS_VERSION}
        lists = {"the kept list of referrers": list_digest(), "the kept list of crawlers": list_version()}
        return {name: _digest(value) for name, value in {**decides, **by_release, **lists}.items()}

    @cached_property
    def gold_version(self) -> str:
        """Twelve hexadecimal digits that change with what decides gold alone."""
        return _digest(asdict(self.bots))


_NOT_OF_SILVER = {"bots", "currency", "envelopes", "pseudonymise"}
"""What changes no row that is in silver, as unwrapping leaves valid events as they are; or is noted by itself."""


_ENTRY = {
    "purchase_elements": "elements.purchase",
    "cart_elements": "elements.cart_add",
    _NOT_CRAWLERS: f"bots.{_NOT_CRAWLERS}",
}
"""What an entry is called in the file, where its name here is another."""


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def conf_folder() -> Path:
    """The folder of the settings, as an absolute path: CLICKSTREAM_CONF, else the one shipped with this program.

    Raises UsageError where CLICKSTREAM_CONF names no folder, or where the program runs from a wheel without one.
    """
    named = os.environ.get("CLICKSTREAM_CONF", "")
    if not named and (wheel := wheel_of(SHIPPED)):
        raise UsageError(
            f"The settings cannot be read from inside {wheel}.",
            "Set CLICKSTREAM_CONF to a folder of settings: a copy of conf/ of the project.",
        )
    folder = absolute(named) if named else SHIPPED
    if named and not folder.is_dir():
        says = "is no folder" if folder.exists() else "does not exist"
        raise UsageError(
            f"CLICKSTREAM_CONF names {folder}, which {says}.",
            f"Set it to a folder of settings, as `cp -r {SHIPPED} FOLDER` makes one; or unset it, for {SHIPPED}.",
        )
    return folder


def shop_file() -> Path:
    """The file of the shop's settings: CLICKSTREAM_CONF's where it has one, else the one shipped with this program.

    Raises UsageError where CLICKSTREAM_CONF names no folder.
    """
    own = conf_folder() / FILE
    return own if own.exists() else SHIPPED / FILE


def current_shop() -> Shop:
    """The shop's settings, as this process has read them first.

    Raises UsageError, which names the entry and says what is wrong with it.
    """
    return read_shop(shop_file())


@cache
def read_shop(file: Path) -> Shop:
    """The settings in a file.

    Raises UsageError, which names the entry and says what is wrong with it.
    """
    return read_entries(file, shop_of, "docs/how-to/your-shop.md explains each entry.")


def shop_of(found: Mapping[str, Any]) -> Shop:
    """The settings as they stand in the file; what is left out has its default."""
    refuse_unknown("", found, (*_READ, "elements", "pages", "referrers", "bots", "envelopes"))
    values: dict[str, Any] = {name: read(name, found[name]) for name, read in _READ.items() if name in found}
    elements = _table("elements", found.get("elements", {}))
    refuse_unknown("elements.", elements, ("purchase", "cart_add"))
    for name, field in (("purchase", "purchase_elements"), ("cart_add", "cart_elements")):
        if name in elements:
            values[field] = _elements(f"elements.{name}", elements[name])
    if both := {*values.get("purchase_elements", ())} & {*values.get("cart_elements", ())}:
        raise WrongEntryError(f"elements has {min(both)!r} in both purchase and cart_add: keep one.")
    bots = dict(_table("bots", found.get("bots", {})))
    if _NOT_CRAWLERS in bots:
        values[_NOT_CRAWLERS] = _texts(f"bots.{_NOT_CRAWLERS}", bots.pop(_NOT_CRAWLERS))
    return Shop(
        **values,
        pages=_pages(found.get("pages", [])),
        referrers=_referrers(_table("referrers", found.get("referrers", {}))),
        bots=_bots(bots),
        envelopes=_envelopes(_table("envelopes", found.get("envelopes", {}))),
    )


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WrongEntryError(f"{name} is {value!r}, but it is a table: write [{name}] above its entries.")
    return value


def _currency(name: str, value: Any) -> str:
    currency = text(name, value).strip()
    if len(currency) > LONGEST_CURRENCY or not currency.isprintable():
        raise WrongEntryError(f'{name} is {value!r}, but it is a short name on one line, as "EUR".')
    return currency


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise WrongEntryError(f'{name} is {value!r}, but it is a list: write ["…", "…"].')
    for one in value:
        if not isinstance(one, str) or not one.strip():
            raise WrongEntryError(
                f"{name} holds {one!r}, but each of its entries is a text in quotes that is not blank."
            )
    return tuple(one.strip() for one in value)


def _elements(name: str, value: Any) -> tuple[str, ...]:
    elements = _texts(name, value)
    if selector := next((one for one in elements if one.startswith("#")), None):
        raise WrongEntryError(f"{name} holds {selector!r}, but it is an element's id alone: write {selector[1:]!r}.")
    return elements


def _parameters(name: str, value: Any) -> tuple[str, ...]:
    parameters = _texts(name, value)
    if wrong := next((one for one in parameters if not _PARAMETER.fullmatch(one)), None):
        raise WrongEntryError(f'{name} holds {wrong!r}, but it is the name of a parameter alone, as "sid".')
    return parameters


def _hosts(name: str, value: Any) -> tuple[str, ...]:
    for host in _texts(name, value):
        if not _HOST.fullmatch(host):
            raise WrongEntryError(
                f'{name} holds {host!r}, but a host is a name alone, as "shop.com": '
                "without https://, port, path and asterisk (all below it belong to it anyway)."
            )
    return tuple(ascii_host(host).removeprefix("www.") for host in value)


def ascii_host(host: str) -> str:
    """A host as the URL standard writes it: in lower case, other letters in punycode, without a dot at its end."""
    import can_ada

    try:
        host = can_ada.parse(f"https://{host.strip()}/").hostname
    except ValueError:
        host = host.strip().lower()
    return host.removesuffix(".")


def _pages(value: Any) -> tuple[PageKind, ...]:
    if not isinstance(value, list):
        raise WrongEntryError("pages is no list of kinds: write [[pages]], in two brackets, above each kind.")
    return tuple(_page(f"pages, entry {number}", one) for number, one in enumerate(value, 1))


def _page(place: str, entry: Any) -> PageKind:
    entry = _table(place, entry)
    refuse_unknown(f"{place}: ", entry, ("kind", "addresses"))
    if missing := [name for name in ("kind", "addresses") if name not in entry]:
        raise WrongEntryError(f"{place} has no {missing[0]}: each kind of page has kind and addresses.")
    kind = text(f"{place}: kind", entry["kind"]).strip()
    if not _KIND.fullmatch(kind):
        raise WrongEntryError(f'{place}: kind is {kind!r}, but it is one word in lower case, as "product".')
    addresses = _texts(f"{place}: addresses", entry["addresses"])
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise WrongEntryError(
                f'{place} ({kind}): {address!r} is no part of a path, as "/p/*" or "^/$": '
                "it begins with / or ^/, and has no host, blank, question mark or hash."
            )
        if _EXPRESSION.search(address):
            raise WrongEntryError(
                f"{place} ({kind}): {address!r} looks like another kind of pattern: here * stands for one part of a "
                "path or a piece of it, ^ and $ for its ends, and everything else for itself."
            )
    return PageKind(kind, addresses)


def _referrers(found: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    refuse_unknown("referrers.", found, REFERRER_KINDS)
    kinds, seen = [], dict[str, str]()
    for kind, value in found.items():
        names = _texts(f"referrers.{kind}", value)
        for name in names:
            if not _REFERRER.fullmatch(name):
                raise WrongEntryError(
                    f'referrers.{kind} holds {name!r}, but a referrer is a host, as "partner.com", or "name.*": '
                    "without https://, port and path."
                )
            if name.lower() in seen:
                raise WrongEntryError(f"referrers has {name!r} twice, in {seen[name.lower()]} and {kind}: keep one.")
            seen[name.lower()] = kind
        kinds.append((kind, tuple(name.lower() if name.endswith(".*") else ascii_host(name) for name in names)))
    return tuple(kinds)


def _bots(found: Mapping[str, Any]) -> BotLimits:
    limits: dict[str, Any] = asdict(BotLimits())
    refuse_unknown("bots.", found, (*limits, _NOT_CRAWLERS))
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:  # noqa: PLR2004
            raise WrongEntryError(f"bots.{name} is {value!r}, but it is a number above 0, without quotes.")
        if isinstance(limits[name], int) and value != int(value):
            raise WrongEntryError(f"bots.{name} is {value!r}, but it counts: write a whole number.")
        limits[name] = type(limits[name])(value)
    return BotLimits(**limits)


def _envelopes(found: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    from producers.events import EVENTS  # whose versions are made from these settings

    refuse_unknown("envelopes.", found, tuple(EVENTS))
    for topic, value in found.items():
        for kind in _texts(f"envelopes.{topic}", value):
            if kind not in ENVELOPES:
                raise WrongEntryError(f"envelopes.{topic} holds {kind!r}, but it is one of {', '.join(ENVELOPES)}.")
    return tuple((topic, tuple(sorted({kind.strip() for kind in found[topic]}))) for topic in sorted(found))


_READ: dict[str, Callable[[str, Any], Any]] = {
    "hosts": _hosts,
    "hash_routes": flag,
    "currency": _currency,
    "stripped_parameters": _parameters,
    "pseudonymise": flag,
}
