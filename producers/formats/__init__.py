"""The formats of exports that can be replayed: one module each, found here, never registered anywhere."""

from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from lakehouse.errors import DeclarationError
from producers.export import Format


def _discover() -> dict[str, Format]:
    found = {}
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        declared = getattr(import_module(f"{__name__}.{module.name}"), "FORMAT", None)
        if not isinstance(declared, Format) or declared.name != module.name:
            raise DeclarationError(
                f"producers/formats/{module.name}.py does not declare the format {module.name}.",
                f'Put FORMAT = Format(name="{module.name}", …) into it.',
            )
        found[declared.name] = declared
    return found


FORMATS = MappingProxyType(_discover())
"""Every format by its name."""
