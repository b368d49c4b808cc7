"""How good rankings are: the offline metrics of item recipes, by Amazon's formulas.

The first half defines each metric for one user, to be read; the second computes all of them over arrays, for millions
of users. `K` is a cut of the ranking, held-out items are those the user really chose next.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import log2
from typing import Self

import numpy as np

from openpersonalize.recipes.data import Floats, Ints

CUTS = (5, 10, 25)
LONGEST = 25
"""Rankings are looked at up to here."""


def reciprocal_rank(ranked: Sequence[int], relevant: AbstractSet[int]) -> float:
    """One over the place of the first hit within 25, 0 without one; later hits do not matter.

    >>> users = [([9, 9, 9, 1], {1}), ([9, 1, 9], {1}), ([9, 9, 9, 9, 9, 1, 2], {1, 2})]
    >>> round(sum(reciprocal_rank(ranked, relevant) for ranked, relevant in users) / 3, 4)
    0.3056
    >>> reciprocal_rank([7, 1, 8, 9, 2], {1, 2})
    0.5
    """
    places = (place for place, item in enumerate(ranked[:LONGEST], start=1) if item in relevant)
    return 1 / next(places, math.inf)


def precision(ranked: Sequence[int], relevant: AbstractSet[int], k: int) -> float:
    """The share of hits among the first `k`; always of `k`, even when fewer were returned.

    >>> precision([7, 1, 8, 9, 2], {1, 2}, k=5)
    0.4
    >>> precision([1, 2, 3], {1, 2, 3}, k=10)
    0.3
    """
    return sum(item in relevant for item in ranked[:k]) / k


def ndcg(ranked: Sequence[int], relevant: AbstractSet[int], k: int) -> float:
    """Discounted gain of the first `k`, as a share of the best order possible; NaN where nothing is held out.

    >>> round(ndcg([7, 1, 8, 9, 2], {1, 2}, k=5), 4)
    0.6241
    """
    return weighted_ndcg(ranked, dict.fromkeys(relevant, 1.0), k)


def weighted_ndcg(ranked: Sequence[int], gains: Mapping[int, float], k: int) -> float:
    """The same where each held-out item has a gain of its own: the weight of its event type.

    >>> round(weighted_ndcg([1, 2], {1: 0.5, 2: 1.5}, k=5), 4)
    0.7967
    """
    found = sum(gains.get(item, 0.0) / log2(place + 2) for place, item in enumerate(ranked[:k]))
    ideal = sum(gain / log2(place + 2) for place, gain in enumerate(sorted(gains.values(), reverse=True)[:k]))
    return found / ideal if ideal else math.nan


@dataclass(frozen=True)
class HeldOut:
    """What users really chose: user `u` the distinct `items[offsets[u]:offsets[u + 1]]`, each with a gain."""

    offsets: Ints
    items: Ints
    gains: Floats

    @classmethod
    def of(cls, users: Sequence[Mapping[int, float]]) -> Self:
        """From one mapping of items to gains per user."""
        items = [item for gains in users for item in gains]
        gains = [gain for own in users for gain in own.values()]
        return cls(
            np.concatenate([[0], np.cumsum([len(own) for own in users])]).astype(np.int64),
            np.asarray(items, np.int64),
            np.asarray(gains, np.float64),
        )

    @property
    def lengths(self) -> Ints:
        """Items per user."""
        return np.diff(self.offsets)

    @property
    def users(self) -> Ints:
        """The user of each item."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.lengths)


def item_metrics(rankings: Ints, held_out: HeldOut, catalogue_size: int) -> dict[str, float]:
    """The eight metrics of an item recipe, rounded to four decimals as Amazon does.

    `rankings` is `[U, 25]`, best first, -1 where a list is shorter. A user with nothing held out is left out of NDCG
    and counts 0 elsewhere. Every key is there, 0.0 where there is nothing to measure.

    >>> item_metrics(np.array([[7, 1, 8, 9, 2]]), HeldOut.of([{1: 1.0, 2: 1.0}]), 10)["coverage"]
    0.5
    """
    hits = _gains(rankings, held_out) > 0
    shown = np.unique(rankings[rankings >= 0])
    found = {"coverage": len(shown) / catalogue_size if catalogue_size else 0.0}
    found["mean_reciprocal_rank_at_25"] = _mean(_reciprocal_ranks(hits))
    plain = HeldOut(held_out.offsets, held_out.items, np.ones(len(held_out.items)))
    for k in CUTS:
        found[f"normalized_discounted_cumulative_gain_at_{k}"] = _mean(_ndcgs(hits.astype(float), plain, k))
        found[f"precision_at_{k}"] = _mean(hits[:, :k].sum(axis=1) / k)
    return _tidy(found)


def weighted_metrics(rankings: Ints, held_out: HeldOut) -> dict[str, float]:
    """NDCG with event weights, for solutions that have them; equal weights give the plain NDCG."""
    gains = _gains(rankings, held_out)
    name = "normalized_discounted_cumulative_gain_with_event_weights_at"
    return _tidy({f"{name}_{k}": _mean(_ndcgs(gains, held_out, k)) for k in CUTS})


def _gains(rankings: Ints, held_out: HeldOut) -> Floats:
    """The gain at each place of the rankings, `[U, 25]`."""
    size = 1 + max(int(rankings.max(initial=0)), int(held_out.items.max(initial=0)))
    keys = held_out.users * size + held_out.items
    order = np.argsort(keys)
    wanted = np.arange(len(rankings))[:, None] * size + rankings
    if not len(keys):
        return np.zeros(rankings.shape)
    places = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    there = (keys[order][places] == wanted) & (rankings >= 0)
    return np.where(there, held_out.gains[order][places], 0.0)


def _reciprocal_ranks(hits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    any_hit = hits[:, :LONGEST].any(axis=1)
    return np.where(any_hit, 1 / (1 + hits[:, :LONGEST].argmax(axis=1)), 0.0)


def _ndcgs(gains: Floats, held_out: HeldOut, k: int) -> Floats:
    discounts = 1 / np.log2(np.arange(k) + 2)
    found = gains[:, :k] @ discounts[: gains.shape[1]]
    # The best order: each user's gains from high to low, discounted by place.
    users = held_out.users
    order = np.lexsort((-held_out.gains, users))
    places = np.arange(len(users)) - held_out.offsets[:-1][users]
    first = places < k
    ideal = np.bincount(
        users[first],
        weights=held_out.gains[order][first] * discounts[places[first]],
        minlength=len(held_out.offsets) - 1,
    )
    usable = ideal > 0
    share: Floats = found[usable] / ideal[usable]
    return share


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _tidy(found: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) if math.isfinite(value) else 0.0 for name, value in sorted(found.items())}
