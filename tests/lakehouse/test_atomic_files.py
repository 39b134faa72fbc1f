"""A small file is replaced as a whole."""

from pathlib import Path

from lakehouse.atomic_files import read_json, write_json


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "note", {"a": 1})
    write_json(tmp_path / "note", {"b": 2})
    assert read_json(tmp_path / "note") == {"b": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["note"]
