"""What must hold for every recipe that can be trained, whatever it learns."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from openpersonalize.recipes import catalog
from openpersonalize.recipes.catalog import BY_NAME, RECIPES
from openpersonalize.recipes.data import History, TrainingData, Vocabulary
from openpersonalize.recipes.models import Fitted, quiet
from openpersonalize.recipes.ranking import best

TRAINABLE = [recipe.name for recipe in RECIPES if recipe.model and recipe.type != "PERSONALIZED_ACTIONS"]
"""Recipes of items; that of actions learns from other events and has tests of its own."""

FIRST_OF_A_MODEL = list({BY_NAME[name].model: name for name in reversed(TRAINABLE)}.values())
PERSONAL = [name for name in TRAINABLE if BY_NAME[name].type in ("USER_PERSONALIZATION", "PERSONALIZED_RANKING")]
PERSONAL.remove("aws-popularity-count")
USERS, ITEMS, LENGTH = 80, 24, 8


def board() -> TrainingData:
    """Even users like even items, odd users odd ones, in an order of their own."""
    rng = np.random.default_rng(7)
    item = np.concatenate([2 * rng.permutation(ITEMS // 2)[:LENGTH] + user % 2 for user in range(USERS)])
    return TrainingData(
        users=Vocabulary(tuple(f"user{user:02}" for user in range(USERS))),
        items=Vocabulary(tuple(f"item{number:02}" for number in range(ITEMS))),
        offsets=np.arange(USERS + 1) * LENGTH,
        item=item,
        timestamp=np.tile(np.arange(LENGTH), USERS),
        event_type=np.zeros(USERS * LENGTH, np.int64),
    )


def train(name: str) -> Fitted:
    hyper = catalog.model(BY_NAME[name], {}, threads=1, budget_seconds=60.0)
    return hyper.fit(board(), np.random.default_rng(3), quiet)


# The recipes that share a model share the training too: it takes most of the time of this file.
@cache
def trained_by(model: str) -> Fitted:
    return train(next(name for name in TRAINABLE if BY_NAME[name].model == model))


def trained(name: str) -> Fitted:
    return trained_by(BY_NAME[name].model or "")


def histories() -> list[History]:
    data = board()
    return [*(data.history(user) for user in range(6)), History.empty()]


@pytest.mark.parametrize("name", FIRST_OF_A_MODEL)
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    again = train(name)
    np.testing.assert_array_equal(again.scores_many(histories()), trained(name).scores_many(histories()))


@pytest.mark.parametrize("name", TRAINABLE)
def test_saving_and_loading_change_nothing(name: str, tmp_path: Path) -> None:
    model = trained(name)
    model.save(tmp_path)
    loaded = catalog.fitted(BY_NAME[name]).load(tmp_path)
    assert loaded.items == model.items
    np.testing.assert_array_equal(loaded.scores_many(histories()), model.scores_many(histories()))


@pytest.mark.parametrize("name", TRAINABLE)
def test_one_history_is_scored_as_among_many(name: str) -> None:
    model = trained(name)
    everything = np.arange(ITEMS)
    for history, row in zip(histories(), model.scores_many(histories()), strict=True):
        np.testing.assert_allclose(model.score(history, everything), row, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(model.score(history, everything[::-3]), row[::-3], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TRAINABLE)
def test_somebody_never_seen_gets_the_popular_items(name: str) -> None:
    popular = trained("aws-popularity-count").score(History.empty(), np.arange(ITEMS))
    scores = trained(name).score(History.empty(), np.arange(ITEMS))
    assert np.isfinite(scores).all()
    assert best(scores, 5).tolist() == best(popular, 5).tolist()


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_recipes_see_the_checkerboard(name: str) -> None:
    data = board()
    scores = trained(name).scores_many([data.history(user) for user in range(USERS)])
    firsts = np.array([best(row, 3) for row in scores])
    assert (firsts % 2 == (np.arange(USERS) % 2)[:, None]).mean() > 0.95
