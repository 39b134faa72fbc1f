"""Declarations are found by their files; a file without one is an error."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lakehouse.discovery import discover
from lakehouse.errors import DeclarationError

DISH = "from types import SimpleNamespace\nDISH = SimpleNamespace(name={!r})\n"


@pytest.fixture
def kitchen(tmp_path, monkeypatch):
    """A package without a module; its name is its own, because Python keeps what it has imported."""
    folder = tmp_path / f"kitchen_of_{tmp_path.name.replace('-', '_')}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def dishes(kitchen):
    return discover(kitchen.name, str(kitchen), SimpleNamespace, "DISH")


def test_declarations_come_in_the_order_of_their_names(kitchen):
    (kitchen / "soup.py").write_text(DISH.format("soup"))
    (kitchen / "bread.py").write_text(DISH.format(f"{kitchen.name}.bread"))
    assert list(dishes(kitchen)) == ["bread", "soup"]


def test_a_folder_below_the_package_is_no_declaration(kitchen):
    (kitchen / "soup.py").write_text(DISH.format("soup"))
    (kitchen / "shared").mkdir()
    (kitchen / "shared" / "__init__.py").touch()
    assert list(dishes(kitchen)) == ["soup"]


@pytest.mark.parametrize(
    "text", ["", DISH.format("tea"), "DISH = 'soup'\n"], ids=["none", "another name", "another kind"]
)
def test_a_file_without_its_declaration_is_an_error(kitchen, text):
    (kitchen / "soup.py").write_text(text)
    with pytest.raises(DeclarationError, match="soup"):
        dishes(kitchen)
