"""A small file is replaced as a whole."""

from pathlib import Path

from lakehouse.atomic_files import write_json
from lakehouse.embedded_kafka.config import read_note


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "note", {"a": 1})
    write_json(tmp_path / "note", {"b": 2})
    assert read_note(tmp_path / "note") == {"b": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["note"]
