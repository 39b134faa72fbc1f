"""The kinds of events: one module each, found here, never registered anywhere."""

from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from lakehouse.errors import DeclarationError
from producers.contract import EventType


def _discover() -> dict[str, EventType]:
    found = {}
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        event = getattr(import_module(f"{__name__}.{module.name}"), "EVENT", None)
        if not isinstance(event, EventType) or event.name != module.name:
            raise DeclarationError(
                f"producers/events/{module.name}.py does not declare the event {module.name}.",
                f'Put EVENT = EventType(name="{module.name}", …) into it.',
            )
        found[event.name] = event
    return found


EVENTS = MappingProxyType(_discover())
"""Every kind of event by its name, which is also its topic's and its tables' name."""
