from dataclasses import replace

import numpy as np
import pytest

from openpersonalize.recipes.data import TrainingData, Vocabulary
from openpersonalize.training import split as module
from openpersonalize.training.split import Split, split
from tests.training.data import checkerboard


def lengths(data: TrainingData, sizes: list[int]) -> TrainingData:
    return data.head(np.array(sizes + [12] * (len(data.users) - len(sizes))))


def asked(found: Split, data: TrainingData) -> set[str]:
    return set(data.users.ids) - set(found.train.users.ids)


def test_ninety_percent_of_the_users_train_and_the_others_are_asked() -> None:
    data = checkerboard(items=24)
    found = split(data, seed=1)
    assert len(found.train.users) == 36
    assert len(found.histories) == 4
    assert len(found.train.item) == 36 * 12


def test_the_newest_tenth_is_held_out() -> None:
    data = checkerboard(items=80, length=40)
    found = split(data, seed=1)
    assert {len(history) for history in found.histories} == {36}
    assert found.held_out.lengths.tolist() == [4] * 4
    user = data.users.numbers[min(asked(found, data))]
    assert found.histories[0].items.tolist() == data.history(user).items[:36].tolist()
    assert set(found.held_out.items[:4]) == set(data.history(user).items[36:])


def test_at_least_one_event_is_held_out() -> None:
    found = split(checkerboard(items=24, length=2), seed=1)
    assert {len(history) for history in found.histories} == {1}
    assert set(found.held_out.lengths) == {1}


def test_the_same_seed_asks_the_same_users_and_another_seed_others() -> None:
    data = checkerboard(users=200)
    assert asked(split(data, 1), data) == asked(split(data, 1), data)
    assert asked(split(data, 1), data) != asked(split(data, 2), data)


def test_users_with_one_event_are_never_asked() -> None:
    data = lengths(checkerboard(items=24), [1] * 30)
    found = split(data, seed=3)
    assert len(found.histories) == 1
    assert set(data.users.ids[:30]) <= set(found.train.users.ids)


def test_an_item_chosen_twice_is_held_out_once_with_its_highest_weight() -> None:
    data = TrainingData(
        users=Vocabulary(("ann",)),
        items=Vocabulary(("a", "b")),
        offsets=np.array([0, 20]),
        item=np.array([0] * 18 + [1, 1]),
        timestamp=np.arange(20),
        event_type=np.zeros(20, np.int64),
        weight=np.array([1.0] * 18 + [0.5, 2.0]),
    )
    found = split(data, seed=1)
    assert found.held_out.items.tolist() == [1]
    assert found.held_out.gains.tolist() == [2.0]


def test_nobody_to_ask_leaves_everybody_in_training() -> None:
    data = lengths(checkerboard(users=3, items=24), [1, 1, 1])
    found = split(data, seed=1)
    assert len(found.train.users) == 3
    assert found.histories == ()


def test_not_more_are_asked_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ASKED", 3)
    found = split(replace(checkerboard(users=200)), seed=1)
    assert len(found.histories) == 3
    assert len(found.train.users) == 180
