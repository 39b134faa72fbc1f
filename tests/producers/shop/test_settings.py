"""What is wrong in conf/shop.toml is one sentence, and what decides silver is part of the contract's version."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from lakehouse.errors import UsageError
from producers.events import EVENTS
from producers.shop.settings import SHIPPED, PageKind, Shop, current_shop, read_shop, shop_file


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hosts = 3", "hosts is 3, but it is a list"),
        ('hosts = ["https://shop.com/"]', "a host is a name alone"),
        ("host = []", "no entry host; the entries are hosts"),
        ('hash_routes = "yes"', "true or false"),
        ("currency = 1", "a text in quotes"),
        ('currency = "EUR\\nx"', "short name on one line"),
        ('currency = "a currency of many words"', "short name on one line"),
        ('[elements]\nbuy = ["a"]', "no entry elements.buy; the entries are purchase"),
        ('[elements]\npurchase = [""]', "holds ''"),
        ('pages = "x"', "write \\[\\[pages\\]\\]"),
        ('[[pages]]\nkind = "a"', "pages, entry 1 has no addresses"),
        ('[[pages]]\nkind = "A b"\naddresses = []', "one word in lower case"),
        ('[[pages]]\nkind = "a"\naddresses = ["p/1"]', "'p/1' is no part of a path"),
        ('[[pages]]\nkind = "a"\naddresses = ["/p?x"]', "is no part of a path"),
        ('[referrers]\nmail = ["a.b"]', "no entry referrers.mail"),
        ('[referrers]\nemail = ["a.b"]\nother = ["A.b"]', "twice, in email and other"),
        ('[referrers]\nemail = ["*.b"]', "a referrer is a host"),
        ('[referrers]\nemail = ["utm_medium=newsletter"]', "a referrer is a host"),
        ('stripped_parameters = ["?sid="]', "the name of a parameter alone"),
        ('[elements]\npurchase = ["#buy"]', "write 'buy'"),
        ('[elements]\npurchase = ["a", "b"]\ncart_add = ["b"]', "'b' in both purchase and cart_add"),
        ('[[pages]]\nkind = "a"\naddresses = ["/p/[A-Z]+-\\\\d+"]', "another kind of pattern"),
        ('[[pages]]\nkind = "a"\naddresses = ["/p/**"]', "another kind of pattern"),
        ("[bots]\nevents = 0", "a number above 0"),
        ("[bots]\nevents = 1.5", "write a whole number"),
        ('[bots]\nevents = "1"', "without quotes"),
        ("bots = 3", r"write \[bots\]"),
        ('[envelopes]\nviews = ["gzip"]', "no entry envelopes.views; the entries are clicks"),
        ('[envelopes]\nclicks = ["zip"]', "envelopes.clicks holds 'zip', but it is one of schema_registry"),
        ('[envelopes]\nclicks = "gzip"', "it is a list"),
        ("hosts = [", "cannot be read"),
    ],
)
def test_a_wrong_entry_is_one_sentence(tmp_path, text, says):
    file = tmp_path / "shop.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says) as raised:
        read_shop(file)
    assert "\n" not in str(raised.value)


def test_an_empty_file_is_a_shop_and_each_entry_counts(tmp_path):
    file = tmp_path / "shop.toml"
    file.write_text("", encoding="utf-8")
    assert read_shop(file) == Shop()
    shipped = read_shop(SHIPPED / "shop.toml")
    assert {kind.kind for kind in shipped.pages} >= {
        "home",
        "product",
        "category",
        "search",
        "cart",
        "checkout",
        "order",
    }
    assert set(tomllib.loads((SHIPPED / "shop.toml").read_text())) >= {"hosts", "hash_routes", "elements", "bots"}
    assert shipped.bots == Shop().bots
    assert (shipped.purchase_elements, shipped.cart_elements) == (Shop().purchase_elements, Shop().cart_elements)


def test_what_decides_a_layer_changes_its_version():
    shop = Shop()
    for change in (
        {"hosts": ("a.b",)},
        {"hash_routes": False},
        {"purchase_elements": ("x",)},
        {"stripped_parameters": ("x",)},
    ):
        assert replace(shop, **change).silver_version != shop.silver_version
        assert replace(shop, **change).gold_version == shop.gold_version
    for change in (
        {"currency": "EUR"},
        {"bots": replace(shop.bots, events=3)},
        {"envelopes": (("clicks", ("gzip",)),)},
    ):
        assert replace(shop, **change).silver_version == shop.silver_version
    assert replace(shop, bots=replace(shop.bots, events=3)).gold_version != shop.gold_version


def test_each_entry_of_silver_has_a_version_of_its_own():
    shop, own = Shop(), {"purchase_elements": "elements.purchase", "cart_elements": "elements.cart_add"}
    for name, value in {
        "hosts": ("a.b",), "hash_routes": False, "stripped_parameters": ("x",), "purchase_elements": ("x",),
        "cart_elements": ("x",), "pages": (PageKind("x", ("/x",)),), "referrers": (("email", ("a.b",)),),
        "not_crawlers": ("x",), "currency": "EUR", "bots": replace(shop.bots, events=3),
    }.items():  # fmt: skip
        changed = replace(shop, **{name: value})
        differ = [entry for entry, version in changed.silver_entries.items() if version != shop.silver_entries[entry]]
        expected = {**own, "not_crawlers": "bots.not_crawlers"}.get(name, name)
        assert differ == ([] if changed.silver_version == shop.silver_version else [expected])


def test_the_settings_are_part_of_the_contract(monkeypatch, tmp_path):
    shipped = EVENTS["clicks"].version
    monkeypatch.setenv("CLICKSTREAM_CONF", str(tmp_path))
    assert shop_file() == SHIPPED / "shop.toml"
    assert EVENTS["clicks"].version == shipped
    (tmp_path / "shop.toml").write_text('hosts = ["www.shop.com"]', encoding="utf-8")
    assert current_shop().hosts == ("shop.com",)
    assert EVENTS["clicks"].version != shipped
