"""What is wrong in a file that people write is one sentence with the file's name."""

from __future__ import annotations

import pytest

from lakehouse.errors import UsageError
from producers.toml_entries import WrongEntryError, flag, read_entries, refuse_unknown, text


def read(folder, written, understand=dict):
    file = folder / "settings.toml"
    file.write_bytes(written)
    return read_entries(file, understand, "The page explains it.")


def test_a_file_of_an_editor_with_a_mark_is_read(tmp_path):
    assert read(tmp_path, b'\xef\xbb\xbfa = "\xc3\xa4"\r\n') == {"a": "ä"}


@pytest.mark.parametrize("written", [b"a =", b"a = 1\na = 2", b'a = "\xe4"'])
def test_what_is_no_toml_is_said_to_be_none(tmp_path, written):
    with pytest.raises(UsageError, match=r"settings\.toml cannot be read") as raised:
        read(tmp_path, written)
    assert "\n" not in str(raised.value)


def test_a_wrong_entry_is_said_with_the_page(tmp_path):
    with pytest.raises(UsageError, match=r"settings\.toml: a is 1, but it is a text in quotes\. The page"):
        read(tmp_path, b"a = 1", lambda found: text("a", found["a"]))
    with pytest.raises(UsageError, match="cannot be read"):
        read_entries(tmp_path / "none.toml", dict, "")


@pytest.mark.parametrize(
    ("place", "said"),
    [("", "there is no entry c; the"), ("bots.", "no entry bots.c; the"), ("x, entry 2: ", "x, entry 2: there is no")],
)
def test_an_unknown_entry_is_named_with_its_place(place, said):
    refuse_unknown(place, ["a"], ("a", "b"))
    with pytest.raises(WrongEntryError, match=said):
        refuse_unknown(place, ["a", "c"], ("a", "b"))


def test_a_flag_is_no_number_and_no_text():
    assert flag("a", value=True) is True
    for value in (1, "true", None):
        with pytest.raises(WrongEntryError, match="true or false"):
            flag("a", value)
