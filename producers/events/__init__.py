"""The kinds of events: one module each, found here, never registered anywhere."""

from lakehouse.discovery import discover
from lakehouse.errors import UsageError
from producers.contract.event_type import EventType

EVENTS = discover(__name__, __path__[0], EventType, "EVENT")
"""Every kind of event by its name, which is also its topic's and its tables' name."""


def event_named(name: str) -> EventType:
    """The kind of event of that name.

    Raises UsageError, which lists the names, where there is none.
    """
    if name not in EVENTS:
        raise UsageError(f"There is no event {name!r}.", f"The events are {', '.join(EVENTS)}.")
    return EVENTS[name]
