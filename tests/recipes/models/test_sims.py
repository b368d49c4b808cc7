from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.recipes.data import History, TrainingData, Vocabulary
from openpersonalize.recipes.models import quiet, sims
from openpersonalize.recipes.models.sims import Neighbours, Sims
from openpersonalize.recipes.ranking import best

EVERYTHING = {
    "min_user_history_length_percentile": 0.0,
    "max_user_history_length_percentile": 1.0,
    "min_item_interaction_count_percentile": 0.0,
    "max_item_interaction_count_percentile": 1.0,
}
HISTORIES = st.lists(st.lists(st.integers(0, 7), max_size=6), min_size=1, max_size=12)


def events(users: list[list[int]], items: int) -> TrainingData:
    flat = np.array([item for own in users for item in own], np.int64)
    return TrainingData(
        users=Vocabulary(tuple(f"u{user}" for user in range(len(users)))),
        items=Vocabulary(tuple(f"i{item}" for item in range(items))),
        offsets=np.concatenate([[0], np.cumsum([len(own) for own in users])]).astype(np.int64),
        item=flat,
        timestamp=np.arange(len(flat)),
        event_type=np.zeros(len(flat), np.int64),
    )


def fit(users: list[list[int]], items: int, *, at_least: int = 1, discount: float = 0.5) -> Neighbours:
    model = Sims(min_cointeraction_count=at_least, popularity_discount_factor=discount, **EVERYTHING)
    return model.fit(events(users, items), np.random.default_rng(1), quiet)


def near(model: Neighbours, seed: int) -> list[int]:
    found: list[int] = model.found[model.offsets[seed] : model.offsets[seed + 1]].tolist()
    return found


def ranked(model: Neighbours, history: History) -> list[int]:
    items: list[int] = best(model.scores_many([history])[0], len(model.items)).tolist()
    return items


@given(HISTORIES, st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]))
def test_neighbours_are_those_of_the_definition(users: list[list[int]], at_least: int, discount: float) -> None:
    model = fit(users, 8, at_least=at_least, discount=discount)
    baskets = [set(own) for own in users]
    count = [sum(item in own for own in baskets) for item in range(8)]
    for seed in range(8):
        together = {item: sum({seed, item} <= own for own in baskets) for item in range(8) if item != seed}
        allowed = [item for item, users_of_both in together.items() if users_of_both >= max(1, at_least)]
        allowed.sort(key=lambda item: (-together[item] / count[item] ** discount, -count[item], item))
        assert near(model, seed) == allowed


def test_a_discount_moves_the_popular_item_back() -> None:
    users = [[0, 1, 2], [0, 1, 2], [0, 1], *([1] for _ in range(20))]
    assert near(fit(users, 3, discount=0.0), 0) == [1, 2]
    assert near(fit(users, 3, discount=1.0), 0) == [2, 1]


def test_neighbours_come_first_then_popular_items_and_the_seed_last() -> None:
    users = [[0, 1], [0, 1], *([2] for _ in range(9)), [3]]
    assert ranked(fit(users, 4), History.of([0])) == [1, 2, 3, 0]


@pytest.mark.parametrize("history", [History.empty(), History.of([3])])
def test_without_a_known_seed_the_popular_items_answer(history: History) -> None:
    users = [[0, 1], [0, 1], [1]]
    assert ranked(fit(users, 4), history)[:2] == [1, 0]


def test_the_last_item_of_a_history_is_the_seed() -> None:
    model = fit([[0, 1], [2, 3]], 4)
    assert ranked(model, History.of([0, 2]))[0] == 3
    assert model.score(History.of([0, 2]), np.array([2, 3])).tolist() == [-1.0, 1.0]


def test_only_the_latest_events_of_a_user_pair_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sims, "LATEST_EVENTS", 2)
    assert near(fit([[0, 1, 2]], 3), 1) == [2]
    assert near(fit([[0, 1, 2]], 3), 0) == []


def test_no_item_keeps_more_neighbours_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sims, "MOST_NEIGHBOURS", 2)
    model = fit([[0, 1, 2, 3], [0, 2]], 4)
    assert near(model, 0) == [2, 1]


@given(HISTORIES)
def test_counting_in_small_steps_changes_nothing(users: list[list[int]]) -> None:
    whole = fit(users, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sims, "PAIRS_AT_ONCE", 3)
        pieces = fit(users, 8)
    assert pieces.found.tolist() == whole.found.tolist()
    assert pieces.offsets.tolist() == whole.offsets.tolist()


def test_a_crowded_item_keeps_its_newest_interactions() -> None:
    users = [[9, 0], [9, 1], [9, 2], [9, 3]]
    model = Sims(min_cointeraction_count=1, **(EVERYTHING | {"max_item_interaction_count_percentile": 0.75}))
    found = model.fit(events(users, 10), np.random.default_rng(1), quiet)
    assert near(found, 9) == [3]


def test_users_with_unusual_histories_teach_nothing() -> None:
    users = [[a, b] for a, b in combinations(range(4), 2)] + [[0, 1, 2, 3, 4]]
    model = Sims(min_cointeraction_count=1, **(EVERYTHING | {"max_user_history_length_percentile": 0.9}))
    assert near(model.fit(events(users, 5), np.random.default_rng(1), quiet), 4) == []
