"""Segments: the users who most likely want an item, or one of a group of items, next.

A query's score of a user is `log p(i | user) + w log(1 + rate)`: the share that the model gives the item among all
items, and how active the user has been lately. Without the second term light users with peaked tastes would win.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from openpersonalize.recipes.data import Floats, History, Ints, Vocabulary

WEIGHTS = (0.0, 0.5, 1.0)
"""What the activity may weigh; the training chooses."""

LATEST_SHARE = 0.25
"""Of the time that the data cover, its end: the part in which activity is counted."""

_SECONDS_PER_DAY = 86400.0
_SCORES_AT_ONCE = 16_000_000
_MOST_AT_ONCE = 256


class Model(Protocol):
    """What of a trained model is needed."""

    @property
    def items(self) -> Vocabulary:
        """The items it knows."""
        ...

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """The scores of all items for many histories, `[B, C]`."""
        ...


def log_shares(
    model: Model, histories: Sequence[History], groups: Sequence[Ints], progress: Callable[[float], None]
) -> Floats:
    """The log of the share of all items that each user gives to each group of items, `[users, groups]`."""
    found = np.empty((len(histories), len(groups)), np.float32)
    # Histories of similar length make batches that a sequence model need not pad much.
    order = np.argsort([len(history) for history in histories], kind="stable")
    step = max(1, min(_MOST_AT_ONCE, _SCORES_AT_ONCE // max(1, len(model.items))))
    for start in range(0, len(order), step):
        batch = order[start : start + step]
        scores = model.scores_many([histories[user] for user in batch]).astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        total = shares.sum(axis=1)
        with np.errstate(divide="ignore"):  # a share below what a float can hold: last of all
            for place, group in enumerate(groups):
                found[batch, place] = np.log(shares[:, group].sum(axis=1) / total)
        progress(min(1.0, (start + step) / len(order)))
    return found


def rates(histories: Sequence[History]) -> Floats:
    """The events per day of each user in the latest part of the time that all of them cover."""
    times = [history.timestamps for history in histories if len(history)]
    if not times:
        return np.zeros(len(histories))
    first, last = min(own.min() for own in times), max(own.max() for own in times)
    since = last - LATEST_SHARE * (last - first)
    days = max(1.0, (last - since) / _SECONDS_PER_DAY)
    counts: Floats = np.array([float((history.timestamps >= since).sum()) for history in histories])
    per_day: Floats = counts / days
    return per_day


def scored(log_share: Floats, rate: Floats, weight: float) -> Floats:
    """The scores of all users for one query."""
    total: Floats = log_share + weight * np.log1p(rate)
    return total
