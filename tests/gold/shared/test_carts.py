"""A product that is put into the cart counts once, in every table alike, by click, by interaction or by both."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gold.shared.carts import PAIR_SECONDS
from gold.shared.clock import CLOCK
from gold.shared.features import CUTOFFS
from lakehouse.engines.duckdb_rows import Inputs, open_database
from pipelines.bi.semantic.measures import MEASURES
from pipelines.gold_builder import clock_rows, incremental_tables, table_sql
from pipelines.runtime.settings import load_settings
from producers.simulator.simulator import simulate
from silver.events import SILVER
from tests.support.gold_events import DAY, act, at, click, view
from tests.support.local_tables import arrow_schema

LAMP = {"page": "/product/lamps/1", "category": "lamps", "price": 40.0}
VASE = {"page": "/product/lamps/2", "category": "lamps", "price": 15.0}
UNNAMED = {"page": "/product/lamps/1"}


def pressed(who, when, about, seconds=0.0):
    return click(who, at(when) + timedelta(seconds=seconds), "btn_add_to_cart", **about)


def told(who, when, about, seconds=0.0):
    return act(who, at(when) + timedelta(seconds=seconds), "add_to_cart", **about)


@pytest.fixture(scope="module")
def gold():
    """Computes gold's tables from events in this process; gives what asks them."""
    with open_database("1GB") as database:

        def build(events):
            rows = defaultdict(list)
            for name, row in events:
                rows[name].append(row)
            inputs = Inputs(database, {CLOCK.name: clock_rows(load_settings(), DAY + timedelta(days=9))})
            for name, table in SILVER.items():
                made = pa.Table.from_pylist(rows[name], schema=arrow_schema(table))
                database.register(f"given_{name}", made)
                rows_of = f"SELECT * REPLACE (event_at::TIMESTAMP AS event_at, arrived_at::TIMESTAMP AS arrived_at) FROM given_{name}"  # noqa: E501, S608
                database.execute(f"CREATE OR REPLACE TEMP TABLE silver_{name} AS {rows_of}")
                inputs.computed[table.name] = f"silver_{name}"
            for table in incremental_tables():
                if all(one.name in inputs.computed or one.name == CLOCK.name for one in table.reads.values()):
                    inputs.views(table, str)
                    inputs.computed[table.name] = inputs.make(table, table_sql()[table.name])

            def ask(query):
                return database.sql(query).fetchall()

            return ask

        yield build


def sums(ask):
    """The sum of cart_adds in each table that has them, and what the report says of it."""
    (measure,) = [one for one in MEASURES["Sessions"] if one.name == "Cart adds"]
    tables = ("made_daily_funnel", "made_users", "made_category_performance", "made_page_performance")
    return {
        **{name: ask(f"SELECT sum(cart_adds) FROM {name}")[0][0] for name in tables},  # noqa: S608
        "report": ask(f"SELECT {measure.value} FROM made_sessions")[0][0],  # noqa: S608
    }


def test_a_product_counts_once_counted_by_hand(gold):
    carts = {
        "a click and its interaction": (1, [pressed("u/1", "10:00", LAMP), told("u/1", "10:00", LAMP, 1.3)]),
        "the interaction first": (1, [told("u/2", "10:00", LAMP), pressed("u/2", "10:00", LAMP, 0.2)]),
        "a click alone": (1, [pressed("u/3", "10:00", LAMP)]),
        "an interaction alone": (1, [told("u/4", "10:00", LAMP)]),
        "two, each by both": (2, [pressed("u/5", "10:00", LAMP), told("u/5", "10:00", LAMP, 1),
                                  pressed("u/5", "10:00", LAMP, 2), told("u/5", "10:00", LAMP, 3)]),
        "pressed twice at once": (2, [pressed("u/6", "10:00", LAMP), pressed("u/6", "10:00", LAMP, 0.3),
                                      told("u/6", "10:00", LAMP, 1), told("u/6", "10:00", LAMP, 1.2)]),
        "two clicks, one of them told": (2, [pressed("u/7", "10:00", LAMP), pressed("u/7", "10:00", LAMP, 1),
                                             told("u/7", "10:00", LAMP, 2)]),
        "too long after": (2, [pressed("u/8", "10:00", LAMP), told("u/8", "10:00", LAMP, PAIR_SECONDS + 0.001)]),
        "just in time": (1, [pressed("u/9", "10:00", LAMP), told("u/9", "10:00", LAMP, PAIR_SECONDS)]),
        "another page": (2, [pressed("u/10", "10:00", LAMP), told("u/10", "10:00", VASE, 1)]),
        "another product of one page": (2, [pressed("u/11", "10:00", LAMP),
                                            told("u/11", "10:00", LAMP | {"price": 9.0}, 1)]),
        "a click that names no product": (1, [pressed("u/12", "10:00", UNNAMED), told("u/12", "10:00", LAMP, 1)]),
        "over midnight": (2, [pressed("u/13", "23:59:59", LAMP), told("u/13", "23:59:59", LAMP, 2)]),
        "one click, pressed again later": (2, [pressed("u/14", "10:00", LAMP), pressed("u/14", "11:00", LAMP)]),
    }  # fmt: skip
    ask = gold([event for _, events in carts.values() for event in events])
    counted = dict(ask("SELECT session_id, cart_adds FROM made_sessions"))
    by_name = {name: counted[events[0][1]["session_id"]] for name, (_, events) in carts.items()}
    assert by_name == {name: expected for name, (expected, _) in carts.items()}
    assert sums(ask) == dict.fromkeys(sums(ask), sum(expected for expected, _ in carts.values()))
    # What was clicked and told stays: gold.sessions has both numbers besides.
    assert ask("SELECT clicks, add_to_cart_count FROM made_sessions WHERE session_id = '1'") == [(1, 1)]


def test_the_value_of_a_cart_counts_once(gold):
    seen = [view("u/s", at("09:59"), **LAMP)]
    both = [pressed("u/s", "10:00", UNNAMED), told("u/s", "10:00", LAMP, 1), view("u/s", at("10:01"), "/cart")]
    taken_out = [act("u/s", at("10:02"), "remove_from_cart", "/cart")]
    ask = gold([*seen, *both, *taken_out])
    assert ask("SELECT cut, cart_adds, cart_items, cart_value FROM made_training_examples ORDER BY cut") == [
        (1, 0, 0, 0), (2, 1, 1, 0), (3, 1, 1, 40), (5, 1, 0, 40),
    ]  # fmt: skip


events_of_carts = st.lists(
    st.tuples(
        st.sampled_from(["click", "interaction"]),
        st.sampled_from([0, 0.5, 3, 9.999999, 10, 10.000001, 40]),
        st.sampled_from(["/product/lamps/1", "/list", "/list?page=2"]),
        st.sampled_from([None, "lamps", "rugs"]),
        st.sampled_from([None, 5.0, 7.5]),
    ),
    max_size=9,
)


def pair(found):
    """Which events count, by a walk over them with what waits in hand: the rule as its docstring has it."""
    waiting, last, named, counts = {}, {}, {}, []
    for kind, when, page, category, price in found:
        key = page.partition("?")[0]
        begins = (
            key not in last or when - last[key] > timedelta(seconds=PAIR_SECONDS) or when.date() != last[key].date()
        )
        if begins:
            named[key] = {}
        known = {name: value for name, value in (("category", category), ("price", price)) if value is not None}
        if begins or any(named[key].get(name, value) != value for name, value in known.items()):
            waiting[key] = Counter()
        named[key] |= known
        last[key] = when
        other = "click" if kind == "interaction" else "interaction"
        counts.append(not waiting[key][other])
        if waiting[key][other]:
            waiting[key][other] -= 1
        else:
            waiting[key][kind] += 1
    return counts


@settings(max_examples=12)
@given(st.lists(events_of_carts, min_size=25, max_size=25), st.sampled_from(["10:00", "23:59:50"]))
def test_every_table_counts_what_a_walk_counts(gold, sessions, start):
    """Whatever comes in which order; and what counts at a cutoff is told by the events until then."""
    events, expected = [], {}
    for number, steps in enumerate(sessions):
        when, found = at(start), []
        for kind, pause, page, category, price in steps:
            when += timedelta(seconds=pause)
            found.append((kind, when, page, category, price))
            add = pressed if kind == "click" else told
            about = {"page": page, "category": category, "price": price}
            name, row = add(f"u/{number}", "00:00", about)
            events.append((name, row | {"event_at": when, "event_on": when.date(), "arrived_at": when + timedelta(
                microseconds=len(events))}))  # fmt: skip
        expected[str(number)] = pair(found)
    ask = gold(events)
    assert dict(ask("SELECT session_id, cart_adds FROM made_sessions")) == {
        session: sum(counts) for session, counts in expected.items() if counts
    }
    total = sum(map(sum, expected.values()))
    assert {name: value or 0 for name, value in sums(ask).items()} == dict.fromkeys(sums(ask), total)
    assert ask("SELECT session_id, cut, cart_adds FROM made_training_examples ORDER BY ALL") == sorted(
        (session, cut, sum(counts[:cut])) for session, counts in expected.items() for cut in CUTOFFS
        if cut <= len(counts)
    )  # fmt: skip


def test_a_simulated_cart_has_what_its_user_put_in(gold):
    """The simulator sends both for a product; a click that nothing follows is one, too."""
    events, presses = [], Counter()
    for topic, _, value, _ in simulate(7, 300):
        given_ = json.loads(value)
        about = {"page": given_["page_url"], "category": given_["category"], "price": given_["price"]}
        who, when = f"{given_['user_id']}/{given_['session_id']}", datetime.fromisoformat(given_["timestamp"])
        if given_.get("element_id") == "btn_add_to_cart":
            presses[given_["session_id"]] += 1
            events.append(click(who, when, "btn_add_to_cart", **about))
        elif topic == "interactions":
            events.append(act(who, when, given_["interaction_type"], **about))
    ask = gold(events)
    assert dict(ask("SELECT session_id, cart_adds FROM made_sessions WHERE cart_adds > 0")) == dict(presses)
    assert ask("SELECT sum(add_to_cart_count) > 30 FROM made_sessions") == [(True,)]
