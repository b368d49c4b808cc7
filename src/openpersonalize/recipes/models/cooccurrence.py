"""Counts of items that follow each other (a Markov window) or share a user (EASE): no learning, only sums.

Both answer a history with one number per item. They are baselines on their own, and the prior that the sequence
encoder is blended with (`sequence_prior`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from openpersonalize.recipes.data import Floats, Ints, TrainingData

DISTANCE_WEIGHTS = (1.0, 0.6, 0.4, 0.3, 0.2)
"""What a pair counts when the second item follows at distance 1, 2, … 5."""
SHRINKAGE = 20.0
LOOK_BACK = 10
MARKOV_DECAY = 0.75
EASE_DECAY = 0.9
EASE_LOOK_BACK = 100
"""Events further back would weigh less than .9^100 = 3e-5."""
EASE_RIDGE = 500.0


@dataclass(frozen=True)
class Markov:
    """Which items follow which: `P = N / sqrt((rows + 20)(columns + 20))`, kept as compressed sparse rows.

    `P[i]` holds `data[indptr[i]:indptr[i + 1]]` at the columns `indices[...]`.
    """

    indptr: Ints
    indices: Ints
    data: Floats

    @classmethod
    def count(cls, events: TrainingData) -> Self:
        """Sum the pairs of every user's events."""
        from scipy import sparse

        size = len(events.items)
        parts = [_pairs(events, distance, weight) for distance, weight in enumerate(DISTANCE_WEIGHTS, start=1)]
        before, after, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
        total: Any = sparse.csr_matrix((weights, (before, after)), shape=(size, size))
        rows = np.asarray(total.sum(1)).ravel() + SHRINKAGE
        columns = np.asarray(total.sum(0)).ravel() + SHRINKAGE
        total.data /= np.sqrt(np.repeat(rows, np.diff(total.indptr)) * columns[total.indices])
        return cls(total.indptr.astype(np.int64), total.indices.astype(np.int32), total.data.astype(np.float32))

    def answer(self, items: Ints) -> Floats:
        """`sum over the last 10 events of .75^age * P[item]`, one number per item of the vocabulary."""
        answer = np.zeros(len(self.indptr) - 1, np.float32)
        for age, item in enumerate(items[: -LOOK_BACK - 1 : -1]):
            own = slice(self.indptr[item], self.indptr[item + 1])
            answer[self.indices[own]] += np.float32(MARKOV_DECAY**age) * self.data[own]
        return answer

    def save(self, folder: Path) -> None:
        """Three arrays."""
        np.save(folder / "markov_indptr.npy", self.indptr)
        np.save(folder / "markov_indices.npy", self.indices)
        np.save(folder / "markov_data.npy", self.data)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same counts, mapped into memory."""
        return cls(*(mapped(folder / f"markov_{part}.npy") for part in ("indptr", "indices", "data")))


def _pairs(events: TrainingData, distance: int, weight: float) -> tuple[Ints, Ints, Floats]:
    same_user = events.user[:-distance] == events.user[distance:]
    before, after = events.item[:-distance][same_user], events.item[distance:][same_user]
    return before, after, np.full(len(before), weight, np.float32)


@dataclass(frozen=True)
class Ease:
    """Item-to-item weights of the closed-form autoencoder EASE (Steck 2019, https://arxiv.org/abs/1905.03375).

    `weights[i]` is what an event with item `i` says for every item, [items, items], diagonal 0.
    """

    weights: Floats

    @classmethod
    def solve(cls, events: TrainingData, ridge: float = EASE_RIDGE) -> Self:
        """`B = -inv(X'X + ridge I) / diag`; cubic in the number of users or of items, whichever is smaller."""
        from scipy import sparse

        size = len(events.items)
        seen = sparse.csr_matrix(
            (np.ones(len(events.item), np.float32), (events.user, events.item)), shape=(len(events.users), size)
        )
        seen.data[:] = 1.0  # a pair that occurs twice was summed
        inverse = _by_users(seen, ridge) if seen.shape[0] < size else _by_items(seen, ridge)
        weights = inverse / -np.diag(inverse)[None, :]
        np.fill_diagonal(weights, 0.0)
        return cls(np.ascontiguousarray(weights, np.float32))

    def answer(self, items: Ints, decay: float = EASE_DECAY) -> Floats:
        """`sum over events of decay^age * B[item]`, one number per item of the vocabulary."""
        latest = items[-EASE_LOOK_BACK:]
        ages = np.arange(len(latest) - 1, -1, -1)
        answer: Floats = (decay**ages).astype(np.float32) @ self.weights[latest]
        return answer

    def save(self, folder: Path) -> None:
        """One array."""
        np.save(folder / "ease.npy", self.weights)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The same weights, mapped into memory."""
        return cls(mapped(folder / "ease.npy"))


def _by_items(seen: Any, ridge: float) -> Floats:
    """`inv(X'X + ridge I)`, [items, items], as it is written."""
    from scipy import linalg

    gram = (seen.T @ seen).toarray()
    gram[np.diag_indices(len(gram))] += ridge
    inverse: Floats = linalg.inv(gram, overwrite_a=True, check_finite=False, assume_a="pos")
    return inverse


def _by_users(seen: Any, ridge: float) -> Floats:
    """The same by Woodbury's identity: `(I - X' inv(XX' + ridge I) X) / ridge`, where only users^2 is inverted.

    With 671 users and 9,066 items it takes 2 seconds instead of 45.
    """
    from scipy import linalg

    kernel = (seen @ seen.T).toarray()
    kernel[np.diag_indices(len(kernel))] += ridge
    root = linalg.cholesky(kernel, lower=True, overwrite_a=True, check_finite=False)
    half = linalg.solve_triangular(root, seen.toarray(), lower=True, overwrite_b=True, check_finite=False)
    inverse = half.T @ half
    inverse *= np.float32(-1 / ridge)
    inverse[np.diag_indices(len(inverse))] += np.float32(1 / ridge)
    return np.asarray(inverse, np.float32)


def mapped(file: Path) -> Any:
    """An array of a file, mapped into memory; as a plain array, whose slices cost less than those of a memmap."""
    return np.asarray(np.load(file, mmap_mode="r"))
