"""What stands for a user's id, and what is said where its key is missing."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from producers.contract.pseudonyms import KEY, KEY_FILE, PLAIN, Pseudonyms, current_pseudonyms
from producers.events import EVENTS

IDS = st.text(min_size=1).filter(lambda text: "\0" not in text)
KEYS = st.binary(min_size=32, max_size=64)


@given(KEYS, KEYS, IDS, IDS)
def test_one_key_and_id_give_one_hash(key, other, one, two):
    assume(key != other and one != two)
    pseudonyms = Pseudonyms(key)
    expected = hmac.new(key, one.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    assert pseudonyms.of(one) == Pseudonyms(key).of(one) == expected
    assert len({pseudonyms.of(one), pseudonyms.of(two), Pseudonyms(other).of(one), one}) == 4
    assert len({pseudonyms.version, Pseudonyms(other).version, PLAIN.version}) == 3
    assert PLAIN.of(one) == one


def test_the_key_is_not_shown():
    assert "secret" not in repr(Pseudonyms(b"secret" * 9))


@pytest.fixture
def wanted(monkeypatch, tmp_path):
    """Settings that ask for pseudonyms, and no key."""
    (tmp_path / "shop.toml").write_text("pseudonymise = true", encoding="utf-8")
    monkeypatch.setenv("CLICKSTREAM_CONF", str(tmp_path))
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.delenv(KEY_FILE, raising=False)
    return tmp_path


def test_without_the_setting_ids_stay(monkeypatch):
    monkeypatch.setenv(KEY, "k" * 40)
    assert current_pseudonyms() == PLAIN


@pytest.mark.usefixtures("wanted")
def test_the_setting_is_part_of_the_contract(monkeypatch):
    asked = EVENTS["clicks"].version
    monkeypatch.delenv("CLICKSTREAM_CONF")
    assert EVENTS["clicks"].version != asked


def test_the_key_comes_from_the_environment_or_a_file(wanted, monkeypatch):
    monkeypatch.setenv(KEY, "k" * 40 + "\n")
    assert current_pseudonyms() == Pseudonyms(b"k" * 40)
    monkeypatch.delenv(KEY)
    (wanted / "key").write_text("f" * 40 + "\n")
    monkeypatch.setenv(KEY_FILE, str(wanted / "key"))
    assert current_pseudonyms() == Pseudonyms(b"f" * 40)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "there is no key for it"),
        ({KEY: "  "}, "there is no key for it"),
        ({KEY: "short-secret"}, f"in {KEY}, has fewer than 32 characters"),
        ({KEY_FILE: "short"}, "has fewer than 32 characters"),
        ({KEY_FILE: "missing"}, "which cannot be read: No such file"),
        ({KEY_FILE: "bytes"}, "which cannot be read: it is no text"),
    ],
)
def test_a_missing_or_short_key_is_one_sentence(wanted, monkeypatch, variables, says):
    (wanted / "short").write_text("short-secret")
    (wanted / "bytes").write_bytes(b"\xff" * 40)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(wanted / value) if name == KEY_FILE else value)
    with pytest.raises(UsageError, match=says) as error:
        current_pseudonyms()
    assert error.value.hint
    assert "short-secret" not in str(error.value)
