"""Two events are the same if their identities are equal."""

from __future__ import annotations

from producers.contract.identity import canonical, identity
from producers.events import EVENTS
from tests.support.clicks import CLICK, INTERACTION, validated


def test_the_identity_of_known_events_never_changes():
    event = EVENTS["clicks"]
    values = validated({}).values
    assert canonical(event, values) == (
        b"fields\0clicks\0category,element_id,page_url,price,session_id,timestamp,user_id,x_coord,y_coord\0"
        b"shoes\0btn_buy\0https://shop.example/p/1\x004033fd70a3d70a3d\0s-1\x0000065dde1c594800\0u-1\0"
        b"405e200000000000\x00406e000000000000"
    )
    assert identity(event, values).hex() == "2e8636a93325ce1c7a2ccca5f2dcb96e"
    named = validated({"event_id": "e-é"}).values
    assert canonical(event, named) == (
        b"fields\0clicks\0category,element_id,event_id,page_url,price,session_id,timestamp,user_id,x_coord,y_coord\0"
        b"shoes\0btn_buy\0e-\xc3\xa9\0https://shop.example/p/1\x004033fd70a3d70a3d\0s-1\x0000065dde1c594800\0u-1\0"
        b"405e200000000000\x00406e000000000000"
    )
    bare = {"user_id": 7, "session_id": "s", "page_url": "/", "timestamp": 1792058400}
    values = validated(bare, {}, "page_views").values
    assert identity(EVENTS["page_views"], values).hex() == "c209d976ef7c03ca9a2ace150a76e722"


def test_the_same_event_id_on_another_topic_is_another_event():
    body = {"event_id": "e", **CLICK, **INTERACTION}
    identities = {identity(EVENTS[name], validated({}, body, name).values) for name in EVENTS}
    assert len(identities) == len(EVENTS)


def test_identity_is_all_fields_the_event_id_included():
    def of(change):
        return identity(EVENTS["clicks"], validated(change).values)

    assert of({"event_id": "00000000-0000-0000-0000-000000000000"}) == of({"event_id": "N/A"}) == of({})
    changes = [{}, {"price": 19.98}, {"price": None}, {"category": None}, {"category": "bags"}, {"user_id": "u-2"}]
    changes += [{"timestamp": "2026-10-15T10:00:00.000001Z"}, {"x_coord": 240.0, "y_coord": 120.5}, {"x_coord": None}]
    changes += [{"element_id": "s-1", "session_id": "btn_buy"}]
    changes += [
        {"event_id": "e"},
        {"event_id": "e2"},
        {"event_id": "e", "price": 1},
        {"event_id": "e", "user_id": "u-2"},
    ]
    assert len({of(change) for change in changes}) == len(changes)
