from pathlib import Path

import numpy as np
import pytest

from openpersonalize.recipes.data import Floats, History, TrainingData, Vocabulary
from openpersonalize.recipes.models import quiet
from openpersonalize.recipes.models.occasions import DAY_SECONDS, earlier_pairs, occasions_of
from openpersonalize.recipes.models.propensity import NextBestAction, Propensity
from openpersonalize.recipes.ranking import best
from openpersonalize.training.actions import area_under_curve

TYPES = ("NOT_TAKEN", "TAKEN", "VIEWED")
ACTIONS, EACH = 8, 12


def offers(users: int = 600, *, personal: bool = True, seed: int = 1) -> TrainingData:
    """Offers at random, two days apart; actions differ in how often they are taken, even users like even ones."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), EACH)
    action = rng.integers(0, ACTIONS, len(user))
    odds = np.linspace(-1.5, 0.5, ACTIONS)[action]
    if personal:
        odds = odds + np.where(action % 2 == user % 2, 1.5, -1.5)
    taken = rng.random(len(user)) < 1 / (1 + np.exp(-odds))
    return TrainingData(
        users=Vocabulary(tuple(f"u{number:04}" for number in range(users))),
        items=Vocabulary(tuple(f"a{number}" for number in range(ACTIONS))),
        offsets=np.arange(users + 1) * EACH,
        item=action,
        timestamp=1_700_000_000 + np.tile(np.arange(EACH), users) * 2 * DAY_SECONDS,
        event_type=np.where(taken, 1, 2 * rng.integers(0, 2, len(user))),
        event_types=TYPES,
    )


def fitted(data: TrainingData) -> Propensity:
    return NextBestAction(action_optimization_period=7).fit(data, np.random.default_rng(1), quiet)


def log_loss(chance: Floats, taken: np.ndarray) -> float:
    return -float(np.where(taken, np.log(chance), np.log1p(-chance)).mean())


def test_viewed_viewed_taken_is_one_occasion_and_later_or_other_ones_are_more() -> None:
    days = np.array([0, 1, 2, 30, 0, 1])
    found = occasions_of(
        np.array([0, 0, 0, 0, 1, 1]),
        np.array([3, 3, 3, 3, 3, 4]),
        days * DAY_SECONDS,
        np.array([False, False, True, False, False, False]),
        14 * DAY_SECONDS,
    )
    assert found.user.tolist() == [0, 0, 1, 1]
    assert found.action.tolist() == [3, 3, 3, 4]
    assert found.taken.tolist() == [True, False, False, False]
    pairs = [(before.tolist(), after.tolist()) for before, after in earlier_pairs(found)]
    assert pairs == [([0, 2], [1, 3])]


def test_chances_are_true_and_better_than_an_actions_own_rate() -> None:
    model, unseen = fitted(offers()), offers(200, seed=2)
    found = model.occasions(unseen.user, History(unseen.item, unseen.event_type, unseen.timestamp))
    chance, rate = model.foretold(found), 1 / (1 + np.exp(-model.odds[found.action]))
    assert log_loss(chance, found.taken) < 0.93 * log_loss(rate, found.taken)
    assert area_under_curve(chance, found.taken) > area_under_curve(rate, found.taken) + 0.05
    for low in (0.0, 0.25, 0.5, 0.75):
        own = (chance >= low) & (chance < low + 0.25)
        assert chance[own].mean() == pytest.approx(found.taken[own].mean(), abs=0.08)


def test_where_nothing_is_personal_nothing_is_made_of_it() -> None:
    model, unseen = fitted(offers(personal=False)), offers(200, personal=False, seed=2)
    found = model.occasions(unseen.user, History(unseen.item, unseen.event_type, unseen.timestamp))
    rate = 1 / (1 + np.exp(-model.odds[found.action]))
    assert log_loss(model.foretold(found), found.taken) < 1.01 * log_loss(rate, found.taken)


def test_what_a_user_took_brings_actions_that_such_users_take() -> None:
    model = fitted(offers())
    everything = np.arange(ACTIONS)
    took = History(np.array([0, 2, 4]), np.array([1, 1, 1]), np.arange(3))
    left = History(np.array([0, 2, 4]), np.array([0, 2, 0]), np.arange(3))
    even = model.score(took, everything) - model.score(History.empty(), everything)
    odd = model.score(left, everything) - model.score(History.empty(), everything)
    assert even[6] > 0 > even[[1, 3, 5, 7]].max()
    assert odd[6] < 0 < odd[[1, 3, 5, 7]].min()
    assert best(model.score(took, everything), 4).tolist() == [6, 4, 2, 0]


def test_one_request_is_answered_as_the_same_occasion_was_foretold() -> None:
    data = offers(40)
    model = fitted(offers())
    history = data.history(3)
    found = model.occasions(np.zeros(EACH, np.int64), history)
    before = History(found.action[:-1], np.where(found.taken[:-1], 1, 0), np.arange(len(found) - 1) * 10 * DAY_SECONDS)
    asked = model.score(before, found.action[-1:])
    assert asked[0] == pytest.approx(model.foretold(found)[-1])


def test_an_action_known_too_little_has_no_propensity() -> None:
    data = offers(110)
    model = fitted(data)
    recent = data.timestamp > data.timestamp.max() - 42 * DAY_SECONDS
    for action in range(ACTIONS):
        own = recent & (data.item == action)
        enough = min((data.event_type[own] == 1).sum(), (data.event_type[own] != 1).sum()) >= 50
        assert bool(model.score(History.empty(), np.array([action]))[0] > 0) == enough
    assert 0 < model.rated.sum() < ACTIONS


def test_without_any_event_everything_is_zero(tmp_path: Path) -> None:
    nothing = np.zeros(0, np.int64)
    empty = TrainingData(
        users=Vocabulary(()), items=Vocabulary(("a", "b")), offsets=np.zeros(1, np.int64), item=nothing,
        timestamp=nothing, event_type=nothing, event_types=(),
    )  # fmt: skip
    model = fitted(empty)
    model.save(tmp_path)
    assert Propensity.load(tmp_path).scores_many([History.empty()]).tolist() == [[0.0, 0.0]]


def test_saving_and_loading_change_nothing_nor_does_another_training(tmp_path: Path) -> None:
    data = offers()
    model, again = fitted(data), fitted(data)
    model.save(tmp_path)
    asked = [data.history(user) for user in range(5)]
    np.testing.assert_array_equal(Propensity.load(tmp_path).scores_many(asked), model.scores_many(asked))
    np.testing.assert_array_equal(again.scores_many(asked), model.scores_many(asked))
