from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from openpersonalize.recipes.data import Floats, History, Vocabulary
from openpersonalize.training import evaluate as module
from openpersonalize.training.evaluate import evaluate
from openpersonalize.training.split import split
from tests.training.data import checkerboard


@dataclass(frozen=True)
class Knowing:
    """Has the answers to every question."""

    items: Vocabulary
    answers: dict[tuple[int, ...], set[int]]

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """One for an answer, zero for anything else."""
        scores = np.zeros((len(histories), len(self.items)))
        for row, history in enumerate(histories):
            scores[row, list(self.answers[tuple(history.items.tolist())])] = 1.0
        return scores


def knowing(recipe_type: str) -> dict[str, float]:
    data = checkerboard(items=60, length=20)
    found = split(data, seed=1)
    held = [set(part.tolist()) for part in np.split(found.held_out.items, found.held_out.offsets[1:-1])]
    last = -1 if recipe_type == "RELATED_ITEMS" else 0
    questions = [tuple(history.items[last:].tolist()) for history in found.histories]
    return evaluate(Knowing(data.items, dict(zip(questions, held, strict=True))), found, recipe_type, lambda _: None)


@pytest.mark.parametrize("recipe_type", ["USER_PERSONALIZATION", "PERSONALIZED_RANKING", "RELATED_ITEMS"])
def test_who_knows_the_answers_is_perfect(recipe_type: str) -> None:
    metrics = knowing(recipe_type)
    assert metrics["mean_reciprocal_rank_at_25"] == 1.0
    assert metrics["normalized_discounted_cumulative_gain_at_5"] == 1.0
    assert metrics["precision_at_5"] == 0.4
    assert list(metrics) == sorted(metrics)
    assert len(metrics) == 8


def test_small_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = knowing("USER_PERSONALIZATION")
    monkeypatch.setattr(module, "MOST_AT_ONCE", 1)
    assert knowing("USER_PERSONALIZATION") == whole


def test_event_weights_add_three_metrics() -> None:
    data = checkerboard(items=60, length=20)
    found = split(replace(data, weight=np.ones(len(data.item))), seed=1)
    held = [set(part.tolist()) for part in np.split(found.held_out.items, found.held_out.offsets[1:-1])]
    questions = [tuple(history.items.tolist()) for history in found.histories]
    model = Knowing(data.items, dict(zip(questions, held, strict=True)))
    metrics = evaluate(model, found, "USER_PERSONALIZATION", lambda _: None)
    assert metrics["normalized_discounted_cumulative_gain_with_event_weights_at_10"] == 1.0
    assert len(metrics) == 11


def test_nobody_to_ask_gives_zeros() -> None:
    data = checkerboard(users=3).head(np.array([1, 1, 1]))
    metrics = evaluate(Knowing(data.items, {}), split(data, 1), "USER_PERSONALIZATION", lambda _: None)
    assert set(metrics.values()) == {0.0}
