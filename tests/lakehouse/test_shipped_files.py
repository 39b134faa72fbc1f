"""Files beside the code are read from a folder and from a wheel alike."""

from __future__ import annotations

import zipfile

import pytest

from lakehouse.shipped_files import read_shipped, wheel_of


def test_a_file_in_a_wheel_is_read_as_in_a_folder(tmp_path):
    plain = tmp_path / "package" / "list.json"
    plain.parent.mkdir()
    plain.write_bytes(b"\xef\xbb\xbf[1]\r\n")
    wheel = tmp_path / "program-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.write(plain, "package/list.json")
    within = wheel / "package" / "list.json"
    assert read_shipped(plain) == read_shipped(within) == plain.read_bytes()
    assert wheel_of(plain) is None
    assert wheel_of(within) == wheel
    for gone in (plain.with_name("gone"), within.with_name("gone")):
        with pytest.raises(FileNotFoundError, match="gone"):
            read_shipped(gone)
