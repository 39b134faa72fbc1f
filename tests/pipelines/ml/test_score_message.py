"""A score as it is told outside: by the published schema, with an id that repeats share and nothing else does."""

from __future__ import annotations

import json
from datetime import timedelta

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gold.prediction_log import TABLE as LOG
from pipelines.ml.score_message import message, schema, score_id
from tests.support.pages import DOCS
from tests.support.scores import AT, scores

IDS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=20)


def row(user="u", session="s", **changes):
    [found] = scores((user, session)).to_pylist()
    return {**found, **changes}


@given(IDS, IDS, st.floats(0, 1))
def test_every_score_is_valid_by_the_schema(user, session, probability):
    told = json.loads(json.dumps(message(row(user, session, probability=probability))))
    jsonschema.validate(told, schema(), cls=jsonschema.Draft202012Validator)
    assert (told["user_id"], told["session_id"]) == (user, session)


def test_the_schema_refuses_what_it_does_not_describe():
    told = message(row())
    for name, value in (("probability", 2), ("scored_at", "yesterday"), ("score_id", "1"), ("cut", None)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**told, name: value}, schema())


@given(IDS, IDS, IDS, IDS)
def test_two_sessions_never_share_an_id(user, session, other_user, other_session):
    same = (user, session) == (other_user, other_session)
    assert (score_id(row(user, session)) == score_id(row(other_user, other_session))) == same


def test_a_repeat_has_its_id_and_another_score_has_another():
    first = row()
    assert score_id(row(scored_at=AT + timedelta(hours=1), probability=0.9)) == score_id(first)
    changed = {"cut": 2, "model_version": "2", "features_hash": 99, "model_name": "another"}
    assert changed.keys() <= set(LOG.key)
    assert len({score_id({**first, name: value}) for name, value in changed.items()} | {score_id(first)}) == 5


def test_the_published_file_is_the_schema():
    published = DOCS / "reference" / "purchase_score.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == schema()
