"""The list of erased people says nothing to whoever has not the key, and is not read with another one."""

from __future__ import annotations

import pytest

from lakehouse.errors import OutsideError, UsageError
from pipelines.runtime.erased_people import add_people, erased_people, remove_people
from pipelines.runtime.settings import ErasureSettings, load_settings

KEY = "0123456789abcdef"


@pytest.fixture
def at(tmp_path):
    return lambda **key: load_settings(lake=str(tmp_path), state=tmp_path / "state", erasure=ErasureSettings(**key))


def test_the_list_knows_whom_it_holds(at, tmp_path):
    assert erased_people(at()) is None
    assert not (tmp_path / "state").exists()
    add_people(at(), ["anna", "bob"])
    add_people(at(), ["anna"])
    people = erased_people(at())
    assert [people.holds(one) for one in ("anna", "bob", "carl", "")] == [True, True, False, False]
    assert len(people.hashes) == 2
    kept = "".join(path.read_text() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert "anna" not in kept
    assert remove_people(at(), ["anna", "carl"]) == 1
    assert not erased_people(at()).holds("anna")


@pytest.mark.parametrize("place", ["key", "key_file"])
def test_the_key_may_be_given(at, tmp_path, place):
    file = tmp_path / "secret"
    file.write_text(f"{KEY}\n")
    add_people(at(**{place: KEY if place == "key" else str(file)}), ["anna"])
    assert erased_people(at(key=KEY)).holds("anna")
    assert not (tmp_path / "state" / "erasure" / "key").exists()


def test_another_key_is_refused(at):
    add_people(at(key=KEY), ["anna"])
    for other in ({"key": KEY[::-1]}, {}):
        with pytest.raises(OutsideError, match="another key"):
            erased_people(at(**other))


def test_a_key_that_can_be_guessed_is_refused(at):
    with pytest.raises(UsageError, match="fewer than 16 characters"):
        add_people(at(key="short"), ["anna"])


def test_a_key_is_in_no_message(at):
    assert KEY not in repr(at(key=KEY))


def test_a_list_that_is_cut_short_is_not_taken_for_an_empty_one(at, tmp_path):
    add_people(at(), ["anna"])
    file = tmp_path / "state" / "erasure" / "people.json"
    file.write_text(file.read_text()[:-5])
    with pytest.raises(OutsideError, match="cannot be read"):
        erased_people(at())
