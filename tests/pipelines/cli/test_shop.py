"""``clickstream shop check`` says what the settings make of an address."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lakehouse.errors import UsageError
from pipelines.cli.shop import app

RUN = CliRunner()


def test_the_check_says_what_an_address_is_taken_for():
    url = "https://www.shop.example/de/warenkorb;jsessionid=1?utm_medium=cpc&token=2"
    answer = RUN.invoke(app, ["check", url, "--referrer", "https://www.google.com/", "--json"])
    assert json.loads(answer.output) == [
        {
            "page_url": "https://www.shop.example/de/warenkorb?utm_medium=cpc",
            "page_host": "www.shop.example",
            "page_path": "/de/warenkorb",
            "page_kind": "cart",
            "referrer_host": "www.google.com",
            "referrer_kind": "paid",
            "campaign_source": None,
            "campaign_medium": "cpc",
            "campaign_name": None,
            "as_referrer": "other",
        }
    ]


def test_several_addresses_are_shown_one_below_the_other():
    answer = RUN.invoke(app, ["check", "https://shop.example/p/7", "https://t.co/"])
    assert answer.exit_code == 0
    assert "shop.toml" in answer.output
    for word in ("product", "/p/7", "social", "page_kind"):
        assert word in answer.output


@pytest.mark.parametrize(
    ("text", "path"), [("", "/"), ("not a url", "/not a url"), ("shop.example/p/7", "/p/7"), ("x", "/x")]
)
def test_what_is_no_address_is_shown_and_refused(text, path):
    answer = RUN.invoke(app, ["check", text, "https://shop.example/"])
    assert path in answer.output
    assert isinstance(answer.exception, UsageError)
    assert answer.exception.exit_code == 2
    assert f"{text!r} is no address" in str(answer.exception)
    assert "https://shop.example/p/7" in str(answer.exception)


@given(st.sampled_from(["https://shop.example", "//shop.example", "", "android-app://com.shop"]), st.text("ab/?#= é%"))
def test_what_has_a_scheme_or_a_slash_is_an_address(front, rest):
    assert RUN.invoke(app, ["check", f"{front}/{rest}", "--json"]).exit_code == 0


def test_the_shops_own_address_is_explained_without_hosts(tmp_path, monkeypatch):
    own = ["check", "https://shop.example/"]
    assert "`hosts` is empty" in RUN.invoke(app, own).output
    (tmp_path / "shop.toml").write_text('hosts = ["shop.example"]')
    monkeypatch.setenv("CLICKSTREAM_CONF", str(tmp_path))
    answer = RUN.invoke(app, own).output
    assert "internal" in answer
    assert "`hosts` is empty" not in answer
