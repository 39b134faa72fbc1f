"""Gold that looks like a shop's, from a seed and without Spark."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

from deltalake import write_deltalake

from pipelines.runtime.catalog import GOLD
from tests.support.arrow import arrow_table

FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
YEARS = dt.timedelta(days=1300)
HOSTS = {"direct": None, "search": "search.example", "social": "social.example", "email": None}


def write_gold(root, data, *, mode="overwrite"):
    """Writes rows as the gold tables of a lake; columns that a row lacks are null."""
    for name, rows in data.items():
        write_deltalake(f"{root}/gold/{name}", arrow_table(GOLD[f"gold.{name}"], rows), mode=mode)


def no_gold():
    """Every table, without rows."""
    return {name.partition(".")[2]: [] for name in GOLD}


def made_gold(seed=7, sessions=400, days=40):
    """Rows of each table that the report shows."""
    rng = random.Random(seed)
    rows = [_session(rng, number, days) for number in range(sessions)]
    log = [score for row in rows for score in _scores(rng, row)]
    newest = {(score["user_id"], score["session_id"]): score for score in log}
    return {
        "sessions": rows,
        "prediction_log": log,
        "session_predictions": list(newest.values()),
        "next_session_predictions": [_of_the_next(row) for row in newest.values()],
        "users": _users(rows),
        **_behaviour(rng, days),
        "data_quality": _quality(rng, days),
        "model_metrics": [_metrics(rng, version, number) for number in range(days) for version in "12"],
    }


def years_apart():
    """A shop whose sessions are of two weeks, and of a few days some years before, as after the demo."""
    data = made_gold(days=14)
    for row in made_gold(seed=9, sessions=20, days=25)["sessions"]:
        earlier = {name: value - YEARS for name, value in row.items() if isinstance(value, dt.date)}
        data["sessions"].append(row | earlier | {"session_id": f"old-{row['session_id']}"})
    return data


def _session(rng, number, days):
    kind = rng.choice(sorted(HOSTS))
    events, products = rng.randrange(1, 30), rng.randrange(4)
    bought, seconds = rng.random() < 0.15, rng.randrange(2000)
    purchases = rng.randrange(1, 3) if bought else 0
    started = FIRST + dt.timedelta(minutes=rng.randrange(days * 24 * 60))
    ended = started + dt.timedelta(seconds=seconds)
    rule = "too_fast" if rng.random() < 0.02 else None
    return {
        "user_id": f"u{rng.randrange(150)}",
        "session_id": f"s{number}",
        "events": events,
        "page_views": max(events - 2, 1),
        "product_views": products,
        "cart_adds": rng.randrange(2) if products else 0,
        "purchases": purchases,
        "bought": bought,
        "revenue": Decimal(rng.randrange(100, 9000) * purchases if number % 9 else 0) / 100,
        "duration_seconds": float(seconds),
        "referrer_kind": kind,
        "referrer_host": HOSTS[kind],
        "is_closed": rng.random() < 0.8,
        "is_suspect": rule is not None,
        "suspect_rule": rule,
        "started_on": started.date(),
        "ended_on": ended.date(),
        "started_at": started,
        "ended_at": ended,
        "bought_at": started + dt.timedelta(seconds=seconds // 2) if bought else None,
        "closes_at": ended + dt.timedelta(minutes=30),
    }


def _scores(rng, session):
    if session["is_suspect"]:
        return
    for cut in (1, 2, 3, 5):
        if cut <= session["events"]:
            probability = min(max(rng.gauss(0.5 if session["bought"] else 0.2, 0.2), 0), 1)
            yield {
                **{name: session[name] for name in ("user_id", "session_id", "started_on")},
                "cut": cut,
                "question": "in_session",
                "model_name": "purchase_in_session",
                "model_version": rng.choice("12"),
                "features_hash": cut,
                "probability": probability,
                "path": f"cart_adds = {session['cart_adds']}; product_views = {session['product_views']}",
                "threshold": 0.5,
                "prediction": probability >= 0.5,
                "cut_at": session["started_at"],
                "scored_at": session["started_at"] + dt.timedelta(minutes=rng.choice((1, 5, 1000))),
            }


def _of_the_next(score):
    about = {"question": "next_session", "model_name": "purchase_next_session"}
    return score | about | {"probability": score["probability"] / 2}


def _users(sessions):
    """Who they are, as far as the report asks: when the last session of each ended."""
    last = {}
    for row in sessions:
        user = last.setdefault(row["user_id"], {"user_id": row["user_id"], "last_ended_at": row["ended_at"]})
        user["last_ended_at"] = max(user["last_ended_at"], row["ended_at"])
    return [*last.values()]


SHARES = (
    "buying_share",
    "average_precision",
    "test_average_precision",
    "roc_auc",
    "precision",
    "recall",
    "f1",
    "brier",
    "calibration_error",
    "score_drift",
    "feature_drift",
)


def _metrics(rng, version, number):
    return {
        **{name: rng.random() for name in SHARES},
        "model_name": "purchase_in_session",
        "model_version": version,
        "started_on": FIRST.date() + dt.timedelta(days=number),
        "sessions": rng.randrange(1, 50),
        "scores": rng.randrange(50, 200),
        "top_decile_lift": rng.choice((None, 2.5)),
        "drifted_feature": "cart_adds",
        "evaluated_at": FIRST + dt.timedelta(days=number + 1),
    }


def _behaviour(rng, days):
    clicks, categories, hours, pages = {}, {}, {}, {}
    for number in range(days):
        day = FIRST.date() + dt.timedelta(days=number)
        for kind in ("home", "product", "cart"):
            for _ in range(20):
                x, y = min(int(rng.gauss(12, 6)) % 28, 27) * 50, abs(int(rng.gauss(0, 12))) * 50
                clicks[day, kind, x, y] = {"event_on": day, "page_kind": kind, "x_from": x, "y_from": y}
                clicks[day, kind, x, y] |= {"clicks": rng.randrange(1, 20), "purchases": rng.randrange(2)}
        for category in ("shoes", "hats", "(none)"):
            categories[day, category] = {"event_on": day, "category": category, "product_views": rng.randrange(50)}
            categories[day, category] |= {"cart_adds": rng.randrange(9), "purchases": rng.randrange(4)}
            categories[day, category] |= {"revenue": Decimal(rng.randrange(90000)) / 100, "sessions": 40}
            categories[day, category] |= {"purchase_sessions": rng.randrange(4)}
        for hour in range(24):
            hours[day, hour] = {"event_on": day, "hour_of_day": hour, "day_of_week": day.isoweekday()}
            hours[day, hour] |= {
                "events": 1 + rng.randrange(1 + min(hour, 24 - hour) * 5),
                "purchases": rng.randrange(2),
            }
        for page in [f"/product/{one}" for one in range(60)]:
            pages[day, page] = {"event_on": day, "page": page, "page_views": 1 + rng.randrange(9)}
            pages[day, page] |= {"entrances": 1, "exits": rng.randrange(2)}
    return {
        "click_map": list(clicks.values()),
        "category_performance": list(categories.values()),
        "hourly_activity": list(hours.values()),
        "page_performance": list(pages.values()),
    }


def _quality(rng, days):
    rows = []
    for number in range(days):
        day = FIRST.date() + dt.timedelta(days=number)
        for event in ("page_views", "clicks", "interactions"):
            quarantined, duplicates, kept = rng.randrange(5), rng.randrange(3), rng.randrange(100, 200)
            received = quarantined + duplicates + kept
            own = {"arrived_on": day, "event": event, "received": received, "quarantined": quarantined}
            rows.append(own | {"rule": "all", "kept": kept, "duplicates": duplicates, "event_id_reused": number % 3})
            if quarantined:
                rows.append(own | {"rule": rng.choice(("user_id_missing", "price_is_no_number"))})
    return rows
