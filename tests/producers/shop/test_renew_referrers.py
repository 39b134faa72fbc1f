"""The kept list has its source, licence and date, and is written as it lies in the repository."""

from __future__ import annotations

import json
import re

from producers.shop.referrers import LIST
from producers.shop.renew_referrers import hosts_of


def test_the_list_says_where_it_is_from():
    found = json.loads(LIST.read_text(encoding="utf-8"))
    assert found["licence"] == "CC0-1.0"
    assert found["source"].startswith("https://github.com/matomo-org/")
    assert re.fullmatch(r"[0-9a-f]{40}", found["commit"])
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", found["date"])
    for kind in ("search", "social"):
        assert found[kind] == sorted(set(found[kind]))
        assert len(found[kind]) > 100


def test_hosts_are_taken_and_what_is_known_by_its_path_is_not():
    search = {"A": [{"urls": ["www.a.com", "a.{}"], "params": ["q"]}, {"urls": ["A.org/search"]}]}
    assert list(hosts_of(search)) == ["a.com", "a.{}"]
    assert list(hosts_of({"B": ["b.com", "Www.C.com"]})) == ["b.com", "c.com"]
