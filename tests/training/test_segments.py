"""Segments on data where the right users are known: even users come to even items."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from openpersonalize.recipes import segments as ranking
from openpersonalize.recipes.data import Categories, Floats, History, TrainingData, Vocabulary
from openpersonalize.training import segments
from tests.training.data import checkerboard


class Parity:
    """A model that likes what has the parity of the last item."""

    def __init__(self, data: TrainingData) -> None:
        self.items = data.items

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """Four for the right ones."""
        everything = np.arange(len(self.items))
        return np.array([4.0 * (everything % 2 == history.items[-1] % 2) for history in histories])


def nothing(_share: float) -> None:
    """Nobody listens."""


def with_colours(data: TrainingData) -> TrainingData:
    """Each item has the category of its parity, and one that all share."""
    count = len(data.items)
    indices = np.stack([np.arange(count) % 2, np.full(count, 2)], axis=1).ravel()
    colours = Categories("COLOUR", Vocabulary(("even", "odd", "any")), np.arange(count + 1) * 2, indices)
    return replace(data, item_columns=(colours,))


def test_the_oldest_events_are_learned_and_the_newest_asked_about() -> None:
    data = checkerboard(users=10, items=20, length=10)
    assert segments.learned(data).lengths.tolist() == [8] * 10
    asked = segments.queries(data, of_attributes=False)
    assert sum(len(query.users) for query in asked) == 20
    for query in asked:
        assert len({int(user) % 2 for user in query.users} | {int(query.items[0]) % 2}) == 1


def test_a_category_asks_for_all_users_of_its_items() -> None:
    data = with_colours(checkerboard(users=10, items=20, length=10))
    asked = segments.queries(data, of_attributes=True)
    assert [len(query.users) for query in asked] == [10, 5, 5]
    assert [len(query.items) for query in asked] == [20, 10, 10]


def test_the_right_users_make_hits() -> None:
    data = checkerboard(users=200, items=20, length=10)
    asked = segments.queries(data, of_attributes=False)
    metrics, weight = segments.measured(Parity(data), data, asked, nothing)
    assert weight in ranking.WEIGHTS
    assert set(metrics) == {"coverage", "hits_at_1_percent", "recall_at_1_percent"}
    assert 0.0 < metrics["hits_at_1_percent"] <= 2.0
    opposite, _ = segments.measured(
        Parity(data), data, [segments.Query(query.items ^ 1, query.users) for query in asked], nothing
    )
    assert opposite["hits_at_1_percent"] == 0.0


def test_shares_of_groups_are_those_of_their_items_together() -> None:
    data = checkerboard(users=6, items=20, length=10)
    histories = [data.history(user) for user in range(6)]
    everything = np.arange(20)
    shares = ranking.log_shares(Parity(data), histories, [everything, everything[::2], everything[1::2]], nothing)
    np.testing.assert_allclose(shares[:, 0], 0.0, atol=1e-6)
    np.testing.assert_allclose(np.exp(shares[:, 1]) + np.exp(shares[:, 2]), 1.0, rtol=1e-5)
    assert (np.argmax(shares[:, 1:], axis=1) == np.arange(6) % 2).all()


def test_activity_is_counted_at_the_end_of_the_time_that_the_data_cover() -> None:
    day = 86400
    early, late = History.of([1, 2]), History.of([1, 2])
    late = replace(late, timestamps=np.array([100 * day, 101 * day]))
    early = replace(early, timestamps=np.array([1 * day, 101 * day]))
    np.testing.assert_allclose(ranking.rates([early, late, History.empty()]), [1 / 25, 2 / 25, 0.0])
    assert ranking.rates([History.empty()]).tolist() == [0.0]
