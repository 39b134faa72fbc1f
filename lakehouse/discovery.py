"""Discover declarations by their files, so that none has to be registered."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Protocol, TypeVar

from lakehouse.errors import DeclarationError


class Named(Protocol):
    """A declaration that has a name, which may begin with its package's: ``gold.sessions``."""

    @property
    def name(self) -> str:
        """The name, whose last part is its module's."""


Declared = TypeVar("Declared", bound=Named)


def discover(package: str, folder: str, kind: type[Declared], attribute: str) -> Mapping[str, Declared]:
    """What the modules of a package declare in ``attribute``, by module name and in the order of the names.

    A folder below the package is no declaration: helpers live in one.

    Raises DeclarationError where a module declares none, or one by another name.
    """
    found = {}
    for module in sorted(iter_modules([folder]), key=lambda module: module.name):
        if module.ispkg:
            continue
        declared = getattr(import_module(f"{package}.{module.name}"), attribute, None)
        if not isinstance(declared, kind) or declared.name not in (module.name, f"{package}.{module.name}"):
            raise DeclarationError(
                f"{package.replace('.', '/')}/{module.name}.py does not declare the {attribute.lower()} {module.name}.",
                f"Put {attribute} = {kind.__name__}(…) of that name into it; helpers belong in a folder below.",
            )
        found[module.name] = declared
    return MappingProxyType(found)
