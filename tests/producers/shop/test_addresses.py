"""Addresses are parsed by the standard, and mean what the shop's settings say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.shop.addresses import addresses_of
from producers.shop.settings import SHIPPED, read_shop

SHOP = read_shop(SHIPPED / "shop.toml")
ADDRESSES = addresses_of(SHOP)
S = "https://shop.example"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (S, "home"),
        (f"{S}/?a=b", "home"),
        ("/", "home"),
        ("?a", "home"),
        (f"{S}/index.html", "home"),
        (f"{S}/de/", "home"),
        (f"{S}/category/shoes", "category"),
        (f"{S}/search?q=/product/1", "search"),
        ("http://x/de/Product/shoes/1#top", "product"),
        ("/p/7", "product"),
        ("/products", "other"),
        ("https://cart.example/terms", "other"),
        ("/cart/", "cart"),
        ("/checkout/payment", "checkout"),
        ("/order/confirmation", "order"),
        ("app://shop/item/9", "product"),
        ("not an address", "other"),
        ("/a\nb/cart", "cart"),
        (f"{S}/checkout/cart/", "cart"),
        (f"{S}/checkout/order-received/7", "order"),
        (f"{S}/warenkorb", "cart"),
        (f"{S}/cat%C3%A9gorie/x", "category"),
        (f"{S}/b%C3%BAsqueda", "search"),
        (f"{S}/carrinho", "cart"),
        (f"{S}/panier", "cart"),
        (f"{S}/cart;jsessionid=1.node1", "cart"),
        (f"{S}/;jsessionid=1", "home"),
        (f"{S}/(S(abc))/cart", "cart"),
        (f"{S}/#/product/123", "product"),
        (f"{S}/#!/checkout?x=1", "checkout"),
        (f"{S}/#cart", "home"),
        (f"{S}/cart-rules", "other"),
        ("mailto:jane@gmx.example", "other"),
        ("http://[", "other"),
        ("about:blank", "other"),
        ("//shop.example/p/1", "product"),
    ],
)
def test_an_address_has_a_kind(url, kind):
    assert ADDRESSES.page(url).kind == kind


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://[2001:db8::2]:8443/p/1", "[2001:db8::2]", "/p/1"),
        ("HTTPS://Jane:pw@SHOP.example.:443/a%20b/%C3%A4", "shop.example", "/a b/ä"),
        ("https://xn--mnchen-3ya.example/x", "xn--mnchen-3ya.example", "/x"),
        ("https://münchen.example/x", "xn--mnchen-3ya.example", "/x"),
        ("https://shop.example?email=jane@gmx.example", "shop.example", "/"),
        ("https://shop.example#jane@gmx.example", "shop.example", "/"),
        ("android-app://com.google.android.gm/", "com.google.android.gm", "/"),
        ("/a/../b", None, "/b"),
        ("http://[?mail=jane@gmx.example", None, "/http://["),
        (f"{S}/a%00b", "shop.example", "/a\ufffdb"),
    ],
)
def test_host_and_path_are_those_of_the_standard(url, host, path):
    page = ADDRESSES.page(url)
    assert (page.host, page.path) == (host, path)


def referrer_kind(referrer, page=f"{S}/", addresses=ADDRESSES):
    return addresses.referrer_kind(addresses.page(page), referrer and addresses.referrer(referrer))


@pytest.mark.parametrize(
    ("referrer", "kind"),
    [
        (None, "direct"),
        ("https://www.google.com/", "search"),
        ("https://www.google.com.br/", "search"),
        ("https://accounts.google.com/", "other"),
        ("https://mail.google.com/", "email"),
        ("www.bing.com/search?q=a", "search"),
        ("android-app://com.google.android.gm/", "email"),
        ("android-app://com.google.android.googlequicksearchbox/", "search"),
        ("android-app://com.facebook.katana", "social"),
        ("https://www.pinterest.de/", "social"),
        ("https://t.co/x", "social"),
        ("https://www.shop.example/c/shoes", "internal"),
        ("https://account.shop.example/", "internal"),
        ("/cart", "internal"),
        ("https://newsletter.shop.example/weekly", "email"),
        ("https://notshop.example/", "other"),
        ("nonsense", "other"),
        ("https://partner.example?email=jane.doe@gmx.example", "other"),
        ("https://ads.example/click?c=autumn", "other"),
        ("https://[2001:db8::1]/start", "other"),
        ("https://www.instagram.com/", "social"),
    ],
)
def test_a_referrer_has_a_kind(referrer, kind):
    assert referrer_kind(referrer) == kind


@pytest.mark.parametrize(
    ("referrer", "page", "kind"),
    [
        ("https://www.shop.example/cart", "https://pay.shop.example/", "internal"),
        ("https://shop.example/cart", "https://pay.eu.shop.example/", "internal"),
        ("https://m.shop.example/cart", "https://pay.shop.example/", "other"),
        ("https://example/", "https://shop.example/", "other"),
        ("https://notshop.example/", "https://pay.shop.example/", "other"),
    ],
)
def test_without_hosts_a_page_and_what_it_is_below_are_own(referrer, page, kind):
    assert referrer_kind(referrer, page) == kind


def test_hosts_that_are_set_are_the_internal_ones():
    shop = replace(SHOP, hosts=("shop.example", "laden.example"))
    addresses = addresses_of(shop)
    assert referrer_kind("https://m.laden.example/", addresses=addresses) == "internal"
    assert referrer_kind("https://other.example/", "https://other.example/", addresses) == "other"
    assert addresses.page("/cart").host == "shop.example"


@pytest.mark.parametrize(
    ("query", "campaign", "kind"),
    [
        ("?utm_source=news&utm_medium=Email&utm_campaign=May+sale", ("news", "Email", "May sale"), "email"),
        ("?gclid=abc", ("google", "cpc", None), "paid"),
        ("?utm_source=x&utm_medium=paid_social", ("x", "paid_social", None), "paid"),
        ("?utm_medium=social", (None, "social", None), "social"),
        ("?utm_source=jane%40gmx.example&utm_medium=referral", (None, "referral", None), "search"),
        ("#/p/1?utm_medium=cpc", (None, "cpc", None), "paid"),
        ("?fbclid=1", (None, None, None), "search"),
    ],
)
def test_a_campaign_is_read_and_may_be_paid(query, campaign, kind):
    page = ADDRESSES.page(f"{S}/{query}")
    assert (page.campaign_source, page.campaign_medium, page.campaign_name) == campaign
    assert referrer_kind("https://www.google.com/", f"{S}/{query}") == kind
    assert referrer_kind(f"{S}/cart", f"{S}/{query}") == "internal"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (f"{S}/a;jsessionid=3/b;c=1?SID=4&x=5&e%6Dail=j%40x#/t?token=3&y=1", f"{S}/a/b;c=1?x=5#/t?y=1"),
        (f"{S}/?token=1", f"{S}/"),
        ("?token=1", "/"),
        ("https://jane:pw@shop.example/x", f"{S}/x"),
        (f"{S}/@jane?a=1&b", f"{S}/@jane?a=1&b"),
    ],
)
def test_what_is_stripped_is_cut_out_and_nothing_else(url, kept):
    assert ADDRESSES.page(url).url == kept
    assert ADDRESSES.page(kept).url == kept


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
mixed = st.lists(
    text
    | st.sampled_from(
        ["https://", "shop.example", "/", "?", "#", "#/", "@", "[", ":", ";", "%", "%00", "&", "=", "//"]
    ),
    min_size=1,
    max_size=8,
).map("".join)


@given(mixed, st.none() | mixed)
def test_every_text_is_an_address_of_some_kind(url, referrer):
    page = ADDRESSES.page(url)
    assert page.path
    assert "\0" not in page.path
    assert page.kind == ADDRESSES.kind_of(page.path)
    assert page.host is None or page.host
    assert referrer_kind(referrer, url) in {"direct", "internal", "search", "social", "email", "paid", "other"}
    for value in (page.host, page.path, page.campaign_source):
        (value or "").encode()


@given(st.emails(), st.sampled_from(["?email={}", "?q={}", "#mail={}", "/?a=1&b={}", "?utm_source={}&utm_campaign={}"]))
def test_no_email_of_a_query_is_in_what_gold_shows(email, where):
    page = ADDRESSES.page(f"https://shop.example{where.format(email, email)}")
    shown = (page.host, page.path, page.campaign_source, page.campaign_medium, page.campaign_name)
    assert page.host == "shop.example"
    assert not any("@" in (value or "") for value in shown)


@given(
    st.sampled_from(["https://", "HTTPS:/", "http:", "https:\\\\", "//", "foo://", "/go/ftp://", "/go/http%3A%2F%2F"]),
    st.sampled_from(["jane:Secret@", "jane@home:Secret@", ":Secret@", "Secret@"]),
    st.sampled_from(["shop.example", "shop.example:99999", "[::1", "xn--a.example", "a b.example", ""]),
    st.sampled_from(["", "/", "/cart", "\\cart", "/a@b", "?x=1", "#/cart"]),
)  # fmt: skip
def test_no_password_is_in_what_silver_and_gold_show(scheme, user, host, rest):
    page = ADDRESSES.page(scheme + user + host + rest)
    assert "Secret" not in page.path
    assert "Secret" not in (page.host or "")
    if "%" not in scheme:
        assert "Secret" not in page.url
        assert "Secret" not in ADDRESSES.referrer(scheme + user + host + rest).url
