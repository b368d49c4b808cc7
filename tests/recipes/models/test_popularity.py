from pathlib import Path

import numpy as np

from openpersonalize.recipes.data import History, TrainingData, Vocabulary
from openpersonalize.recipes.models import quiet
from openpersonalize.recipes.models.popularity import Popularity, PopularityCount
from openpersonalize.recipes.ranking import best


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


def fit(users: list[list[int]], items: int) -> Popularity:
    return PopularityCount().fit(events(users, items), np.random.default_rng(1), quiet)


def test_a_user_has_one_vote_per_item() -> None:
    model = fit([[0, 0, 0, 1], [1], [2, 1]], items=4)
    assert model.users.tolist() == [1, 3, 1, 0]
    assert best(model.users, 4).tolist() == [1, 0, 2, 3]


def test_everybody_gets_the_same_list() -> None:
    model = fit([[0, 1], [1]], items=2)
    scores = model.scores_many([History.empty(), History.of([0])])
    assert scores.tolist() == [[1, 2], [1, 2]]
    assert model.score(History.of([1]), np.array([1])).tolist() == [2]


def test_nothing_changes_on_the_way_through_a_folder(tmp_path: Path) -> None:
    model = fit([[0, 1], [1]], items=3)
    model.save(tmp_path)
    loaded = Popularity.load(tmp_path)
    assert loaded.items == model.items
    assert loaded.users.tolist() == model.users.tolist()


def test_no_events_make_a_list_of_zeros() -> None:
    assert fit([], items=2).users.tolist() == [0, 0]
