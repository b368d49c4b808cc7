"""Scores of a whole catalogue to a ranked list with the scores that clients see."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from openpersonalize.expressions.columns import Bools
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, Ints
from openpersonalize.recipes.ranking import best


@dataclass(frozen=True, slots=True)
class Ranked:
    """An item of an answer; `score` is None where the recipe gives none, or where the model does not know the item."""

    item_id: str
    score: float | None = None
    promoted: bool = False


@dataclass(frozen=True)
class Promotion:
    """Some places of a list, at least one, that are kept for items of its own."""

    percent: int
    allowed: Bools | None

    def places(self, k: int) -> int:
        """How many of `k` places are for promoted items.

        >>> [Promotion(30, None).places(k) for k in (0, 1, 3, 10, 25)]
        [0, 1, 1, 3, 7]
        """
        return min(k, max(1, k * self.percent // 100))


def recommend(
    artefact: Artefact, scores: Floats, k: int, allowed: Bools | None = None, seed: int | None = None
) -> list[Ranked]:
    """The best `k` items of the catalogue, or of those `allowed`, never the `seed`.

    Scores, where the recipe gives them, are shares of the whole catalogue, which sum to 1.
    """
    return _rows(artefact, scores, _top(scores, k, allowed, seed))


def promote(
    artefact: Artefact,
    scores: Floats,
    k: int,
    allowed: Bools | None,
    promotion: Promotion,
    *,
    seed: int | None = None,
    draw: random.Random,
) -> list[Ranked]:
    """The best promoted items at places of chance, in the order of their rank, and the best others around them.

    Where promoted items are too few, others take their places. No item stands in the list twice, but one that could be
    promoted may have an ordinary place by its rank.
    """
    promoted = _top(scores, promotion.places(k), promotion.allowed, seed)
    others = _top(scores, k, allowed, seed)
    others = others[~np.isin(others, promoted)][: k - len(promoted)]
    top = np.empty(len(promoted) + len(others), np.int64)
    here = np.zeros(len(top), np.bool_)
    here[draw.sample(range(len(top)), len(promoted))] = True
    top[here], top[~here] = promoted, others
    rows = _rows(artefact, scores, top)
    return [replace(row, promoted=True) if of_promotion else row for row, of_promotion in zip(rows, here, strict=True)]


def rank(artefact: Artefact, scores: Floats, item_ids: Iterable[str]) -> list[Ranked]:
    """The given items, best first, with shares that sum to 1; unknown ones follow in the caller's order, no score.

    Unknown are also items of the training that nobody had interacted with.
    """
    numbers, met = artefact.model.items.numbers, artefact.met
    asked = list(dict.fromkeys(item_ids))
    known = [item_id for item_id in asked if item_id in numbers and met[numbers[item_id]]]
    unknown = [Ranked(item_id) for item_id in asked if item_id not in numbers or not met[numbers[item_id]]]
    if not known:
        return unknown
    own = scores[[numbers[item_id] for item_id in known]]
    shares = softmax(own)
    order = np.argsort(-own, kind="stable")
    return [Ranked(known[place], float(shares[place])) for place in order] + unknown


def softmax(scores: Floats) -> Floats:
    """Scores as shares that sum to 1.

    >>> softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    shares = np.exp(scores.astype(np.float64) - scores.max())
    total: Floats = shares / shares.sum()
    return total


def _top(scores: Floats, k: int, allowed: Bools | None, seed: int | None) -> Ints:
    if seed is not None:
        top = _top(scores, k + 1, allowed, None)
        top = top[top != seed][:k]
    elif allowed is None:
        top = best(scores, k)
    else:
        places = np.flatnonzero(allowed)
        top = places[best(scores[places], k)]
    return top


def _rows(artefact: Artefact, scores: Floats, top: Ints) -> list[Ranked]:
    ids = artefact.model.items.ids
    if not artefact.gives_scores:
        return [Ranked(ids[item]) for item in top.tolist()]
    shares = softmax(scores)[top]
    return [Ranked(ids[item], share) for item, share in zip(top.tolist(), shares.tolist(), strict=True)]
