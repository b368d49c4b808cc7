"""What is added to the encoder's logits: counts of co-occurrence, recent popularity, and whether repeats happen.

    z_j = encoder_j + a log(M_j + 1e-4) + b S_j + c log(recent_j) + r [j in the history]

M is the Markov window and S is EASE. The four weights are chosen on held-out events, and zero is always a choice:
where counts do not help they are not kept. On short histories they carry most of the quality.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from openpersonalize.recipes.data import Floats, Ints, TrainingData
from openpersonalize.recipes.models.cooccurrence import Ease, Markov

EASE_LIMIT = 10_000
"""Most items for which the items x items matrix is built: 400 MB."""
MARKOV_FLOOR = np.float32(1e-4)
MARKOV_GRID = (0.0, 0.3, 0.5, 0.8, 1.2, 2.0)
EASE_GRID = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)
RECENT_GRID = (0.0, 0.1, 0.2, 0.4)
REPEAT_GRID = (0.0, -1.0, -2.0, -4.0, -8.0)
DEPTH = 25
RECENT_SHARE = 20
"""Recent means the latest 1/20 of the events."""
RECENT_PRIOR = 20.0


@dataclass(frozen=True)
class Weights:
    """How much of each part is added."""

    markov: float = 0.0
    ease: float = 0.0
    recent: float = 0.0
    repeat: float = 0.0


@dataclass(frozen=True)
class Prior:
    """The parts and their weights; `warm` tells which items have events."""

    weights: Weights
    warm: Any
    recent: Floats
    markov: Markov | None = None
    ease: Ease | None = None

    @classmethod
    def count(cls, data: TrainingData, warm: Any) -> "Prior":
        """All parts, with no weight yet."""
        ease = Ease.solve(data) if len(data.items) <= EASE_LIMIT else None
        return cls(Weights(), warm, recent_trend(data), Markov.count(data), ease)

    def weighted(self, weights: Weights) -> "Prior":
        """The same with these weights, keeping only the parts that count."""
        return replace(
            self,
            weights=weights,
            markov=self.markov if weights.markov else None,
            ease=self.ease if weights.ease else None,
        )

    def parts(self, items: Ints) -> tuple[Floats, Floats]:
        """Markov's and EASE's answer to a history, as they are added, [items] each."""
        nothing = np.zeros(len(self.warm), np.float32)
        markov = nothing if self.markov is None else np.log(self.markov.answer(items) + MARKOV_FLOOR)
        ease = nothing if self.ease is None else self.ease.answer(items)
        return markov, ease

    def blend(self, items: Ints) -> Floats:
        """The parts that have weight, weighted and summed, [items]."""
        weights = self.weights
        total = np.float32(weights.recent) * self.recent
        if self.markov is not None and weights.markov:
            total += np.float32(weights.markov) * np.log(self.markov.answer(items) + MARKOV_FLOOR)
        if self.ease is not None and weights.ease:
            total += np.float32(weights.ease) * self.ease.answer(items)
        return total

    def add(self, scores: Floats, items: Ints) -> None:
        """Add to the logits of one history, in place; `scores` may go on beyond the items that were counted.

        Items without events get nothing, and the mean of what the others get is taken off, so that counts do not push
        new items down.
        """
        weights = self.weights
        if weights.markov or weights.ease or weights.recent:
            added = centred(self.blend(items), self.warm)
            scores[: len(added)] += added
        if weights.repeat:
            scores[np.unique(items)] += weights.repeat


def centred(added: Floats, warm: Any) -> Floats:
    """Mean 0 over the warm items of the last axis, 0 at the others."""
    share = warm.astype(np.float32)
    total = share.sum(dtype=np.float32)
    mean = (added @ share)[..., None] / max(total, np.float32(1))
    centred: Floats = ((added - mean) * share).astype(np.float32, copy=False)
    return centred


def recent_trend(data: TrainingData) -> Floats:
    """Log of how much more often than usual each item was met in the latest events; 0 when times do not differ."""
    size = len(data.items)
    recent = len(data.item) // RECENT_SHARE
    if not recent or data.timestamp.min() == data.timestamp.max():
        return np.zeros(size, np.float32)
    latest = np.argsort(data.timestamp, kind="stable")[-recent:]
    usual = data.counts * (recent / len(data.item))
    now = np.bincount(data.item[latest], minlength=size)
    return np.log((now + RECENT_PRIOR) / (usual + RECENT_PRIOR)).astype(np.float32)


@dataclass(frozen=True)
class Trial:
    """Held-out events with everything that may be added to their logits: [points, items] each."""

    encoder: Floats
    markov: Floats
    ease: Floats
    recent: Floats
    seen: Any
    targets: Ints

    @classmethod
    def of(cls, encoder: Floats, prior: Prior, histories: Sequence[Ints], targets: Ints) -> "Trial":
        """`encoder` are the logits of the histories, without any prior."""
        parts = [prior.parts(items) for items in histories]
        seen = np.zeros(encoder.shape, bool)
        for row, items in enumerate(histories):
            seen[row, items] = True
        markov, ease = (centred(np.stack(column), prior.warm) for column in zip(*parts, strict=True))
        return cls(encoder, markov, ease, centred(prior.recent, prior.warm), seen, targets)

    def ndcg(self, weights: Weights) -> float:
        """Mean NDCG@25 over the held-out events, all items being ranked."""
        z = self.encoder + np.float32(weights.markov) * self.markov
        z += np.float32(weights.ease) * self.ease
        z += np.float32(weights.recent) * self.recent
        z += np.float32(weights.repeat) * self.seen
        own = z[np.arange(len(z)), self.targets][:, None]
        rank = (z > own).sum(1) + (z == own).sum(1) - 1
        return float(np.where(rank < DEPTH, 1 / np.log2(rank + 2), 0.0).mean())

    def best(self, *, recency: bool) -> tuple[Weights, dict[str, float]]:
        """The best weights found one group after the other, and the NDCG@25 without and with them."""
        best = Weights()
        start = score = self.ndcg(best)
        for group in _groups(recency=recency):
            for values in group:
                weights = replace(best, **values)
                tried = self.ndcg(weights)
                if tried > score:
                    best, score = weights, tried
        return best, {"encoder": start, "blend": score}


def _groups(*, recency: bool) -> Iterator[list[dict[str, float]]]:
    repeats = [{"repeat": value} for value in REPEAT_GRID]
    yield repeats
    yield [{"markov": markov, "ease": ease} for markov, ease in product(MARKOV_GRID, EASE_GRID)]
    if recency:
        yield [{"recent": value} for value in RECENT_GRID]
    yield repeats
