"""Read files that lie beside the code, also where the code is in a wheel: `spark-submit --py-files` runs it from there.

Standard library only.
"""

from __future__ import annotations

import zipfile
from pathlib import Path


def read_shipped(file: Path) -> bytes:
    """The bytes of a file of a package; Python reads a wheel that is on its path as a zip archive.

    Raises FileNotFoundError where there is none.
    """
    wheel = wheel_of(file)
    if wheel is None:
        return file.read_bytes()
    with zipfile.ZipFile(wheel) as packed:
        try:
            return packed.read(file.relative_to(wheel).as_posix())
        except KeyError:
            raise FileNotFoundError(file) from None


def wheel_of(file: Path) -> Path | None:
    """The wheel that a file of a package lies in; None where it lies in a folder."""
    return next((parent for parent in file.parents if parent.is_file()), None)
