"""A model, a history and candidates to a ranked list with the scores that clients see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History, Ints
from openpersonalize.recipes.ranking import best


@dataclass(frozen=True, slots=True)
class Ranked:
    """An item of an answer; `score` is None where the recipe gives none, or where the model does not know the item."""

    item_id: str
    score: float | None = None


def recommend(artefact: Artefact, history: History, k: int) -> list[Ranked]:
    """The best `k` items of the whole catalogue; scores are shares of it that sum to 1 over all items.

    Somebody never seen gets the popular items.
    """
    everything = artefact.everything
    scores = artefact.model.score(history, everything)
    top = best(scores, k)
    shares = softmax(scores)[top] if artefact.gives_scores else None
    return _rows(artefact, top, shares)


def related(artefact: Artefact, item_id: str, k: int) -> list[Ranked]:
    """The `k` items most like a seed, without the seed; a seed the model does not know gets the popular items."""
    seed = artefact.model.items.numbers.get(item_id)
    history = History.empty() if seed is None else History.of([seed])
    scores = artefact.model.score(history, artefact.everything)
    top = best(scores, k + 1)
    return _rows(artefact, top[top != (-1 if seed is None else seed)][:k], None)


def rank(artefact: Artefact, history: History, item_ids: Iterable[str]) -> list[Ranked]:
    """The given items, best first, with shares that sum to 1; unknown ones follow in the caller's order, no score."""
    asked = list(dict.fromkeys(item_ids))
    known = [item_id for item_id in asked if item_id in artefact.model.items.numbers]
    unknown = [Ranked(item_id) for item_id in asked if item_id not in artefact.model.items.numbers]
    if not known:
        return unknown
    candidates = np.asarray([artefact.model.items.numbers[item_id] for item_id in known])
    scores = artefact.model.score(history, candidates)
    shares = softmax(scores)
    order = np.argsort(-scores, kind="stable")
    return [Ranked(known[place], float(shares[place])) for place in order] + unknown


def softmax(scores: Floats) -> Floats:
    """Scores as shares that sum to 1.

    >>> softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    shares = np.exp(scores.astype(np.float64) - scores.max())
    total: Floats = shares / shares.sum()
    return total


def _rows(artefact: Artefact, top: Ints, shares: Sequence[float] | Floats | None) -> list[Ranked]:
    ids = artefact.model.items.ids
    if shares is None:
        return [Ranked(ids[item]) for item in top]
    return [Ranked(ids[item], float(share)) for item, share in zip(top, shares, strict=True)]
