"""Popularity: how many users each item has reached. The same answer for everybody, and the baseline of all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from openpersonalize.recipes.data import Floats, History, Ints, TrainingData, Vocabulary
from openpersonalize.recipes.models import Progress


@dataclass(frozen=True, kw_only=True)
class PopularityCount:
    """Nothing to choose: one vote per user and item."""

    def fit(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> "Popularity":
        """Count; nothing is drawn at random."""
        del rng
        counts = distinct_users(data).astype(np.float64)
        progress(1.0, f"counted {len(data.items)} items")
        return Popularity(data.items, counts)


@dataclass(frozen=True)
class Popularity:
    """Users per item, in the order of `items`."""

    items: Vocabulary
    users: Floats

    def score(self, history: History, candidates: Ints) -> Floats:
        """The number of users, whoever asks."""
        del history
        return self.users[candidates]

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """The same row for each history, `[B, C]`; a view that cannot be written to."""
        return np.broadcast_to(self.users, (len(histories), len(self.users)))

    def save(self, folder: Path) -> None:
        """The items and one array."""
        self.items.save(folder / "items.json")
        np.save(folder / "users.npy", self.users)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same counts, mapped into memory."""
        return cls(Vocabulary.load(folder / "items.json"), np.load(folder / "users.npy", mmap_mode="r"))


def distinct_users(data: TrainingData) -> Ints:
    """How many different users have interacted with each item, `[C]`."""
    pairs = np.unique(data.user * np.int64(len(data.items)) + data.item)
    return np.bincount(pairs % max(1, len(data.items)), minlength=len(data.items))
