"""What the tests take from Node.js is pinned, and comes from wherever npm is told to look."""

from __future__ import annotations

import json

from tests.support.node import HERE


def test_the_lock_file_names_hashes_and_no_addresses():
    lock = (HERE / "package-lock.json").read_text()
    packages = {path: one for path, one in json.loads(lock)["packages"].items() if path}
    assert len(packages) == 4
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert "resolved" not in lock
    assert "://" not in lock
