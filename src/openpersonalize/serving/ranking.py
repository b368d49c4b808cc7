"""Scores of a whole catalogue to a ranked list with the scores that clients see."""

from collections.abc import Iterable
from dataclasses import dataclass

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


def recommend(artefact: Artefact, scores: Floats, k: int, allowed: Bools | None = None) -> list[Ranked]:
    """The best `k` items of the catalogue, or of those `allowed`; scores are shares of all of it that sum to 1."""
    top = _top(scores, k, allowed)
    shares = softmax(scores)[top] if artefact.gives_scores else None
    return _rows(artefact, top, shares)


def related(artefact: Artefact, scores: Floats, seed: int | None, k: int, allowed: Bools | None = None) -> list[Ranked]:
    """The best `k` items, of those `allowed`, without the seed itself."""
    top = _top(scores, k + 1, allowed)
    return _rows(artefact, top[top != (-1 if seed is None else seed)][:k], None)


def rank(artefact: Artefact, scores: Floats, item_ids: Iterable[str]) -> list[Ranked]:
    """The given items, best first, with shares that sum to 1; unknown ones follow in the caller's order, no score."""
    numbers = artefact.model.items.numbers
    asked = list(dict.fromkeys(item_ids))
    known = [item_id for item_id in asked if item_id in numbers]
    unknown = [Ranked(item_id) for item_id in asked if item_id not in numbers]
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


def _top(scores: Floats, k: int, allowed: Bools | None) -> Ints:
    if allowed is None:
        return best(scores, k)
    places = np.flatnonzero(allowed)
    top: Ints = places[best(scores[places], k)]
    return top


def _rows(artefact: Artefact, top: Ints, shares: Floats | None) -> list[Ranked]:
    ids = artefact.model.items.ids
    if shares is None:
        return [Ranked(ids[item]) for item in top.tolist()]
    return [Ranked(ids[item], share) for item, share in zip(top.tolist(), shares.tolist(), strict=True)]
