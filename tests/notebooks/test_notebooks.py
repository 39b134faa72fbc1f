"""The notebooks as they are kept: thin, executed, the same on every machine. tests/kafka/test_demo.py executes them."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from notebooks.execute import METADATA, NOTEBOOKS, executed

ROOT = Path(__file__).parent.parent.parent
MOST_LINES = 30
A_PLACE = re.compile(r"(?<![\w.])/(home|root|tmp|work|Users|var|opt|usr|mnt)/|\b[A-Z]:\\", re.ASCII)

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook):
    """What the outputs say in text and HTML."""
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    texts = [text for output in outputs for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join([*texts, *(output.text for output in outputs if output.output_type == "stream")])


def test_there_are_three_notebooks_and_their_page_names_each():
    names = [path.stem for path in NOTEBOOKS]
    assert names == ["01_explore_sessions", "02_is_the_model_honest", "03_five_vs"]
    page = (ROOT / "docs" / "how-to" / "notebooks.md").read_text(encoding="utf-8")
    assert all(f"notebooks/{name}.ipynb" in page for name in names)


@each
def test_a_notebook_has_no_logic_of_its_own(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in code(notebook):
        assert len(cell.source.splitlines()) <= MOST_LINES, cell.id
        nodes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.While, ast.Try)
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, nodes)], cell.id


@each
def test_a_text_stands_before_every_cell_of_code(path):
    kinds = [cell.cell_type for cell in nbformat.read(path, as_version=4).cells]
    # A title, what is imported, and from there on in turn.
    assert kinds[:3] == ["markdown", "code", "markdown"]
    assert all(first != second for first, second in pairwise(kinds[2:]))


@each
def test_outputs_are_saved_from_one_run_without_a_warning(path):
    notebook = nbformat.read(path, as_version=4)
    cells = code(notebook)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [one for one in outputs if one.output_type == "error" or one.get("name") == "stderr"]
    assert sum("image/png" in one.get("data", {}) for one in outputs) >= 5
    assert not re.search(r"Warning|Traceback| at 0x[0-9a-f]+>", shown(notebook))


@each
def test_a_notebook_does_not_tell_where_it_ran(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == METADATA
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    said = "\n".join([shown(notebook), *(cell.source for cell in notebook.cells)])
    found = A_PLACE.search(said)
    assert found is None, said[found.start() - 40 : found.end() + 40]
    assert str(ROOT) not in said


def test_without_a_lake_one_sentence_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(tmp_path / "none"))
    monkeypatch.setenv("CLICKSTREAM_STATE", str(tmp_path / "state"))
    with pytest.raises(CellExecutionError) as failed:
        executed(NOTEBOOKS[0])
    said = failed.value.traceback.rpartition("------------------")[2].strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("There is no lake in ")
    assert "Run `make demo`" in said[0]
