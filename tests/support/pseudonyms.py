"""Settings that ask for pseudonyms, with a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.contract.pseudonyms import KEY, KEY_FILE, Pseudonyms, current_pseudonyms
from producers.shop.settings import SHIPPED


def pseudonymise(
    monkeypatch: pytest.MonkeyPatch, folder: Path, key: str = "a key of the tests: " + "k" * 20
) -> Pseudonyms:
    """Sets them from here on, in a folder of settings below ``folder``."""
    conf = folder / "conf"
    conf.mkdir(exist_ok=True)
    for name in ("base.toml", "local.toml", "spark-defaults.conf"):
        (conf / name).write_bytes((SHIPPED / name).read_bytes())
    shipped = (SHIPPED / "shop.toml").read_text(encoding="utf-8")
    (conf / "shop.toml").write_text(shipped.replace("pseudonymise = false", "pseudonymise = true"), encoding="utf-8")
    monkeypatch.setenv("CLICKSTREAM_CONF", str(conf))
    monkeypatch.delenv(KEY_FILE, raising=False)
    monkeypatch.setenv(KEY, key)
    return current_pseudonyms()
