"""A trained model against what the test users really did next."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from openpersonalize.recipes.data import Floats, History, Vocabulary
from openpersonalize.recipes.metrics import LONGEST, item_metrics, weighted_metrics
from openpersonalize.recipes.ranking import rankings
from openpersonalize.training.split import Split

SCORES_AT_ONCE = 16_000_000
MOST_AT_ONCE = 256


class Model(Protocol):
    """What of a trained model is needed to measure it."""

    @property
    def items(self) -> Vocabulary:
        """The items it knows."""
        ...

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """The scores of all items for many histories, `[B, C]`."""
        ...


def evaluate(model: Model, asked: Split, recipe_type: str, progress: Callable[[float], None]) -> dict[str, float]:
    """The eight metrics of an item recipe, and the weighted ones where events have weights.

    Every item of the model's vocabulary is ranked, seen ones too: leaving them out is a filter's work. A related-items
    model is asked with the last item of the input alone.
    """
    histories = [_question(history, recipe_type) for history in asked.histories]
    ranked = np.full((len(histories), LONGEST), -1, np.int64)
    # Histories of similar length make batches that a sequence model need not pad much.
    order = np.argsort([len(history) for history in histories], kind="stable")
    step = max(1, min(MOST_AT_ONCE, SCORES_AT_ONCE // max(1, len(model.items))))
    for start in range(0, len(order), step):
        batch = order[start : start + step]
        ranked[batch] = rankings(model.scores_many([histories[user] for user in batch]), LONGEST)
        progress(min(1.0, (start + step) / len(order)))
    found = item_metrics(ranked, asked.held_out, len(model.items))
    if asked.train.weight is not None:
        found |= weighted_metrics(ranked, asked.held_out)
    return dict(sorted(found.items()))


def _question(history: History, recipe_type: str) -> History:
    if recipe_type != "RELATED_ITEMS":
        return history
    return History(history.items[-1:], history.event_types[-1:], history.timestamps[-1:])
