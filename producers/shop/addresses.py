"""Parse the addresses of pages and referrers by the URL standard, and tell what they mean for the shop.

The parser is can_ada, a binding of Ada, which implements the WHATWG's URL standard. A relative address is taken for one
of the shop. What is no address at all is some page of its own, of the kind "other".
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

import can_ada

from producers.shop.referrers import is_within, site_kind
from producers.shop.settings import Shop

OTHER = "other"

_NOWHERE = "relative.invalid"
_REMEMBERED = 50_000
"""The most addresses whose meaning is remembered."""

_LONGEST_CAMPAIGN = 256
_SHOWN_NUL = "\N{REPLACEMENT CHARACTER}"
_PARAMETERS = re.compile(r";[^/]*")
_COOKIELESS = re.compile(r"/\([A-Za-z]\([^/]*\)\)(?=/|\Z)")  # ASP.NET's session id, as a part of the path
_USER = re.compile(r"((?:https?|wss?|ftp):[\\/]*|[\\/]{2})[^\\/]*@", re.IGNORECASE)
_BASE = can_ada.parse(f"https://{_NOWHERE}/")

_CLICK_IDS = {
    "gclid": "google",
    "gbraid": "google",
    "wbraid": "google",
    "dclid": "google",
    "msclkid": "microsoft",
    "yclid": "yandex",
    "ttclid": "tiktok",
    "twclid": "twitter",
    "li_fat_id": "linkedin",
    "epik": "pinterest",
    "rdt_cid": "reddit",
    "sccid": "snapchat",
}
"""Parameters that advertising systems add to the address of an advertisement, and whose they are."""

_CAMPAIGN = {
    "source": ("utm_source", "mtm_source", "pk_source"),
    "medium": ("utm_medium", "mtm_medium", "pk_medium"),
    "name": ("utm_campaign", "mtm_campaign", "pk_campaign"),
}
_PAID = re.compile(
    r"cp[acmv]|ppc|paid.*|.*[-_ ]cp[acmv]|.*[-_ ]ppc|.*[-_ ]?paid|display|banner|ads?|retargeting|remarketing"
)
_EMAIL = re.compile(r"e[-_ ]?mail|newsletter")
_SOCIAL = re.compile(r"social([-_ ].*)?|sm")


class Page(NamedTuple):
    """What the address of a page is: where, what kind, and which campaign led to it."""

    url: str
    host: str | None
    path: str
    kind: str
    campaign_source: str | None
    campaign_medium: str | None
    campaign_name: str | None


class Referrer(NamedTuple):
    """What the address that a user came from is; ``kind`` is None where the page it led to has a say."""

    url: str
    host: str | None
    kind: str | None


class Addresses:
    """What addresses mean for one shop. The answers are remembered."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._kinds = [(one.kind, _pattern(one.addresses)) for one in shop.pages]
        self._stripped = frozenset(name.lower() for name in shop.stripped_parameters)
        self._overrides = [(kind, name) for kind, names in shop.referrers for name in names]
        self.page = lru_cache(_REMEMBERED)(self._page)
        self.referrer = lru_cache(_REMEMBERED)(self._referrer)
        self.kind_of = lru_cache(_REMEMBERED)(self._kind_of)

    def _page(self, url: str) -> Page:
        found, is_relative = _parsed(url)
        query = found.search
        if found.protocol and not found.hostname and not found.pathname.startswith("/"):
            path = found.protocol  # mailto:, about: and the like have no path
        else:
            path = _path(found.pathname)
        route = found.hash[1:].removeprefix("!") if self._shop.hash_routes else ""
        if route.startswith("/"):
            route, _, more = route.partition("?")
            query, path = f"{query}&{more}", _path(route)
        host = None if is_relative else _host(found)
        if host is None and is_relative and self._shop.hosts:
            host = self._shop.hosts[0]
        return Page(self.stripped(url), host, path, self.kind_of(path), *_campaign(query))

    def _kind_of(self, path: str) -> str:
        """The kind of page that a path is of: that of the first pattern that matches."""
        folded = _folded(path)
        return next((kind for kind, pattern in self._kinds if pattern.search(folded)), OTHER)

    def _referrer(self, url: str) -> Referrer:
        found, is_relative = _parsed(url)
        if is_relative:
            if url.lstrip().startswith(("/", "?", "#")):
                return Referrer(self.stripped(url), None, "internal")
            if "." in re.split(r"[/?#]", url.strip(), maxsplit=1)[0].strip("."):
                # Without a scheme, as some trackers send it.
                found, is_relative = _parsed(f"https://{url.strip()}")
        host = None if is_relative else _host(found)
        kind = next((kind for kind, name in self._overrides if host and _is_called(host, name)), None)
        return Referrer(self.stripped(url), host, kind)

    def referrer_kind(self, page: Page, referrer: Referrer | None) -> str:
        """Where a user came from: direct, internal, paid, search, social, email or other.

        What the shop's settings say of the referrer comes first, then its own hosts, then the page's campaign, then
        the kept list.
        """
        if referrer is not None:
            if referrer.kind is not None:
                return referrer.kind
            if self._is_own(referrer.host, page.host):
                return "internal"
        by_campaign = _medium_kind(page.campaign_medium)
        if by_campaign is not None:
            return by_campaign
        if referrer is None:
            return "direct"
        return (referrer.host and site_kind(referrer.host)) or OTHER

    def _is_own(self, host: str | None, page_host: str | None) -> bool:
        if host is None:
            return False
        if self._shop.hosts or page_host is None:
            return any(is_within(host, one) for one in self._shop.hosts)
        bare, page = host.removeprefix("www."), page_host.removeprefix("www.")
        return is_within(host, page) or ("." in bare and is_within(page, bare))

    def stripped(self, url: str) -> str:
        """An address without the parameters that the shop's settings strip, and without a user's name and password."""
        rest, hash_mark, fragment = url.partition("#")
        if "?" not in url and ";" not in url and "@" not in rest:
            return url
        front, mark, query = rest.partition("?")
        front = self._without_path_parameters(_without_users(front))
        rest = front + self._kept(mark, query)
        if self._shop.hash_routes and "?" in fragment:
            route, mark, query = fragment.partition("?")
            fragment = route + self._kept(mark, query)
        return rest + hash_mark + fragment or "/"

    def _kept(self, mark: str, query: str) -> str:
        parts = query.split("&")
        kept = [part for part in parts if not self._is_stripped(part)]
        if len(kept) == len(parts):
            return mark + query
        return mark + "&".join(kept) if kept else ""

    def _is_stripped(self, parameter: str) -> bool:
        name = parameter.partition("=")[0]
        return unquote(name).strip().lower() in self._stripped

    def _without_path_parameters(self, front: str) -> str:
        if ";" not in front:
            return front
        first, *parameters = front.split(";")
        kept = first
        for parameter in parameters:
            text, slash, rest = parameter.partition("/")
            kept += (slash + rest) if self._is_stripped(text) else f";{parameter}"
        return kept


@lru_cache(maxsize=4)
def addresses_of(shop: Shop) -> Addresses:
    """What addresses mean for a shop."""
    return Addresses(shop)


def is_address(url: str) -> bool:
    """Whether a text is meant as an address: a whole one, or one that is relative to the shop's by its first sign.

    What is neither is read all the same, as a path, by the standard.
    """
    if url.startswith(("/", "?", "#")):
        return True
    with suppress(ValueError):
        can_ada.parse(url)
        return True
    return False


def _parsed(url: str) -> tuple[can_ada.URL, bool]:
    """An address without a user by the standard, and whether it is a relative one."""
    front = re.split(r"[?#]", url, maxsplit=1)[0]
    url = _without_users(front) + url[len(front) :]
    with suppress(ValueError):
        return can_ada.parse(url), False
    with suppress(ValueError):
        found = _BASE + url
        return found, found.hostname == _NOWHERE
    path = _without_users(front)
    return _BASE + ("/" + "".join(f"%{byte:02X}" for byte in path.encode("utf-8", "replace"))), True


def _host(found: can_ada.URL) -> str | None:
    return found.hostname.lower().removesuffix(".") or None


def _path(encoded: str) -> str:
    """A path, decoded, without the parameters of its parts, and without users' names and passwords."""
    if "%" in encoded:
        encoded = unquote(encoded).replace("\0", _SHOWN_NUL)
    if ";" in encoded:
        encoded = _PARAMETERS.sub("", encoded)
    if "/(" in encoded:
        encoded = _COOKIELESS.sub("", encoded)
    # One more address may stand within a path, encoded.
    return _without_users(encoded) or "/"


def _folded(path: str) -> str:
    """A path as patterns see it: in lower case, without accents."""
    if path.isascii():
        return path.lower()
    return "".join(mark for mark in unicodedata.normalize("NFKD", path.casefold()) if not unicodedata.combining(mark))


def _pattern(addresses: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_regular, addresses)) or r"(?!)")


def _regular(address: str) -> str:
    starts, ends = address.startswith("^"), address.endswith("$")
    body = _folded(address.removeprefix("^").removesuffix("$"))
    within = r"[^/]+".join(re.escape(part) for part in body.split("*"))
    if body == "/" and ends:
        return r"\A/?\Z" if starts else r"/\Z"
    return (r"\A" if starts else "") + within + (r"/?\Z" if ends else r"(?:/|\Z)")


def _is_called(host: str, name: str) -> bool:
    if name.endswith(".*"):
        return host.removeprefix("www.").startswith(name[:-1])
    return is_within(host, name)


def _without_users(front: str) -> str:
    """A text without users' names and passwords, wherever in it an address may begin."""
    return _USER.sub(r"\1", front) if "@" in front else front


def _campaign(query: str) -> tuple[str | None, str | None, str | None]:
    """Source, medium and name of the campaign that a query tells of. An e-mail address is none of them."""
    if "=" not in query:
        return None, None, None
    found = {name.lower(): value for name, value in reversed(parse_qsl(query.lstrip("?"), errors="replace"))}

    def first(names: tuple[str, ...]) -> str | None:
        text = next((found[name] for name in names if found.get(name, "").strip()), "").replace("\0", _SHOWN_NUL)
        return None if "@" in text else text.strip()[:_LONGEST_CAMPAIGN] or None

    source, medium, name = (first(names) for names in _CAMPAIGN.values())
    paid_by = next((owner for parameter, owner in _CLICK_IDS.items() if parameter in found), None)
    if paid_by:
        source, medium = source or paid_by, medium or "cpc"
    return source, medium, name


def _medium_kind(medium: str | None) -> str | None:
    """The kind of referrer that a campaign's medium says."""
    if medium is None:
        return None
    medium = medium.lower()
    if _PAID.fullmatch(medium):
        return "paid"
    if _EMAIL.fullmatch(medium):
        return "email"
    return "social" if _SOCIAL.fullmatch(medium) else None
