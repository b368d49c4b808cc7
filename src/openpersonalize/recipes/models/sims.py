"""SIMS: items that the same users have interacted with, popular ones discounted.

The similarity of `j` to `i` is `co(i, j) / count(j) ** factor`: `co` users have both, `count` users have `j`, the
factor is how much popularity is discounted. Linden, Smith, York: Amazon.com Recommendations, 2003.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from openpersonalize.recipes.data import Floats, History, Ints, TrainingData, Vocabulary
from openpersonalize.recipes.models import Progress
from openpersonalize.recipes.models.popularity import distinct_users

LATEST_EVENTS = 200
"""A user's older events are not counted: pairs grow with the square of a history."""

MOST_NEIGHBOURS = 500
PAIRS_AT_ONCE = 20_000_000
"""Pairs that one step of the counting may meet; 12 bytes each at worst."""


@dataclass(frozen=True, kw_only=True)
class Sims:
    """The documented hyperparameters of aws-sims, by their names.

    The percentiles leave out, in training only, users with unusually short or long histories and items with unusually
    few interactions. Items with unusually many are not left out, as Amazon's guide has it, but keep as many of their
    newest interactions as the percentile allows: without the most popular tenth of MovieLens-100K NDCG@10 is .055,
    this way .099, with everything .099 at less coverage.
    """

    popularity_discount_factor: float = 0.5
    min_cointeraction_count: int = 3
    min_user_history_length_percentile: float = 0.005
    max_user_history_length_percentile: float = 0.995
    min_item_interaction_count_percentile: float = 0.01
    max_item_interaction_count_percentile: float = 0.9

    def fit(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> "Neighbours":
        """Count pairs in chunks of items, so that memory stays bounded; nothing is drawn at random."""
        del rng
        seen = self._matrix(data)
        by_item = seen.T.tocsr()
        size = len(data.items)
        counts = np.diff(by_item.indptr)
        rows: list[tuple[Ints, Ints]] = []
        for start, end in _chunks(by_item, np.diff(seen.indptr)):
            rows.append(self._neighbours(by_item[start:end] @ seen, start, counts))
            progress(end / size, f"counted pairs of {end} of {size} items")
        lengths = np.concatenate([length for length, _ in rows]) if rows else np.zeros(0, np.int64)
        return Neighbours(
            data.items,
            distinct_users(data).astype(np.float64),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([found for _, found in rows]) if rows else np.zeros(0, np.int32),
        )

    def _matrix(self, data: TrainingData) -> sparse.csr_matrix[np.int32]:
        """Users by items, 1 where the user's latest events hold the item."""
        low, high = self.min_user_history_length_percentile, self.max_user_history_length_percentile
        least, most = _quantiles(data.lengths, low, high)
        users = (data.lengths >= least) & (data.lengths <= most)
        low, high = self.min_item_interaction_count_percentile, self.max_item_interaction_count_percentile
        least, most = _quantiles(data.counts, low, high)
        place = np.arange(len(data.item)) - data.offsets[:-1][data.user]
        latest = place >= data.lengths[data.user] - LATEST_EVENTS
        kept = latest & users[data.user] & (data.counts >= least)[data.item] & _newest_of_items(data, int(most))
        ones = np.ones(int(kept.sum()), np.int32)
        shape = (len(data.users), len(data.items))
        matrix = sparse.csr_matrix((ones, (data.user[kept], data.item[kept])), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1
        return matrix

    def _neighbours(self, together: sparse.csr_matrix[np.int32], start: int, counts: Ints) -> tuple[Ints, Ints]:
        """How many neighbours each item of a chunk has, and all of them, best first."""
        item = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr))
        other, users = together.indices, together.data
        valid = (users >= max(1, self.min_cointeraction_count)) & (other != item + start)
        item, other, users = item[valid], other[valid], users[valid]
        strength = users / counts[other] ** self.popularity_discount_factor
        order = np.lexsort((other, -counts[other], -strength, item))
        item, other = item[order], other[order]
        lengths = np.bincount(item, minlength=together.shape[0])
        place = np.arange(len(item)) - (np.cumsum(lengths) - lengths)[item]
        first = place < MOST_NEIGHBOURS
        return np.minimum(lengths, MOST_NEIGHBOURS), other[first].astype(np.int32)


@dataclass(frozen=True)
class Neighbours:
    """Each item's neighbours: those of `i` are `found[offsets[i]:offsets[i + 1]]`, best first; `users` per item."""

    items: Vocabulary
    users: Floats
    offsets: Ints
    found: Ints

    def score(self, history: History, candidates: Ints) -> Floats:
        """By the last item of the history, the seed: its neighbours, then popular items, the seed itself at the end.

        Only the order means something. Without a seed, or for a seed without neighbours, that is the popular list.
        """
        return self._scores(history)[candidates]

    def scores_many(self, histories: Sequence[History]) -> Floats:
        """Scores of all items for many seeds, `[B, C]`."""
        return (
            np.stack([self._scores(history) for history in histories]) if histories else np.zeros((0, len(self.users)))
        )

    def _scores(self, history: History) -> Floats:
        scores: Floats = self.users / (1.0 + self.users.max(initial=0.0))
        if len(history):
            seed = history.items[-1]
            found = self.found[self.offsets[seed] : self.offsets[seed + 1]]
            scores[found] = np.arange(len(found), 0, -1)
            scores[seed] = -1.0
        return scores

    def save(self, folder: Path) -> None:
        """The items and three arrays."""
        self.items.save(folder / "items.json")
        np.save(folder / "users.npy", self.users)
        np.save(folder / "offsets.npy", self.offsets)
        np.save(folder / "neighbours.npy", self.found)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same neighbours, mapped into memory."""
        arrays = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("users", "offsets", "neighbours"))
        return cls(Vocabulary.load(folder / "items.json"), *arrays)


def _quantiles(values: Ints, low: float, high: float) -> Floats:
    """Two quantiles of the positive values."""
    positive = values[values > 0]
    return np.quantile(positive, [low, high]) if len(positive) else np.zeros(2)


def _newest_of_items(data: TrainingData, most: int) -> npt.NDArray[np.bool_]:
    """Which events are among the newest `most` of their item."""
    kept = np.ones(len(data.item), bool)
    crowded = np.flatnonzero((data.counts > most)[data.item])
    item = data.item[crowded]
    order = np.lexsort((-data.timestamp[crowded], item))
    counts = np.bincount(item, minlength=len(data.items))
    place = np.arange(len(order)) - (np.cumsum(counts) - counts)[item[order]]
    kept[crowded[order]] = place < most
    return kept


def _chunks(by_item: sparse.csr_matrix[np.int32], lengths: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of items whose users have about PAIRS_AT_ONCE events together."""
    work = np.concatenate([[0], np.cumsum(lengths[by_item.indices])])[by_item.indptr]
    steps = np.searchsorted(work, np.arange(0, work[-1], PAIRS_AT_ONCE))
    bounds = np.unique(np.concatenate([[0], steps, [by_item.shape[0]]]))
    yield from pairwise(int(bound) for bound in bounds)
