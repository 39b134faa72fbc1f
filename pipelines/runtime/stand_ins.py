"""Replace libraries by stand-ins, so that a shell learns a command's options without the seconds that they take.

Sphinx does the same for modules whose documentation it reads (``autodoc_mock_imports``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LIBRARIES = frozenset(
    {
        "confluent_kafka",
        "delta",
        "deltalake",
        "duckdb",
        "jinja2",
        "matplotlib",
        "mlflow",
        "msgspec",
        "numpy",
        "pandas",
        "psutil",
        "py4j",
        "pyarrow",
        "pydantic",
        "pydantic_settings",
        "pyspark",
        "sklearn",
        "xlsxwriter",
    }
)
"""The libraries that commands work with, and that no option needs."""


class _StandIn:
    """What can be asked, called and inherited from like anything, and does nothing."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: Any) -> Any:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __mro_entries__(self, _: Any) -> tuple[type, ...]:
        return ()

    def __format__(self, _: str) -> str:
        return ""

    def __or__(self, _: Any) -> Any:
        return self

    __ror__ = __and__ = __rand__ = __mul__ = __rmul__ = __or__


_NOTHING = _StandIn()


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _NOTHING


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        return ModuleSpec(fullname, self) if _is_library(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _Module(spec.name)
        module.__path__ = []  # a package: everything below it is a stand-in, too
        return module

    def exec_module(self, module: ModuleType) -> None: ...


@contextmanager
def stand_ins() -> Iterator[None]:
    """Imports meanwhile get stand-ins for the libraries; afterwards nothing is left of what was imported."""
    before, finder = dict(sys.modules), _Finder()
    for name in before:
        if _is_library(name):
            del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in sys.modules.keys() - before.keys():
            module = sys.modules.pop(name)
            package, _, short = name.rpartition(".")
            # An import leaves the module in its package as well, where `from package import module` looks first.
            if vars(before.get(package, module)).get(short) is module:
                delattr(before[package], short)
        sys.modules.update(before)


def _is_library(module: str) -> bool:
    return module.partition(".")[0] in LIBRARIES
