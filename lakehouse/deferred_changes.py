"""Keep what was touched of tables that are refreshed later, until they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from lakehouse.atomic_files import draft_of
from lakehouse.engines.delta_commit import sync
from lakehouse.errors import OutsideError

if TYPE_CHECKING:
    import pyarrow as pa

_ENDING = ".parquet"


class DeferredChanges:
    """Files of changed rows, by the table that they changed in: on the disk when ``add`` returns.

    ``cure`` says what computes the tables as a whole, where a file cannot be read. Their order does not matter, nor
    whether one comes twice: what is touched is computed from what tables hold by then.
    """

    def __init__(self, folder: Path, cure: str) -> None:
        self._folder = folder
        self._cure = cure

    def add(self, changes: Mapping[str, pa.Table]) -> None:
        """Keeps changed rows, by the name of their table."""
        import pyarrow.parquet as pq

        self._folder.mkdir(parents=True, exist_ok=True)
        for name, rows in changes.items():
            path = self._folder / f"{uuid4()}.{name}{_ENDING}"
            with draft_of(path, f"{path.name}.new") as draft:
                pq.write_table(rows, draft)
        sync(self._folder)

    def files(self) -> list[Path]:
        """The files that are kept now."""
        return sorted(self._folder.glob(f"*{_ENDING}"))

    def read(self, files: Iterable[Path]) -> dict[str, pa.Table]:
        """The changed rows in these files, by the name of their table.

        Raises OutsideError where one cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        found = defaultdict[str, list[pa.Table]](list)
        for path in files:
            _, _, name = path.name.removesuffix(_ENDING).partition(".")
            try:
                found[name].append(pq.read_table(path))
            except (OSError, pa.ArrowException) as error:
                raise OutsideError(f"{path} cannot be read, which says what is to be refreshed.", self._cure) from error
        return {name: pa.concat_tables(parts, promote_options="default") for name, parts in found.items()}

    def forget(self, files: Sequence[Path]) -> None:
        """The tables are refreshed by these."""
        for path in files:
            path.unlink(missing_ok=True)
