"""``clickstream shop check`` says what the settings make of an address."""

from __future__ import annotations

import json

from typer.testing import CliRunner

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
