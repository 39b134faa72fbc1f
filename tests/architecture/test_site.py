"""The site builds from docs/ without a warning, and loads nothing from the network."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data")}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """What a strict build prints, and its folder."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done, folder


class Loads(HTMLParser):
    """The addresses that a page loads by itself; what a reader may click on is not among them."""

    def __init__(self, text):
        super().__init__()
        self.addresses = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if values.get("rel") != "canonical":
            self.addresses += [value for name, value in attrs if (tag, name) in LOADED and value]


def is_outside(address):
    return re.match(r"(https?:)?//", address) is not None


def test_the_site_builds_without_a_warning(site):
    done, folder = site
    assert done.returncode == 0, done.stderr
    assert (folder / "how-to" / "add-an-event.html").is_file()


def test_no_page_loads_anything_from_outside(site):
    _, folder = site
    pages = sorted(folder.rglob("*.html"))
    loaded = {address for page in pages for address in Loads(page.read_text(encoding="utf-8")).addresses}
    assert loaded
    assert [address for address in loaded if is_outside(address)] == []


def test_no_stylesheet_loads_anything_from_outside(site):
    _, folder = site
    styles = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.css"))
    places = re.findall(r"url\(\s*[\"']?([^)\"']+)|@import\s+[\"']([^\"']+)", styles)
    assert [place for both in places for place in both if is_outside(place)] == []


def test_what_comes_from_outside_is_noticed():
    page = Loads(
        '<link href="https://fonts.example/a.css"><script src="//cdn.example/a.js"></script><a href="https://x">'
    )
    assert [is_outside(address) for address in page.addresses] == [True, True]
