"""Derive what silver says of a page, its referrer, its campaign, a click and a crawler, by the shop's settings.

The same function is called in process and by Spark's workers. An address is parsed once for each distinct one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakehouse.table import Column
from producers.contract.event_type import EventType

if TYPE_CHECKING:
    import pyarrow as pa

    from producers.shop.settings import Shop

PAGE_URL, REFERRER_URL, ELEMENT, USER_AGENT = "page_url", "referrer_url", "element_id", "user_agent"
"""The fields of events that something is derived from."""

_PAGE = (
    Column("page_host", "STRING", "The host of page_url, as the URL standard writes it; null where it has none."),
    Column(
        "page_path",
        "STRING",
        "The path of page_url, decoded, without query, anchor and path parameters; of a hash route, the route.",
        required=True,
    ),
    Column("page_kind", "STRING", "The kind of page, by page_path and [[pages]] of conf/shop.toml.", required=True),
)
_REFERRER = (
    Column("referrer_host", "STRING", "The host of referrer_url; of an app, its name; null where there is none."),
    Column(
        "referrer_kind",
        "STRING",
        "Where the user came from: direct, internal, search, social, email, paid or other.",
        required=True,
    ),
    Column("campaign_source", "STRING", "utm_source of page_url, or whose advertisement it was; null for none."),
    Column("campaign_medium", "STRING", "utm_medium of page_url, or cpc for an advertisement; null for none."),
    Column("campaign_name", "STRING", "utm_campaign of page_url; null for none."),
)
_CLICK = (
    Column("is_purchase", "BOOLEAN", "Whether element_id is a purchase, by conf/shop.toml.", required=True),
    Column(
        "is_cart_add", "BOOLEAN", "Whether element_id puts something into the cart, by conf/shop.toml.", required=True
    ),
)
_AGENT = (
    Column(
        "is_known_crawler", "BOOLEAN", "Whether user_agent is one of a known crawler; not where none was sent.", True
    ),
)


def derived_columns(event: EventType) -> tuple[Column, ...]:
    """The columns that silver derives for a kind of event, from the fields that it has."""
    names = {field.name for field in event.fields}
    return (
        *(_PAGE if PAGE_URL in names else ()),
        *(_REFERRER if {PAGE_URL, REFERRER_URL} <= names else ()),
        *(_CLICK if ELEMENT in names else ()),
        *(_AGENT if {PAGE_URL, USER_AGENT} <= names else ()),
    )


def derive(columns: Mapping[str, pa.Array], shop: Shop) -> dict[str, pa.Array]:
    """The derived columns of normalised ones, and page_url and referrer_url without what the shop strips.

    They are null where page_url is, or element_id of a click: in the row of a bad record.
    """
    found = dict[str, Any]()
    if PAGE_URL in columns:
        found |= _of_pages(columns[PAGE_URL], columns.get(REFERRER_URL), shop)
    if ELEMENT in columns:
        found |= _of_clicks(columns[ELEMENT], shop)
    if {PAGE_URL, USER_AGENT} <= columns.keys():
        found["is_known_crawler"] = _of_agents(columns[USER_AGENT], columns[PAGE_URL], shop)
    return found


def _of_pages(urls: pa.Array, referrers: pa.Array | None, shop: Shop) -> dict[str, pa.Array]:
    import numpy as np
    import pyarrow as pa

    from producers.shop.addresses import addresses_of

    addresses = addresses_of(shop)
    distinct, places = _distinct(urls)
    pages = [addresses.page(url) for url in distinct]
    found = {
        PAGE_URL: _spread([page.url for page in pages], places),
        "page_host": _spread([page.host for page in pages], places),
        "page_path": _spread([page.path for page in pages], places),
        "page_kind": _spread([page.kind for page in pages], places),
    }
    if referrers is None:
        return found
    for name in ("source", "medium", "name"):
        found[f"campaign_{name}"] = _spread([getattr(page, f"campaign_{name}") for page in pages], places)
    distinct_referrers, referrer_places = _distinct(referrers)
    came_from = [addresses.referrer(url) for url in distinct_referrers]
    found[REFERRER_URL] = _spread([referrer.url for referrer in came_from], referrer_places)
    found["referrer_host"] = _spread([referrer.host for referrer in came_from], referrer_places)
    # Of a page only its host and its campaign's medium count, so there are few pairs.
    matters: dict[tuple[str | None, str | None], int] = {}
    codes = np.array([matters.setdefault((page.host, page.campaign_medium), len(matters)) for page in pages], np.int64)
    example = dict(zip(codes.tolist(), pages, strict=True))
    width = len(came_from) + 1
    good = places.is_valid().to_numpy(zero_copy_only=False)
    if not pages:  # nothing but bad records
        return {**found, "referrer_kind": pa.nulls(len(urls), pa.string())}
    page_code = codes[places.fill_null(0).to_numpy(zero_copy_only=False)]
    referrer_code = referrer_places.cast(pa.int64()).fill_null(width - 1).to_numpy(zero_copy_only=False)
    pairs, which = np.unique(page_code * width + referrer_code, return_inverse=True)
    kinds = [
        addresses.referrer_kind(example[pair // width], came_from[pair % width] if pair % width < width - 1 else None)
        for pair in pairs.tolist()
    ]
    found["referrer_kind"] = _spread(kinds, pa.array(which.reshape(-1), pa.int32(), mask=~good))
    return found


def _of_clicks(elements: pa.Array, shop: Shop) -> dict[str, pa.Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    def among(names: tuple[str, ...]) -> pa.Array:
        found = pc.is_in(elements, value_set=pa.array(names, pa.string()))
        return pc.if_else(elements.is_valid(), found, pa.scalar(None, pa.bool_()))

    return {"is_purchase": among(shop.purchase_elements), "is_cart_add": among(shop.cart_elements)}


def _of_agents(agents: pa.Array, urls: pa.Array, shop: Shop) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    from producers.shop.crawlers import is_known_crawler

    distinct, places = _distinct(agents)
    known = pa.array([is_known_crawler(agent, shop.not_crawlers) for agent in distinct], pa.bool_())
    return pc.if_else(urls.is_valid(), known.take(places).fill_null(False), pa.scalar(None, pa.bool_()))


def _distinct(texts: pa.Array) -> tuple[list[str], pa.Array]:
    """The distinct texts, and for each row which it has; null for none."""
    encoded = texts.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices


def _spread(values: Sequence[str | None], places: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.string()).take(places)
