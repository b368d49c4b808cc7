from pathlib import Path

import numpy as np
import pytest

from openpersonalize.recipes.data import TrainingData, Vocabulary
from openpersonalize.recipes.models.cooccurrence import Ease, Markov


def data(*users: list[int]) -> TrainingData:
    item = np.array([item for user in users for item in user], np.int64)
    return TrainingData(
        users=Vocabulary(tuple(f"u{user}" for user in range(len(users)))),
        items=Vocabulary(tuple("abcdef")),
        offsets=np.concatenate([[0], np.cumsum([len(user) for user in users])]).astype(np.int64),
        item=item,
        timestamp=np.arange(len(item)),
        event_type=np.zeros(len(item), np.int64),
    )


def test_pairs_count_by_distance_and_are_shrunk_by_their_items() -> None:
    markov = Markov.count(data([0, 1, 2], [0, 1]))
    assert markov.answer(np.array([0]))[1] == pytest.approx(2 / np.sqrt((20 + 2.6) * (20 + 2)))
    assert markov.answer(np.array([0]))[2] == pytest.approx(0.6 / np.sqrt((20 + 2.6) * (20 + 1.6)))


def test_users_do_not_flow_into_each_other() -> None:
    assert Markov.count(data([0], [1])).answer(np.array([0])).tolist() == [0] * 6


def test_older_events_say_less_and_only_ten_speak() -> None:
    markov = Markov.count(data([0, 1], [2, 3]))
    answer = markov.answer(np.array([0, 2]))
    assert answer[1] == pytest.approx(0.75 * answer[3])
    assert markov.answer(np.array([0] + [4] * 10))[1] == 0


def test_ease_is_its_closed_form() -> None:
    events = data([0, 1, 2], [0, 1], [3, 4], [0, 0, 2])
    seen = np.zeros((4, 6))
    seen[events.user, events.item] = 1
    inverse = np.linalg.inv(seen.T @ seen + 2.0 * np.eye(6))
    wanted = np.where(np.eye(6), 0, -inverse / np.diag(inverse)[None])
    np.testing.assert_allclose(Ease.solve(events, ridge=2.0).weights, wanted, atol=1e-6)


def test_ease_answers_by_decayed_rows() -> None:
    ease = Ease.solve(data([0, 1, 2], [0, 1]), ridge=1.0)
    wanted = 0.5 * ease.weights[0] + ease.weights[2]
    np.testing.assert_allclose(ease.answer(np.array([0, 2]), decay=0.5), wanted, atol=1e-7)


def test_no_events_are_no_counts() -> None:
    assert Markov.count(data()).answer(np.array([0])).tolist() == [0] * 6


def test_save_and_load_change_nothing(tmp_path: Path) -> None:
    events = data([0, 1, 2], [0, 1])
    markov, ease = Markov.count(events), Ease.solve(events)
    markov.save(tmp_path)
    ease.save(tmp_path)
    items = np.array([0, 1])
    assert Markov.load(tmp_path).answer(items).tolist() == markov.answer(items).tolist()
    assert Ease.load(tmp_path).answer(items).tolist() == ease.answer(items).tolist()


def test_ease_by_users_and_by_items_is_the_same() -> None:
    from scipy import sparse

    from openpersonalize.recipes.models.cooccurrence import _by_items, _by_users

    seen = sparse.csr_matrix((np.random.default_rng(1).random((7, 12)) < 0.4).astype(np.float32))
    np.testing.assert_allclose(_by_users(seen, 5.0), _by_items(seen, 5.0), atol=1e-6)
