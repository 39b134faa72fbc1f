import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.simulator.behaviour import KINDS, SEEN, SLOTS, STATES, Behaviour, apportion, state_of
from producers.simulator.parameters import HISTORIES, STYLES, Act, CategoryKind, Device, Mood, Patience, Place

STATE = st.integers(0, STATES - 1)


@pytest.fixture(scope="module")
def behaviour() -> Behaviour:
    return Behaviour(0.15)


@given(state=STATE)
def test_the_chance_to_buy_is_that_of_what_may_come_next(behaviour: Behaviour, state: int) -> None:
    bought = {Act.BUY: 1.0, Act.LEAVE: 0.0}
    moves = list(behaviour.shares(state))
    assert sum(slots for _, slots in moves) == SLOTS
    chance = sum(bought.get(act, behaviour.will_buy[after]) * slots / SLOTS for (act, after, _), slots in moves)
    assert 0 <= behaviour.will_buy[state] <= 1
    assert behaviour.will_buy[state] == pytest.approx(chance, abs=1e-9)


@given(state=STATE)
def test_device_and_patience_never_change_and_time_always_passes(behaviour: Behaviour, state: int) -> None:
    each = len(Mood) * SEEN
    assert {after // each for (act, after, _), _ in behaviour.shares(state) if act != Act.LEAVE} <= {state // each}
    assert min(pauses[0] for (*_, pauses), _ in behaviour.shares(state)) > 0


@pytest.mark.parametrize("mood", [Mood.CURIOUS, Mood.COMPARING, Mood.KEEN])
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_visitors_weigh_price_and_category(behaviour: Behaviour, kind: int, mood: Mood) -> None:
    def chance(place: Place, category_kind: CategoryKind = CategoryKind.QUICK) -> float:
        return behaviour.will_buy[state_of(kind, mood, place, 0, category_kind)]

    assert chance(Place.EXPENSIVE) < chance(Place.FAIR) < chance(Place.BARGAIN)
    assert chance(Place.FAIR, CategoryKind.CONSIDERED) < chance(Place.FAIR)


def test_the_hasty_leave_sooner_and_wait_less(behaviour: Behaviour) -> None:
    def moves(patience: Patience) -> tuple[int, int]:
        state = state_of(KINDS.index((Device.PHONE, patience)), Mood.CURIOUS, Place.FAIR, 0, CategoryKind.QUICK)
        moves = {act: (slots, pauses[SLOTS // 2]) for (act, _, pauses), slots in behaviour.shares(state)}
        return moves[Act.LEAVE]

    (hasty_leaves, hasty_pause), (patient_leaves, patient_pause) = map(moves, Patience)
    assert hasty_leaves > 1.2 * patient_leaves
    assert hasty_pause < patient_pause


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("style", STYLES)
def test_everyone_comes_in_some_mood(behaviour: Behaviour, style: str, history: str) -> None:
    assert len(behaviour.moods(style, history)) == SLOTS


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(lambda chances: sum(chances) > 1e-3))
def test_no_slot_is_lost_and_none_is_far_from_its_share(chances: list[float]) -> None:
    slots = apportion(chances)
    assert sum(slots) == SLOTS
    assert all(abs(slot - chance / sum(chances) * SLOTS) < 1 for slot, chance in zip(slots, chances, strict=True))
