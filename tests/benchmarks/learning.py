"""How much of the best possible average precision plain trees reach on simulated visits, without Spark or Kafka.

``python tests/benchmarks/learning.py [SESSIONS] [SEED]``. Its features are some of gold's, made again from the
events alone; whole users are either learnt from or judged.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score
from sklearn.tree import DecisionTreeClassifier

from producers.events import EVENTS
from producers.shoppers import CUTS, simulate

CHANCES = ("probability", "from_events")
INTERACTIONS = ("scroll", "zoom", "hover", "search", "add_to_wishlist", "share", "video_play", "remove_from_cart")


class Session:
    """What has been seen of a session so far."""

    def __init__(self, event: dict[str, Any], at: float, earlier: list[Session]) -> None:
        self.seen: Counter[str] = Counter()
        self.pages: Counter[str] = Counter()
        self.categories: set[str] = set()
        self.prices: list[float] = []
        self.start = self.last = at
        self.longest = self.on_product = self.cart_value = self.added_at = self.bought_at = 0.0
        self.is_on_product = False
        self.referrer, self.category = str(event.get("referrer_url")).split("/")[-2:][0], ""
        bought = [session.bought_at for session in earlier if session.bought_at]
        self.history = {
            "earlier_sessions": len(earlier),
            "earlier_buying_sessions": len(bought),
            "days_since_previous_session": (at - earlier[-1].start) / 86_400 if earlier else -1,
            "days_since_last_purchase": (at - bought[-1]) / 86_400 if bought else -1,
        }

    def add(self, topic: str, event: dict[str, Any], at: float) -> None:
        price, page = event["price"], event["page_url"]
        action = event.get("element_id") or event.get("interaction_type") or "view"
        self.topic, self.page, self.pause = topic, page.split("/")[3].split("?")[0], at - self.last
        self.longest, self.last = max(self.longest, self.pause), at
        self.on_product += self.pause * self.is_on_product
        self.seen.update((topic, action, f"{self.page} {action}"))
        if topic == "page_views":
            self.pages[page] += 1
            self.is_on_product = price is not None
        if "add_to_cart" in action:
            self.cart_value, self.added_at = self.cart_value + price, at
        if price is not None:
            self.prices.append(price)
        if event["category"]:
            self.category = event["category"]
            self.categories.add(self.category)
        if action == "btn_buy" and not self.bought_at:
            self.bought_at = at

    def row(self) -> dict[str, Any]:
        seen, seconds, at = self.seen, self.last - self.start, datetime.fromtimestamp(self.last, UTC)
        views, adds = seen["page_views"], seen["add_to_cart"] + seen["btn_add_to_cart"]
        products = [page for page in self.pages if "/product/" in page]
        return {
            **{name: seen[name] for name in ("page_views", "clicks", "interactions", *INTERACTIONS)},
            **self.history,
            "product_views": seen["product view"],
            "product_zooms_and_hovers": seen["product zoom"] + seen["product hover"],
            "cart_adds": adds,
            "cart_items": max(adds - seen["remove_from_cart"], 0),
            "cart_value": self.cart_value,
            "cart_views": seen["cart view"],
            "checkout_views": seen["checkout view"],
            "seconds_since_cart_add": self.last - self.added_at if self.added_at else -1,
            "distinct_pages": len(self.pages),
            "distinct_products": len(products),
            "repeated_product_views": seen["product view"] - len(products),
            "distinct_categories": len(self.categories),
            "price_mean": np.mean(self.prices) if self.prices else -1,
            "price_last": self.prices[-1] if self.prices else -1,
            "price_spread": max(self.prices) - min(self.prices) if self.prices else -1,
            "seconds_so_far": seconds,
            "seconds_since_previous": self.pause,
            "longest_pause_seconds": self.longest,
            "product_seconds": self.on_product,
            "page_views_per_minute": views * 60 / seconds if seconds else -1,
            "clicks_per_minute": seen["clicks"] * 60 / seconds if seconds else -1,
            "hour_of_day": at.hour,
            "day_of_week": at.weekday(),
            f"from {self.referrer}": 1,
            f"last {self.topic}": 1,
            f"in {self.category}": 1,
            f"on {self.page}": 1,
        }


def examples(sessions: int, seed: int) -> pd.DataFrame:
    """One row per session and cut before its first purchase, with the simulator's own chances."""
    live: dict[str, Session] = {}
    users: defaultdict[str, list[Session]] = defaultdict(list)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder, "truth")
        for topic, _, value, micros in simulate(seed, sessions, truth=truth):
            event, at = json.loads(value or b""), micros / 1e6
            user, name = event["user_id"], event["session_id"]
            if name not in live:
                live[name] = Session(event, at, users[user])
                users[user].append(live[name])
            session = live[name]
            session.add(topic, event, at)
            count = sum(session.seen[name] for name in EVENTS)
            if count in CUTS and not session.bought_at:
                rows.append({"user_id": user, "session_id": name, "cut": count, **session.row()})
        told = pd.read_json(truth, lines=True)
    table = pd.DataFrame(rows).fillna(0).merge(told, on=["user_id", "session_id", "cut"], validate="1:1")
    return table.assign(bought=[bool(live[name].bought_at) for name in table["session_id"]])


def report(table: pd.DataFrame) -> None:
    x, y = table.drop(columns=["user_id", "session_id", "bought", *CHANCES]), table["bought"]
    judged = table["user_id"].str[1:].astype(int) % 10 < 3
    models = {
        "boosted": HistGradientBoostingClassifier(max_iter=100, min_samples_leaf=50, random_state=1),
        **{f"tree {n}": DecisionTreeClassifier(max_depth=n, min_samples_leaf=50, random_state=1) for n in (6, 8)},
    }
    scores = table.loc[judged, ["cut", *CHANCES]].copy()
    for name, model in models.items():
        scores[name] = model.fit(x[~judged], y[~judged]).predict_proba(x[judged])[:, 1]
    print(f"{len(table):,} rows, {y.mean():.1%} of them of sessions that buy; judged on {judged.sum():,}")
    parts = {**{str(cut): part for cut, part in scores.groupby("cut")}, "all": scores}
    reached = pd.DataFrame(
        {
            cut: {name: precision(part["probability"], part[name]) for name in scores.columns[1:]}
            for cut, part in parts.items()
        }
    ).T
    for chance in CHANCES:
        for name in models:
            reached[f"{name} of {chance}"] = reached[name] / reached[chance]
    print(reached.round(3).to_string())


def precision(hidden: pd.Series, scores: pd.Series) -> float:
    """Average precision, each row counted as its chance of a buyer: so that luck plays no part."""
    labels, weights = np.repeat([1, 0], len(hidden)), np.concatenate([hidden, 1 - hidden])
    return float(average_precision_score(labels, np.tile(scores, 2), sample_weight=weights))


if __name__ == "__main__":
    sessions, seed = (*(int(text) for text in sys.argv[1:]), *(20_000, 7)[len(sys.argv) - 1 :])
    report(examples(sessions, seed))
