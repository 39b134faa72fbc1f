"""Crawlers are known by what they call themselves, people and the shop's own app are not."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract.identity import identity
from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.shop.crawlers import LONGEST, is_known_crawler, list_version
from producers.shop.settings import Shop, current_shop
from tests.support.clicks import CLICK, TEN, validated

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("agent", "known"),
    [
        (GOOGLEBOT, True),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            True,
        ),
        ("Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120 Safari/537.36", True),
        ("python-requests/2.32", True),
        ("okhttp/4.9.2", False),
        ("Dalvik/2.1.0 (Linux; U; Android 14)", False),
        ("MyShop/5 CFNetwork/1410 Darwin/22.6.0", False),
        ("Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/100 Mobile Safari/537.36", False),
        (FIREFOX, False),
        ("", False),
    ],
)
def test_a_crawler_is_known_and_a_person_is_none(agent, known):
    assert is_known_crawler(agent, current_shop().not_crawlers) is known


def test_the_shop_says_what_is_no_crawler():
    assert is_known_crawler("okhttp/4.9.2")
    assert not is_known_crawler(GOOGLEBOT, ["GOOGLEBOT"])


@given(st.text())
def test_any_text_is_looked_at(agent):
    assert is_known_crawler(agent) in (True, False)
    assert is_known_crawler(GOOGLEBOT + agent)


def test_a_long_user_agent_takes_no_longer_than_its_start():
    assert not is_known_crawler("x" * LONGEST + GOOGLEBOT)
    started = time.process_time()
    for mark in ("a", " a", "/1.", "Mozilla/5.0 ("):
        is_known_crawler(mark * 20_000)
    assert time.process_time() - started < 2


def test_the_list_and_its_exceptions_decide_silver(monkeypatch):
    shop = Shop()
    assert replace(shop, not_crawlers=("x",)).silver_version != shop.silver_version
    before, version = Shop().silver_version, list_version()
    monkeypatch.setattr("producers.shop.settings.list_version", lambda: f"{version}.1")
    assert Shop().silver_version != before


@given(st.none() | st.booleans() | st.integers() | st.text() | st.dictionaries(st.text(), st.text(), max_size=2))
def test_no_event_is_refused_for_its_user_agent(agent):
    value = json.dumps(CLICK | {"user_agent": agent}, ensure_ascii=True).encode()
    violations = validate_record(EVENTS["clicks"], value, TEN).violations
    assert all(violation.rule == "user_agent_unreadable" for violation in violations)
    assert not violations or "\\ud" in value.decode().lower()


def test_an_event_without_a_user_agent_is_the_same_as_before():
    values = validated({}).values
    assert values["user_agent"] is None
    with_agent = validated({"user_agent": FIREFOX}).values
    assert identity(EVENTS["clicks"], values) != identity(EVENTS["clicks"], with_agent)
    older = {name: value for name, value in values.items() if name != "user_agent"}
    fields = tuple(field for field in EVENTS["clicks"].fields if field.name != "user_agent")
    assert identity(replace(EVENTS["clicks"], fields=fields), older) == identity(EVENTS["clicks"], values)
