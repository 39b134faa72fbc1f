"""Declare a kind of event by its fields and their rules. Standard library only.

The declarations in ``producers/events`` are the one place that says what the contract is. The
validation, silver's columns, the JSON Schema and the documentation are made from them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum

from lakehouse.errors import DeclarationError
from producers.shop.settings import current_shop

MAX_TEXT, MAX_URL, MAX_DETAILS = 1_024, 8_192, 65_536
"""The most characters (Unicode code points) that a text, a URL and details hold."""

MAX_DEPTH = 100
"""The most levels of JSON nesting; the event itself is the first."""

VALIDATION_VERSION = 3
"""Raise it when the validation changes, so that the contract's version changes too."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Kind(StrEnum):
    """How a field is read."""

    ID = "id"  # a JSON string or integer, kept exactly
    TEXT = "text"  # a JSON string, trimmed; blank is null
    URL = "url"  # as text, longer
    CHOICE = "choice"  # as text, in lower case, one of a list
    DETAILS = "details"  # text, or any JSON value as its own source text
    NUMBER = "number"  # a JSON number, or text that is one
    TIMESTAMP = "timestamp"  # ISO 8601, or Unix time


@dataclass(frozen=True)
class Field:
    """One field of an event: name, kind, meaning, and its bounds."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    max_length: int = MAX_TEXT
    minimum: float = 0.0
    maximum: float = 0.0
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DeclarationError(f"{self.name!r} is not a field name.", "Use lower case, digits and underscores.")
        if self.kind is Kind.CHOICE and not self.choices:
            raise DeclarationError(f"{self.name} has no choices.", "List them in the event's declaration.")


@dataclass(frozen=True)
class EventType:
    """One kind of event. Its name is also the topic's and the tables' name."""

    name: str
    doc: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DeclarationError(f"{self.name!r} is not an event name.", "Use lower case, digits and underscores.")
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise DeclarationError(f"{self.name} declares a field twice.")
        needed = {"user_id", "session_id", "event_id", "timestamp"}
        if missing := needed - set(names):
            raise DeclarationError(f"{self.name} lacks {', '.join(sorted(missing))}.", "Every event has these.")
        if [field.name for field in self.fields if field.kind is Kind.TIMESTAMP] != ["timestamp"]:
            raise DeclarationError(f"{self.name} must have one field of kind timestamp, named timestamp.")

    @property
    def version(self) -> str:
        """The contract's version: twelve hexadecimal digits that change with every rule, and with no description.

        What the shop's settings say of addresses, elements and this event's envelopes is a part of it.
        """
        rules = [{name: value for name, value in asdict(field).items() if name != "doc"} for field in self.fields]
        declared = {
            "validation": VALIDATION_VERSION,
            "name": self.name,
            "fields": rules,
            "shop": current_shop().silver_version,
        }
        if unwraps := current_shop().envelopes_of(self.name):
            declared["envelopes"] = unwraps
        if current_shop().pseudonymise:
            declared["pseudonymise"] = True
        return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:12]


def user_id() -> Field:
    """Who the user is."""
    return Field("user_id", Kind.ID, "The user, as the shop knows them.", required=True)


def session_id() -> Field:
    """The session that the event belongs to."""
    return Field("session_id", Kind.ID, "The session; unique within a user.", required=True)


def event_id() -> Field:
    """The tracker's own name for the event, if it has one."""
    return Field(
        "event_id", Kind.ID, "The tracker's own name for the event; null if it sent none, or a text that says so."
    )


def user_agent() -> Field:
    """What sent the event, as it names itself; any JSON is taken, so that no event is refused for it."""
    return Field(
        "user_agent",
        Kind.DETAILS,
        "What showed the page, as it names itself (User-Agent): known crawlers are told by it; null if not sent.",
        max_length=MAX_DETAILS,
    )


def text(name: str, doc: str, *, required: bool = False) -> Field:
    """Some text."""
    return Field(name, Kind.TEXT, doc, required=required)


def url(name: str, doc: str, *, required: bool = False) -> Field:
    """An address of a page: any text up to its length, as real addresses are often not well-formed."""
    return Field(name, Kind.URL, doc, required=required, max_length=MAX_URL)


def page_url(doc: str) -> Field:
    """The address of the page that the event happened on."""
    return url("page_url", doc, required=True)


def category() -> Field:
    """The category of the product on the page."""
    return text("category", "The category of the product on the page; null where there is none.")


def choice(name: str, doc: str, *, choices: tuple[str, ...]) -> Field:
    """One of a list, compared trimmed and in lower case."""
    return Field(name, Kind.CHOICE, doc, required=True, choices=choices)


def details() -> Field:
    """Whatever else the tracker sent along."""
    return Field(
        "details",
        Kind.DETAILS,
        "What the tracker sent along: text, or a JSON value as its own source text.",
        max_length=MAX_DETAILS,
    )


def price() -> Field:
    """The price of the product on the page."""
    return Field(
        "price",
        Kind.NUMBER,
        "The price of the product on the page, in the shop's currency; null where there is none.",
        maximum=10_000_000,
    )


def coordinate(name: str, doc: str) -> Field:
    """A distance on the page in CSS pixels."""
    return Field(name, Kind.NUMBER, doc, maximum=100_000)


def timestamp() -> Field:
    """When it happened, by the user's clock."""
    return Field("timestamp", Kind.TIMESTAMP, "When it happened, by the user's clock, in UTC.", required=True)
