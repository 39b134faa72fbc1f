"""What is known at a cutoff, and that nothing of it is known only later."""

from __future__ import annotations

import random
from datetime import UTC, timedelta

import pytest
from pyspark.sql import functions as F

from gold.shared.features import CUTOFFS, FEATURES, features
from gold.shared.timeline import timeline
from gold.user_history import user_history
from tests.support.gold_events import DAY, act, buy, click, frames, sessions_of, view
from tests.support.gold_sessions import ANNA_BUYS, ANNA_ONE_CLICK, GOLDEN_EVENTS

pytestmark = pytest.mark.spark


def features_of(lake, events, made=features):
    """The features of all sessions of the events, by (user_id, session_id, cut)."""
    silver = frames(lake, events)
    built = made(timeline(**silver), user_history(sessions_of(lake, silver, DAY)))
    rows = [row.asDict() | {"cut_at": row["cut_at"].astimezone(UTC)} for row in built.collect()]
    return {(row["user_id"], row["session_id"], row["cut"]): row for row in rows}


def test_the_features_of_a_session_can_be_counted_by_hand(lake):
    found = features_of(lake, GOLDEN_EVENTS)
    assert {column.name for column in FEATURES} <= set(found["anna", "s1", 8])
    at_first, at_eighth = found["anna", "s1", 1], found["anna", "s1", 8]
    assert {name: value for name, value in at_eighth.items() if value != 0 and not name.endswith("_id")} == {
        "cut": 8, "cut_at": ANNA_BUYS[7][1]["event_at"],
        "page_views": 5, "product_views": 3, "clicks": 1, "interactions": 2, "zooms": 1, "hovers": 1,
        "product_zooms_and_hovers": 2, "cart_adds": 1, "cart_items": 1, "cart_value": 50, "cart_views": 1,
        "seconds_since_cart_add": 20, "distinct_pages": 4, "distinct_products": 2, "repeated_product_views": 1,
        "distinct_categories": 1, "repeated_category_views": 2,
        "price_mean": pytest.approx(350 / 6), "price_spread": 50, "price_last": 50,
        "price_to_category": pytest.approx(50 / (350 / 6)),
        "seconds_so_far": 120, "seconds_since_previous": 20, "longest_pause_seconds": 30, "page_seconds_mean": 30,
        "product_seconds": 100, "page_views_per_minute": 2.5, "clicks_per_minute": 0.5, "interactions_per_minute": 1,
        "hour_of_day": 10, "day_of_week": 4, "days_since_previous_session": None, "days_since_last_purchase": None,
        "referrer_kind": "search", "last_kind": "page_view", "last_category": "shoes", "last_page_kind": "cart",
    }  # fmt: skip
    missing = [name for name, value in at_first.items() if value is None]
    assert missing == [column.name for column in FEATURES if not column.required]
    assert missing == [
        "seconds_since_cart_add", "price_mean", "price_spread", "price_last", "price_to_category",
        "seconds_since_previous", "longest_pause_seconds", "page_seconds_mean", "page_views_per_minute",
        "clicks_per_minute", "interactions_per_minute", "days_since_previous_session", "days_since_last_purchase",
        "last_category",
    ]  # fmt: skip
    assert found["anna", "s2", 1]["earlier_buying_sessions"] == 1
    assert ("anna", "s3", 1) not in found, ANNA_ONE_CLICK


def some_event(chance, who, when):
    """Any event; about every twentieth is a purchase."""
    page = chance.choice(["/", "/category/shoes", "/product/shoes/1", "/product/books/2", "/cart", "/checkout", "?q"])
    about = {"category": chance.choice(["shoes", "books", None]), "price": chance.choice([None, 0.0, 9.99, 20.0])}
    kind = chance.randrange(20)
    if kind == 0:
        return buy(who, when, 20.0)
    if kind < 12:
        return view(who, when, page, referrer_url=chance.choice([None, "https://www.google.com/"]), **about)
    if kind < 14:
        return click(who, when, chance.choice(["menu", "btn_add_to_cart"]), page, **about)
    return act(who, when, chance.choice(["hover", "zoom", "add_to_cart", "remove_from_cart", "search"]), page, **about)


def some_events(seed, users, sessions, events):
    """The events of many users, each with some sessions that overlap as often as they do not, in order of time."""
    chance = random.Random(seed)
    found = []
    for user in range(users):
        for _ in range(chance.randint(1, events)):
            when = DAY + timedelta(seconds=chance.randrange(5_000), milliseconds=chance.choice([0, 0, 500]))
            found.append(some_event(chance, f"u{user}/s{chance.randrange(sessions)}", when))
    return sorted(found, key=lambda one: one[1]["event_at"])


def test_what_happens_after_a_cut_changes_nothing(lake):
    # Sixty users are sixty examples: a job costs a second, whatever it has to do.
    events = some_events(11, users=60, sessions=3, events=120)
    until = DAY + timedelta(seconds=2_500)
    known = [one for one in events if one[1]["event_at"] <= until]
    before = features_of(lake, known)
    after = features_of(lake, events)
    assert len(after) > len(before) > 200
    assert {key: row for key, row in after.items() if row["cut_at"] <= until} == before
    assert {cut for *_, cut in before} == set(CUTOFFS)
    assert any(row["earlier_buying_sessions"] for row in before.values())


def leaking(lake, made=features):
    """The features that change where the purchase and all that follows it never happened: the leakage test."""
    events = some_events(12, users=60, sessions=1, events=60)
    bought_at = {}
    for _, row in events:
        if row.get("element_id") == "btn_buy":
            bought_at.setdefault(row["user_id"], (row["event_at"], row["arrived_at"], "clicks", row["offset"]))
    assert len(bought_at) > 20
    shortened = [
        (name, row)
        for name, row in events
        if row["user_id"] not in bought_at
        or (row["event_at"], row["arrived_at"], name, row["offset"]) < bought_at[row["user_id"]]
    ]
    before, after = features_of(lake, shortened, made), features_of(lake, events, made)
    assert before.keys() == after.keys()
    return {name for key, row in before.items() for name in row if row[name] != after[key][name]}


def test_a_purchase_and_what_follows_it_changes_nothing(lake):
    assert leaking(lake) == set()


def test_a_planted_leak_is_found(lake):
    """A feature that counts the purchase clicks of the session: what most public work on this question does."""

    def planted(events, history):
        purchases = events.groupBy("user_id", "session_id").agg(
            F.count_if("is_purchase").cast("DOUBLE").alias("clicks")
        )
        return features(events, history).drop("clicks").join(purchases, ["user_id", "session_id"])

    assert leaking(lake, planted) == {"clicks"}
