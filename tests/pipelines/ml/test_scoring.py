"""Scoring in process: every session once, at its newest cutoff, whatever is killed, moved, corrected or promoted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gold.next_session_predictions import TABLE as NEXT_PREDICTIONS
from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from gold.shared.features import NUMBERS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import OutsideError
from pipelines.ml import scoring
from pipelines.ml.decision_tree import DecisionTree, Input, Node
from pipelines.ml.live_model import LiveModel
from pipelines.ml.model_version import Version
from pipelines.ml.scorer import SCORES, Scorer
from pipelines.ml.scoring import Scored, features_hash, score_all, score_changes
from pipelines.ml.targets import NEXT_SESSION
from tests.support.local_tables import arrow_schema, make_tables

START = datetime(2026, 1, 1, tzinfo=UTC)

TREE = DecisionTree(
    "purchase_in_session",
    (Input("cart_adds", required=True),),
    (Node((6.0, 4.0), 0, at_most=0.5, left=1, right=2), Node((5.0, 0.0)), Node((1.0, 4.0))),
)
FIRST, SECOND = (LiveModel(Version(number, "run", 0.5), TREE) for number in "12")


def example(user, cut, *, keen, over=False, hours=0.0, price=None, session="first"):
    """A row of a session whose user is a number."""
    at = START + timedelta(hours=user + hours)
    return {
        **dict.fromkeys(EXAMPLES.column_names),
        **{one.name: 1.0 for one in NUMBERS},
        "user_id": f"user{user}",
        "session_id": session,
        "cut": cut,
        "cart_adds": float(keen),
        "price_last": price,
        "referrer_kind": "direct",
        "last_kind": "page_view",
        "last_page_kind": "product",
        "is_over": over,
        "started_on": at.date(),
        "started_at": at,
        "cut_at": at + timedelta(minutes=cut),
    }


def rows_of(*examples):
    return pa.Table.from_pylist(list(examples), schema=arrow_schema(EXAMPLES))


@pytest.fixture
def lake(tmp_path):
    return make_tables(tmp_path, EXAMPLES, *SCORES)


def fill(lake, *examples):
    lake.overwrite(EXAMPLES, rows_of(*examples))


def run(lake, model=FIRST):
    return sum(score_all(lake, model), Scored())


def stored(lake, table=PREDICTIONS):
    return sorted(lake.read(table).to_pylist(), key=str)


def given_scores(lake):
    return [(row["user_id"], row["cut"], row["prediction"], row["model_version"]) for row in stored(lake)]


def test_each_session_is_scored_at_its_newest_cutoff(lake):
    fill(
        lake,
        *(example(1, cut, keen=cut == 2) for cut in (2, 1)),
        example(2, 1, keen=False),
        example(2, 1, keen=True, session="second"),
    )
    assert run(lake) == Scored(3, 2)
    assert given_scores(lake) == [("user1", 2, True, "1"), ("user2", 1, False, "1"), ("user2", 1, True, "1")]
    assert stored(lake, LOG) == stored(lake)
    assert [row["path"] for row in stored(lake)] == ["cart adds 1", "cart adds 0", "cart adds 1"]


def test_a_second_run_writes_nothing(lake):
    fill(lake, example(1, 1, keen=True), example(2, 1, keen=True, over=True))
    run(lake)
    before = lake.version(LOG), lake.version(PREDICTIONS)
    assert run(lake) == score_changes(lake, FIRST, lake.read(EXAMPLES)) == Scored()
    assert (lake.version(LOG), lake.version(PREDICTIONS)) == before


def test_a_run_killed_after_the_log_is_completed(lake, monkeypatch):
    fill(lake, example(1, 1, keen=True), example(2, 1, keen=False))
    monkeypatch.setattr(lake, "merge", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(lake)
    monkeypatch.undo()
    logged = stored(lake, LOG)
    assert stored(lake) == []
    assert run(lake) == Scored(2, 1)
    assert stored(lake, LOG) == logged == stored(lake)


def test_another_champion_scores_what_is_still_open(lake):
    fill(lake, example(1, 1, keen=True), example(2, 1, keen=True, over=True))
    run(lake)
    assert run(lake, SECOND) == Scored(1, 1)
    assert given_scores(lake) == [("user1", 1, True, "2"), ("user2", 1, True, "1")]
    assert len(stored(lake, LOG)) == 3


def test_a_correction_is_scored_until_the_session_is_over(lake):
    fill(lake, example(1, 1, keen=False), example(2, 1, keen=False))
    run(lake)
    fill(lake, example(1, 1, keen=True), example(2, 1, keen=True, over=True))
    assert run(lake) == Scored(1, 1)
    assert given_scores(lake) == [("user1", 1, True, "1"), ("user2", 1, False, "1")]


def test_hashes_of_an_older_release_score_nothing_that_is_over(lake):
    fill(lake, example(1, 1, keen=False), example(2, 1, keen=False, over=True))
    run(lake)
    old = lake.read(PREDICTIONS)
    place = old.schema.get_field_index("features_hash")
    lake.overwrite(PREDICTIONS, old.set_column(place, old.schema.field(place), pa.array([7, 7])))
    assert run(lake) == Scored(1, 0)
    assert run(lake) == Scored()


def test_a_session_whose_first_day_moved_keeps_one_row(lake):
    before = example(1, 1, keen=True)
    fill(lake, before)
    run(lake)
    after = example(1, 2, keen=True, hours=-30)
    fill(lake, after)
    assert score_changes(lake, FIRST, rows_of(before, after)) == Scored(1, 1)
    assert [row["started_on"] for row in stored(lake)] == [after["started_on"]]


def test_many_sessions_are_scored_in_parts(lake, monkeypatch):
    monkeypatch.setattr(scoring, "ROWS_AT_A_TIME", 3)
    monkeypatch.setattr(scoring, "_MOST_LISTED", 1)
    fill(lake, *(example(user % 5, cut, keen=True, session=str(user)) for user in range(20) for cut in (1, 2, 3)))
    assert run(lake) == Scored(20, 20)
    assert {row["cut"] for row in stored(lake)} == {3}
    assert run(lake) == Scored()


def test_features_are_read_of_those_alone_who_need_a_score(lake, monkeypatch):
    over, still_open = example(1, 1, keen=True, over=True), example(2, 1, keen=True, hours=48)
    fill(lake, over, still_open)
    run(lake)
    asked = []
    read = lake.read

    def noted(table, columns=None, where=None):
        rows = read(table, columns, where)
        if table is EXAMPLES and "price_last" in (columns or EXAMPLES.column_names):
            asked.append(rows.num_rows)
        return rows

    monkeypatch.setattr(lake, "read", noted)
    assert score_changes(lake, FIRST, as_a_refresh_says([], [over])) == Scored()
    assert score_changes(lake, FIRST, rows_of(over)) == Scored()
    assert asked == []
    assert score_changes(lake, SECOND, as_a_refresh_says([], [over, still_open])) == Scored(1, 1)
    assert asked == [1]


def test_a_session_that_only_lost_a_cutoff_is_scored_again(lake):
    before = [example(1, 1, keen=False), example(1, 2, keen=True)]
    fill(lake, *before)
    assert run(lake) == Scored(1, 1)
    fill(lake, before[0])
    assert score_changes(lake, FIRST, as_a_refresh_says(before, before[:1])) == Scored(1, 0)
    fill(lake)
    assert score_changes(lake, FIRST, as_a_refresh_says(before[:1], [])) == Scored()


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([1, 2, 3, 5]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([None, 1.0, 2.0]),
        st.sampled_from([0.0, -30.0]),
    ),
    min_size=1,
    max_size=6,
)


def as_a_refresh_says(before, after):
    """The rows that differ, each with whether it is as it is now."""
    gone, new = ([row for row in rows if row not in others] for rows, others in ((before, after), (after, before)))
    return rows_of(*gone, *new).append_column("_is_new", pa.array([False] * len(gone) + [True] * len(new), pa.bool_()))


@settings(max_examples=40)
@given(batches=st.lists(CHANGES, min_size=1, max_size=4), by_refresh=st.booleans())
def test_scoring_what_changed_is_scoring_everything(tmp_path_factory, batches, by_refresh):
    one, other = (make_tables(tmp_path_factory.mktemp(name), EXAMPLES, *SCORES) for name in ("one", "other"))
    sessions = {}
    for batch in batches:
        before, touched = [], set()
        for user, cut, keen, over, price, hours in batch:
            if user not in touched:
                before += sessions.get(user, [])
            touched.add(user)
            cuts = [n for n in (1, 2, 3, 5) if n <= cut]
            sessions[user] = [example(user, n, keen=keen, over=over, price=price, hours=hours) for n in cuts]
        for lake in (one, other):
            fill(lake, *(row for rows in sessions.values() for row in rows))
        run(one)
        after = [row for user in touched for row in sessions[user]]
        changes = as_a_refresh_says(before, after) if by_refresh else rows_of(*before, *after)
        score_changes(other, FIRST, changes)
        scores = [[{**row, "scored_at": None} for row in stored(lake)] for lake in (one, other)]
        assert scores[0] == scores[1]
        keys = [tuple(row[name] for name in LOG.key) for row in stored(other, LOG)]
        assert len(keys) == len({*keys}) == len(stored(one, LOG))


def test_the_hash_of_features_is_the_same_everywhere():
    rows = rows_of(example(1, 1, keen=True, price=2.5))
    assert features_hash(rows).to_pylist() == [HASH]
    chunked = pa.concat_tables([rows, rows])
    assert features_hash(chunked).to_pylist() == [HASH, HASH]
    encoded = rows.set_column(
        rows.schema.get_field_index("last_kind"), "last_kind", rows["last_kind"].dictionary_encode()
    )
    assert features_hash(encoded).to_pylist() == [HASH]


HASH = -4_535_892_030_631_013_306


def test_the_hash_tells_what_the_model_was_given():
    base = example(1, 1, keen=True)
    others = [
        {**base, "price_last": 0.0},
        {**base, "cart_adds": 2.0},
        {**base, "last_category": ""},
        {**base, "last_category": "a", "last_page_kind": "bproduct"},
        {**base, "last_category": "ab", "last_page_kind": "product"},
        {**base, "cut_at": base["cut_at"] + timedelta(microseconds=1)},
    ]
    assert len({*features_hash(rows_of(base, *others)).to_pylist()}) == 7
    same = [
        {**base, "price_last": float("nan")},
        {**base, "is_over": True, "bought_later": True, "started_at": START},
    ]
    assert len({*features_hash(rows_of(base, *same)).to_pylist()}) == 1
    zeros = [{**base, "cart_adds": 0.0}, {**base, "cart_adds": -0.0}]
    assert len({*features_hash(rows_of(*zeros)).to_pylist()}) == 1


class Champions:
    """A follower whose champions a test gives."""

    def __init__(self, *found):
        self.found, self.live, self.next = [*found], None, None

    def of(self, _):
        return Champions()

    def find(self):
        self.live = self.found.pop(0) if self.found else None
        if isinstance(self.live, Exception):
            raise self.live
        return self.live

    def follow(self):
        if self.next is None:
            return False
        self.live, self.next = self.next, None
        return True


def closed(user, cut, *, keen=True, bought_next=None, bought_later=False, **about):
    """A row of a session that is closed."""
    row = example(user, cut, keen=keen, over=True, **about)
    return row | {"bought_later": bought_later, "bought_next": bought_next}


def test_the_next_session_is_asked_of_closed_ones(lake):
    """One that is open, and one whose user's next session is known, get no score for it; each other one does."""
    fill(lake, closed(1, 1), closed(1, 2), closed(2, 1, bought_next=True), example(3, 1, keen=True),
         closed(4, 1, keen=False, bought_later=True))  # fmt: skip
    asked = replace(FIRST, target=NEXT_SESSION)
    assert run(lake) == Scored(4, 3)
    assert run(lake, asked) == Scored(2, 1)
    found = {row["user_id"]: row for row in stored(lake, NEXT_PREDICTIONS)}
    assert {user: (row["cut"], row["prediction"]) for user, row in found.items()} == {
        "user1": (2, True), "user4": (1, False),
    }  # fmt: skip
    questions = Counter((row["question"], row["model_name"]) for row in stored(lake, LOG))
    assert questions == {("in_session", "purchase_in_session"): 4, ("next_session", "purchase_next_session"): 2}
    assert {row["question"] for row in stored(lake)} == {"in_session"}
    assert run(lake, asked) == Scored()


def test_an_answer_leaves_the_score_as_it_was_given(lake):
    fill(lake, closed(1, 1), example(2, 1, keen=True))
    asked = replace(FIRST, target=NEXT_SESSION)
    run(lake, asked)
    before = stored(lake, NEXT_PREDICTIONS)
    changes = rows_of(closed(1, 1, keen=False, bought_next=True), closed(2, 1))
    lake.merge(EXAMPLES, changes)
    # The first is answered by now; the second has closed.
    assert score_changes(lake, asked, changes) == Scored(1, 1)
    assert stored(lake, NEXT_PREDICTIONS)[:1] == before
    # Another champion is asked of those alone whose answer still comes.
    assert run(lake, replace(SECOND, target=NEXT_SESSION)) == Scored(1, 1)


def test_a_job_scores_within_its_own_refresh(lake, capsys):
    champions = Champions(None, OutsideError("The store is damaged."), OutsideError("The store is damaged."), FIRST)
    scorer = Scorer(lake, champions)
    rows = rows_of(example(1, 1, keen=True), example(2, 1, keen=False))
    lake.append(EXAMPLES, rows)
    assert [scorer.score_changes(rows.slice(0, 0)) for _ in range(4)] == [Scored()] * 3 + [Scored(2, 1)]
    assert capsys.readouterr().err.count("The store is damaged.") == 1
    lake.append(EXAMPLES, rows_of(example(1, 2, keen=True)))
    assert scorer.score_changes(None) == Scored()
    assert scorer.score_changes(rows_of(example(1, 2, keen=True))) == Scored(1, 1)
    champions.next = SECOND
    assert scorer.score_changes(None) == Scored(2, 1)
    assert scorer.scored == Scored(5, 3)
