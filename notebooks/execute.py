"""Execute the notebooks on the lake of the settings, and save their outputs with them.

Run: .venv/bin/python -m notebooks.execute
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

FOLDER = Path(__file__).resolve().parent

NOTEBOOKS = tuple(sorted(FOLDER.glob("*.ipynb")))
"""In the order in which they are read."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""The metadata of a saved notebook: the same on every machine."""


def executed(path: Path) -> NotebookNode:
    """A notebook with the outputs of a run in a kernel of its own, without traces of the machine.

    Raises CellExecutionError, which shows the cell, where one fails.
    """
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(FOLDER)}}
    with TemporaryDirectory() as sockets:
        # Not through ports, to which anyone on the machine could listen.
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}})
        NotebookClient(
            notebook, config=config, kernel_name="python3", timeout=300, record_timing=False, resources=place
        ).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def main() -> None:
    """Executes each notebook in its place."""
    for path in NOTEBOOKS:
        nbformat.write(executed(path), path)
        print(f"{path.name}: executed")


if __name__ == "__main__":
    main()
