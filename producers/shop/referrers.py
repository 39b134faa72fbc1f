"""Tell what kind of site a host is: search, social or email. Standard library only.

Search engines and social networks are those of a kept list, ``referrers.json``, which ``renew_referrers`` renews. It
has neither mail nor most apps: these are listed here, each as its maker names it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lakehouse.shipped_files import read_shipped

LIST = Path(__file__).with_name("referrers.json")
"""The kept list."""

APPS = {
    "search": (
        "com.google.android.googlequicksearchbox",
        "com.microsoft.bing",
        "com.duckduckgo.mobile.android",
        "com.ecosia.android",
        "com.qwant.liberty",
        "com.yandex.searchapp",
        "ru.yandex.searchplugin",
    ),
    "social": (
        "com.facebook.katana",
        "com.facebook.lite",
        "com.facebook.orca",
        "com.instagram.android",
        "com.instagram.barcelona",
        "com.twitter.android",
        "com.linkedin.android",
        "com.pinterest",
        "com.reddit.frontpage",
        "com.snapchat.android",
        "com.ss.android.ugc.trill",
        "com.zhiliaoapp.musically",
        "com.google.android.youtube",
        "com.whatsapp",
        "org.telegram.messenger",
        "com.tumblr",
        "com.discord",
        "com.vkontakte.android",
        "xyz.blueskyweb.app",
    ),
    "email": (
        "com.google.android.gm",
        "com.google.android.gm.lite",
        "com.microsoft.office.outlook",
        "com.yahoo.mobile.client.android.mail",
        "com.aol.mobile.aolapp",
        "com.samsung.android.email.provider",
        "ch.protonmail.android",
        "com.fsck.k9",
        "net.thunderbird.android",
        "de.gmx.mobile.android.mail",
        "de.web.mobile.android.mail",
        "ru.mail.mailapp",
        "com.readdle.spark",
    ),
}
"""Apps by the kind of site that they are: the host of an ``android-app`` address."""

MAIL_HOSTS = (
    "mail.google.com",
    "outlook.com",
    "outlook.live.com",
    "outlook.office.com",
    "outlook.office365.com",
    "mail.yahoo.com",
    "mail.yahoo.co.jp",
    "mail.aol.com",
    "mail.ru",
    "mail.yandex.ru",
    "mail.yandex.com",
    "proton.me",
    "protonmail.com",
    "tutanota.com",
    "tuta.com",
    "fastmail.com",
    "zoho.com",
    "gmx.net",
    "gmx.de",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "deref-gmx.net",
    "deref-mail.com",
    "deref-web.de",
    "web.de",
    "email.t-online.de",
    "email.seznam.cz",
    "poczta.onet.pl",
    "poczta.wp.pl",
    "poczta.o2.pl",
    "mail.orange.fr",
    "laposte.net",
    "mail.163.com",
    "mail.126.com",
    "mail.qq.com",
    "mail.naver.com",
    "mail.bol.uol.com.br",
    "mailchi.mp",
)
"""Where people read their mail in a browser, and where newsletters lie."""

MAIL_LABELS = frozenset({"mail", "email", "e-mail", "webmail", "newsletter", "newsletters", "outlook", "gmx"})
"""First labels of a host by which it is taken for a place where mail is read, whoever's it is."""

_SECOND_LEVEL = frozenset({"co", "com", "org", "net", "gov", "edu"})
"""What may stand before a country, as in google.co.uk."""


@dataclass(frozen=True)
class _Known:
    search: frozenset[str]
    search_anywhere: frozenset[str]
    search_abroad: frozenset[str]
    social: frozenset[str]
    email: frozenset[str]


@cache
def _known() -> _Known:
    found = json.loads(read_shipped(LIST))
    plain = {host for host in found["search"] if "{}" not in host}
    return _Known(
        search=frozenset(plain.union(APPS["search"])),
        search_anywhere=frozenset(host.removesuffix(".{}") for host in found["search"] if host.endswith(".{}")),
        search_abroad=frozenset(host.removeprefix("{}.") for host in found["search"] if host.startswith("{}.")),
        social=frozenset([*found["social"], *APPS["social"]]),
        email=frozenset([*MAIL_HOSTS, *APPS["email"]]),
    )


@cache
def list_digest() -> str:
    """Twelve digits that change with the lists."""
    lists = [read_shipped(LIST).decode(), sorted(APPS.items()), MAIL_HOSTS, sorted(MAIL_LABELS)]
    return hashlib.sha256(json.dumps(lists).encode()).hexdigest()[:12]


def site_kind(host: str) -> str | None:
    """search, social or email, for a host in lower case; None where it is none of these.

    A search engine is known by its whole host, as its maker has other sites; a network or a mail provider by its
    host and all below it.
    """
    known, bare = _known(), host.removeprefix("www.")
    if bare in known.search or _is_search_engine(bare.split("."), known):
        return "search"
    above = list(_above(bare))
    if not known.email.isdisjoint(above):
        return "email"
    if not known.social.isdisjoint(above):
        return "social"
    return "email" if bare.partition(".")[0] in MAIL_LABELS and "." in bare else None


def _is_search_engine(labels: list[str], known: _Known) -> bool:
    if ".".join(labels[:-1]) in known.search_anywhere:
        return True
    if len(labels) > 2 and labels[-2] in _SECOND_LEVEL and ".".join(labels[:-2]) in known.search_anywhere:  # noqa: PLR2004
        return True
    return len(labels[0]) == 2 and ".".join(labels[1:]) in known.search_abroad  # noqa: PLR2004  a country's code


def _above(host: str) -> list[str]:
    """The host and each domain that it is in."""
    labels = host.split(".")
    return [".".join(labels[first:]) for first in range(len(labels))]


def is_within(host: str, domain: str) -> bool:
    """Whether a host is this domain or lies in it."""
    return host == domain or host.endswith(f".{domain}")
