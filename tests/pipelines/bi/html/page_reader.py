"""HTML as a tree, strict about what is opened and closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Node:
    """An element: its tag, attributes, and what is in it."""

    tag: str
    attributes: dict = field(default_factory=dict)
    children: list = field(default_factory=list)

    def all(self, tag="", **attributes):
        """The elements below of a tag, with these attributes, in order."""
        wanted = {name.strip("_"): value for name, value in attributes.items()}
        for child in self.children:
            if isinstance(child, Node):
                fits = all(child.attributes.get(name) == value for name, value in wanted.items())
                if fits and tag in {"", child.tag}:
                    yield child
                yield from child.all(tag, **attributes)

    def one(self, tag="", **attributes):
        [found] = self.all(tag, **attributes)
        return found

    @property
    def text(self):
        """The text in it, spaces as a browser shows them."""
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return " ".join("".join(parts).split())

    def rows(self):
        """The texts of a table's cells, row by row."""
        return [tuple(cell.text for cell in row.children if isinstance(cell, Node)) for row in self.all("tr")]


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = Node("")
        self._open = [self.root]

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, attrs)
        node = Node(tag, dict(attrs))
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop().tag == tag, tag

    def handle_data(self, data):
        self._open[-1].children.append(data)

    def close(self):
        super().close()
        assert self._open == [self.root]


def read_page(html):
    """The page as a tree; fails where an element is left open or closed twice."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root
