"""A path that a person wrote is the same one, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from lakehouse.paths import absolute, with_home

NAMES = st.text("aä ~%#'é日", min_size=1, max_size=8).filter(lambda name: name.strip() and not name.startswith("~"))


@given(NAMES)
def test_a_path_means_the_same_relative_whole_and_by_home(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp().resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        written = (name, f"./{name}/", f"x/../{name}", f"~/{name}", str(folder / name), folder / name)
        assert {absolute(one) for one in written} == {folder / name}
        assert str(with_home(name)) == name


def test_a_home_of_nobody_is_one_sentence():
    with pytest.raises(UsageError, match="names a home that is not known here"):
        absolute("~nobody-of-this-name/lake")
